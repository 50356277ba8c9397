"""`hub archive ...`: take a month out of the ledger into files that prove themselves; it decides nothing."""

from pathlib import Path
from typing import Annotated

import typer

from hub.commands.plain import loop, out, plainly
from hub.settings import Settings

archive = typer.Typer(no_args_is_help=True, help="Months that leave the ledger for files; see docs/archive.md.")


@archive.command("month")
def month(
    name: Annotated[str, typer.Argument(metavar="MONTH", help="such as 2026-07, in UTC: the oldest there is")],
    to: Annotated[Path, typer.Option(help="the folder that its own folder is made in", file_okay=False)],
    drop: Annotated[bool, typer.Option("--drop", help="drop its tables too, once copies are kept")] = False,  # noqa: FBT002
) -> None:
    """Archive a month that is over and proved. Example: [cyan]hub archive month 2026-07 --to /srv/archive[/]"""
    import asyncio  # noqa: PLC0415

    from psycopg.errors import LockNotAvailable  # noqa: PLC0415

    from hub.roles.store import database  # noqa: PLC0415
    from hub.store.ledger_archive import archive_month  # noqa: PLC0415
    from hub.store.ledger_files import ArchiveError  # noqa: PLC0415

    async def main() -> None:
        async with database(Settings()) as url:
            try:
                found = await asyncio.to_thread(archive_month, url, name, to, drop=drop)
            except ArchiveError as error:
                raise ValueError(str(error)) from error
            except LockNotAvailable as error:
                raise ValueError("the ledger is being read just now: say the same again") from error
        out.print(f"archived: journals {found.first} to {found.last} in {to / name}", highlight=False)
        if not drop:
            out.print("Its tables are kept beside the ledger until they are dropped; copy the folder first.")

    loop(main)


@archive.command("verify")
def verify(
    folder: Annotated[Path, typer.Argument(help="an archived month", exists=True, file_okay=False)],
) -> None:
    """Audit an archived month from its files alone. Example: [cyan]hub archive verify /srv/archive/2026-07[/]"""
    from hub.store.ledger_files import ArchiveError, read_manifest, verify_archive  # noqa: PLC0415

    with plainly():
        try:
            manifest, findings = read_manifest(folder), verify_archive(folder)
        except ArchiveError as error:
            raise ValueError(str(error)) from error
    for finding in findings:
        out.print(finding, style="red", highlight=False, markup=False)
    if findings:
        raise typer.Exit(1)
    out.print(f"journals {manifest.first} to {manifest.last}: digests, chain and balances are right", highlight=False)
