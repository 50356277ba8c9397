"""Figures of a bench: shown as a table, and written as JSON where somebody wants them; it measures nothing."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table


def shown(figures: dict[str, Any]) -> Table:
    """Return the figures as a table."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in figures.items():
        text = ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(name, text)
    return table


async def report(console: Console, figures: dict[str, Any], json_file: Path | None) -> None:
    """Show the figures, and write them."""
    console.print(shown(figures))
    if json_file is not None:
        encoded = msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n"
        await asyncio.to_thread(json_file.write_bytes, encoded)
