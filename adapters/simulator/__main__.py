"""Runs the simulator: `python -m adapters.simulator --port 8801 --provider alpha:gsma --provider bank:iso20022`."""

import argparse
import asyncio
import importlib
import tomllib
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
from aiohttp import web

from adapters.simulator.app import Simulator
from adapters.simulator.provider import Settings
from adapters.simulator.seed import Seed, read_seeds


def main() -> None:
    """Read the arguments and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m adapters.simulator", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--provider", action="append", required=True, metavar="NAME:DIALECT[:sync]")
    parser.add_argument("--journal", type=Path, help="file that keeps what was decided over a restart")
    parser.add_argument("--seed", type=Path, help="TOML file of what each provider has at the beginning")
    parser.add_argument("--latency-ms", type=int, default=0, help="between the answer and the callback")
    parser.add_argument("--late-s", type=float, default=3, help="the same for amounts that end in 02")
    parser.add_argument("--client", default="makutano:demo", metavar="ID:SECRET")
    given = parser.parse_args()
    try:
        seeds = read_seeds(given.seed) if given.seed else {}
        providers = [_settings(each, given, seeds) for each in given.provider]
        if unknown := seeds.keys() - {each.name for each in providers}:
            parser.error(f"{given.seed} has a table for {sorted(unknown)}, and no provider is called so")
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, OSError) as error:
        parser.error(str(error))
    # uvloop is not there on Windows.
    with suppress(ImportError):
        asyncio.set_event_loop_policy(importlib.import_module("uvloop").EventLoopPolicy())
    web.run_app(
        Simulator(providers, journal=given.journal).app,
        host=given.host,
        port=given.port,
        access_log=None,
        print=partial(print, flush=True),  # the first line says that it listens
    )


def _settings(text: str, given: argparse.Namespace, seeds: dict[str, Seed]) -> Settings:
    name, _, rest = text.partition(":")
    dialect, _, style = rest.partition(":")
    if style not in ("", "sync"):
        raise msgspec.ValidationError(f"{text!r}: the third part can only be sync")
    fields = {
        "name": name,
        "dialect": dialect,
        "sync": style == "sync",
        "latency_s": given.latency_ms / 1000,
        "late_s": given.late_s,
        "client": given.client,
    }
    return msgspec.structs.replace(msgspec.convert(fields, Settings), seed=seeds.get(name))


if __name__ == "__main__":
    main()
