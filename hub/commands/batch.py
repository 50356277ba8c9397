"""`hub batch ...`: bring a file of payments as a batch, approve it, follow it, take its results; it decides nothing."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from hub.commands.acting import named
from hub.commands.plain import loop, out
from hub.settings import Settings

batches = typer.Typer(no_args_is_help=True, help="Bring a file of payments as a batch, and see what became of it.")

Id = Annotated[str, typer.Argument(metavar="ID")]


@batches.command("upload")
def upload(
    file: Annotated[Path, typer.Argument(help="a CSV file", exists=True, dir_okay=False)],
    participant: Annotated[str, typer.Option("--as", help="the participant that asks for the payments")],
    by: Annotated[str, typer.Option(help="your name; where operators are admitted, it is needed")] = "",
    title: Annotated[str, typer.Option(help="its title; unset: the file's name")] = "",
    checked: Annotated[bool, typer.Option("--checked", help="somebody else is to approve it")] = False,  # noqa: FBT002
    again: Annotated[bool, typer.Option("--again", help="the same file once more")] = False,  # noqa: FBT002
) -> None:
    """Bring the rows amount,currency,type,debitParty,creditParty,reference,description as a batch.

    A party is written key@value, as in msisdn@+254700111222. Example: [cyan]hub batch upload may.csv --as baobab[/]
    """
    from hub.core.office.records import Operator  # noqa: PLC0415
    from hub.roles.bulk import upload  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            if by or await store.records.found(Operator, limit=1):
                await named(store, by)
            batch, progress = await upload(
                store, file, participant, by=by or "operator", title=title, checked=checked, again=again
            )
        out.print(f"{batch.id} is {batch.status}: {progress.parsed} rows read, {progress.rejected} rejected")

    loop(main)


@batches.command("approve")
def approve(id_: Id, by: Annotated[str, typer.Option(help="your name; not the one of whoever brought it")]) -> None:
    """Approve a batch that waits for it. Example: [cyan]hub batch approve 0195f3... --by desk-1[/]"""
    from hub.roles.bulk import approve  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            await named(store, by)
            batch = await approve(store, id_, by)
        out.print(f"{batch.id} is {batch.status}")

    loop(main)


@batches.command("show")
def show(id_: Id) -> None:
    """Show how far a batch is. Example: [cyan]hub batch show 0195f3...[/]"""
    import msgspec  # noqa: PLC0415

    from hub.roles.bulk import find  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            batch = await find(store, id_)
            progress = await store.batches.progress(batch.id)
        out.print(f"{batch.id} of {batch.caller}, {batch.header.get('batchTitle', 'untitled')!r}: {batch.status}")
        for name, count in msgspec.to_builtins(progress).items():
            out.print(f"  {name:10} {count}", highlight=False)

    loop(main)


@batches.command("results")
def results(id_: Id) -> None:
    """Write a CSV line for every row that has ended. Example: [cyan]hub batch results 0195f3... > out.csv[/]"""
    from hub.roles.bulk import write_results  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            await write_results(store, id_, sys.stdout)

    loop(main)
