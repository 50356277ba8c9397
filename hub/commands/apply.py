"""`hub apply`: a scheme file is put before a second person, the first one in force at once; it decides nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.commands.acting import by_admins, propose
from hub.commands.plain import loop, out
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.core.participant import SchemeFile
    from hub.store.sql import SqlStore

_COLOURS = {"+": "green", "-": "red", "~": "yellow"}


def apply(
    file: Annotated[Path, typer.Argument(help="the scheme file", exists=True, dir_okay=False)],
    by: Annotated[str, typer.Option(help="your name, for the record")] = "",
    why: Annotated[str, typer.Option(help="for whoever is to approve it, and for the record")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the difference and stop")] = False,  # noqa: FBT002
) -> None:
    """Put a scheme file in force, in one commit. Example: [cyan]hub apply config/scheme.toml --dry-run[/]

    While there are not two admins this is done at once, by whoever has the database. Afterwards one admin proposes it
    and another approves it: --by and --why are needed then.
    """
    from hub.core.office.applying import ApplyScheme, names_of  # noqa: PLC0415
    from hub.core.office.operators import ADMINS_MIN  # noqa: PLC0415
    from hub.core.office.records import Operator  # noqa: PLC0415
    from hub.core.office.scheme_difference import difference, meaning  # noqa: PLC0415
    from hub.roles.keys import unreadable  # noqa: PLC0415
    from hub.roles.scheme import read_scheme  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        after = read_scheme(file)
        async with opened(Settings()) as store:
            base, before = await _in_force(store)
            lines = difference(before, after)
            for line in (*([] if before is None else meaning(before, after)), *lines):
                out.print(line, style=_COLOURS.get(line[0]), highlight=False, markup=False)
            for line in unreadable(after):
                out.print(line, style="bold red", highlight=False, markup=False, soft_wrap=True)
            if not lines:
                out.print("nothing to change")
            if dry_run or not lines:
                return
            if before is None or len(await store.records.found(Operator, admin="yes")) < ADMINS_MIN:
                version = await store.apply_scheme(after, by or "owner")
                out.print(f"version {version} is in force", style="bold")
                return
        by_admins(by, why)
        deed = ApplyScheme(by=by, base=base, models=names_of(before), file=after, why=why)
        await propose(deed, about=f"{file.name}, in the place of version {base}", why=why)

    loop(main)


async def _in_force(store: "SqlStore") -> "tuple[int, SchemeFile | None]":
    """Return the version in force and its file; 0 and None before the first."""
    from hub.core.participant import NoSchemeError  # noqa: PLC0415

    try:
        found = await store.scheme()
    except NoSchemeError:
        return 0, None
    return found.version, found.file
