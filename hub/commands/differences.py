"""`hub differences ...`: what two books do not say alike, and what two people decide that it comes to."""

from typing import Annotated, Any

import typer

from hub.commands.acting import fresh_id, propose
from hub.commands.plain import Limit, id_in, loop, one_of, out
from hub.settings import Settings

differences = typer.Typer(no_args_is_help=True, help="Where the bank's or a participant's books differ from the hub's.")

Id = Annotated[str, typer.Argument(metavar="DIFFERENCE", help="its id, as `hub differences list` shows it")]


@differences.command("list")
def list_(
    source: Annotated[str, typer.Option("--with", help="bank, or a participant; unset: everybody")] = "",
    every: Annotated[bool, typer.Option("--all", help="also those that are resolved")] = False,  # noqa: FBT002
    limit: Limit = 50,
) -> None:
    """List open differences, the newest first. Example: [cyan]hub differences list --with bank[/]"""
    from hub.core.office.records import Difference, DifferenceState  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.files import differences_table  # noqa: PLC0415

    async def main() -> None:
        where: dict[str, Any] = {"source": source} if source else {}
        where |= {} if every else {"state": DifferenceState.OPEN}
        async with opened(Settings()) as store:
            found = await store.records.found(Difference, limit=limit, **where)
        out.print(differences_table(found) if found else "no differences")

    loop(main)


@differences.command("show")
def show(id_: Id) -> None:
    """Show a difference with both sides of it. Example: [cyan]hub differences show 0195f3...[/]"""
    from hub.core.office.records import Difference  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.files import difference_shown  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            found = await store.records.one(Difference, id_in(id_))
        if found is None:
            raise ValueError(f"there is no difference {id_}; `hub differences list` shows which there are")
        out.print(difference_shown(found), highlight=False)

    loop(main)


@differences.command("resolve")
def resolve(
    id_: Id,
    how: Annotated[
        str, typer.Argument(metavar="HOW", help="accept_booked, resend, into_funds or ignore", show_default=False)
    ],
    by: Annotated[str, typer.Option(help="your name, for the record")],
    why: Annotated[str, typer.Option(help="for whoever is to approve it, and for the record")],
    reference: Annotated[str, typer.Option(help="the bank's own, of a payment that it never told of")] = "",
    participant: Annotated[str, typer.Option(help="into_funds: whose money it is")] = "",
) -> None:
    """Propose what a difference comes to. Example: [cyan]hub differences resolve 0195f3... ignore --by me --why fee[/]

    accept_booked: the payment is posted by what the bank booked, and the rest is in suspense. resend: a new payment
    takes the place of one that was refused, or booked wrongly. into_funds: what came in is a participant's.
    """
    from hub.core.office.records import Difference  # noqa: PLC0415
    from hub.core.office.resolving import Resolution, Resolve, currency_of  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        resolution = one_of(how, Resolution)
        if resolution is Resolution.INTO_FUNDS and not participant:
            raise ValueError("whose money is it? Say --participant")
        async with opened(Settings()) as store:
            found = await store.records.one(Difference, id_in(id_))
        if found is None:
            raise ValueError(f"there is no difference {id_}; `hub differences list` shows which there are")
        is_new = resolution in (Resolution.RESEND, Resolution.INTO_FUNDS)
        known = str(found.theirs.get("bank_reference", ""))
        deed = Resolve(
            by=by,
            difference=found.id,
            payment=found.subject if found.source == "bank" else "",
            about=found.about,
            resolution=resolution,
            why=why,
            bank_reference=reference or (known if resolution is Resolution.INTO_FUNDS else ""),
            participant=participant,
            currency=currency_of(found),
            fresh=fresh_id() if is_new else "",
        )
        await propose(deed, about=f"{found.kind} {found.reference or found.subject}: {resolution}", why=why)

    loop(main)
