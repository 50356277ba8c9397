"""`hub notices ...`: see what could not be told to a participant, and have it told again; it decides nothing."""

from typing import Annotated

import typer

from hub.commands.plain import Limit, loop, out
from hub.settings import Settings

notices = typer.Typer(no_args_is_help=True, help="See what could not be told to a participant, and tell it again.")


@notices.command("list")
def list_parked(limit: Limit = 50) -> None:
    """List the callbacks and notices that are not tried any more, and why. Example: [cyan]hub notices list[/]"""
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            parked = await store.letters.parked(limit)
        for each in parked:
            out.print(f"{each.transfer} {each.queue} after {each.attempts}: {each.note}", highlight=False, markup=False)
        if not parked:
            out.print("everybody was told")

    loop(main)


@notices.command("again")
def again(id_: Annotated[str, typer.Argument(metavar="TRANSFER", help="the transactionReference, or a batch")]) -> None:
    """Have the notices of a transfer sent again. Example: [cyan]hub notices again 0195f3...[/]"""
    from hub.roles.notices import tell_again  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            count = await tell_again(store, id_)
        out.print(f"{count} to be sent; a worker begins within a second")

    loop(main)
