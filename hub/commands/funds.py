"""`hub funds ...`: money to and from the settlement bank, proposed and followed; it decides nothing."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.commands.acting import fresh_id, propose
from hub.commands.plain import Limit, id_in, loop, out
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.core.office.funds import ConfirmFunds, RefuseFunds

funds = typer.Typer(no_args_is_help=True, help="Prefunding and guarantees: two people, then the settlement bank.")

Participant = Annotated[str, typer.Argument()]
Amount = Annotated[str, typer.Argument(help="such as 250000.50")]
Currency = Annotated[str, typer.Argument()]
By = Annotated[str, typer.Option(help="your name, for the record")]
Why = Annotated[str, typer.Option(help="for whoever is to approve it, and for the record")]
Guarantee = Annotated[bool, typer.Option("--guarantee", help="not for the position: for participants that cannot pay")]
Id = Annotated[str, typer.Argument(metavar="FUNDS", help="the funds' id, as `hub funds list` shows it")]
Reference = Annotated[str, typer.Option(help="the bank's own reference; it is said once")]


@funds.command("in")
def in_(
    participant: Participant,
    amount: Amount,
    currency: Currency,
    by: By,
    why: Why,
    guarantee: Guarantee = False,  # noqa: FBT002
) -> None:
    """Expect money from a participant. Example: [cyan]hub funds in baobab 250000 KES --by me --why "its letter"[/]

    It is in the books when the settlement bank has booked it: by its file, or by `hub funds confirm`.
    """
    _move(participant, amount, currency, by=by, why=why, guarantee=guarantee, is_out=False)


@funds.command("out")
def out_(
    participant: Participant,
    amount: Amount,
    currency: Currency,
    by: By,
    why: Why,
    guarantee: Guarantee = False,  # noqa: FBT002
) -> None:
    """Pay money out to a participant. Example: [cyan]hub funds out baobab 250000 KES --by me --why "its letter"[/]

    It is held from the approval on, and leaves the books when the settlement bank has booked it.
    """
    _move(participant, amount, currency, by=by, why=why, guarantee=guarantee, is_out=True)


@funds.command("confirm")
def confirm(id_: Id, reference: Reference, by: By, why: Why) -> None:
    """Say that the bank has booked it. Example: [cyan]hub funds confirm 0195f3... --reference B-7 --by me --why call[/]

    For a bank that sends no files.
    """
    from hub.core.office.funds import ConfirmFunds  # noqa: PLC0415

    _say(ConfirmFunds, id_, reference=reference, by=by, why=why)


@funds.command("refused")
def refused(id_: Id, reference: Reference, by: By, why: Why) -> None:
    """Say that the bank refuses it. Example: [cyan]hub funds refused 0195f3... --reference R-9 --by me --why call[/]

    For a bank that sends no files. What was held is let go of.
    """
    from hub.core.office.funds import RefuseFunds  # noqa: PLC0415

    _say(RefuseFunds, id_, reference=reference, by=by, why=why)


@funds.command("list")
def list_(
    participant: Annotated[str, typer.Option(help="whose; unset: everybody's")] = "",
    limit: Limit = 50,
) -> None:
    """List funds that were approved, the newest first. Example: [cyan]hub funds list --participant baobab[/]"""
    from hub.core.office.records import Funds  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.office import funds_table  # noqa: PLC0415

    async def main() -> None:
        where: dict[str, Any] = {"participant": participant} if participant else {}
        async with opened(Settings()) as store:
            found = await store.records.found(Funds, limit=limit, **where)
        out.print(funds_table(found) if found else "no funds were approved")

    loop(main)


def _move(participant: str, amount: str, currency: str, *, by: str, why: str, guarantee: bool, is_out: bool) -> None:
    from hub.core.office.funds import MoveFunds  # noqa: PLC0415
    from hub.core.office.records import Purpose  # noqa: PLC0415
    from routing.money import Money  # noqa: PLC0415

    async def main() -> None:
        money = Money.parse(amount, currency.upper())
        purpose = Purpose.GUARANTEE if guarantee else Purpose.POSITION
        deed = MoveFunds(
            by=by, funds=fresh_id(), participant=participant, money=money, out=is_out, purpose=purpose, why=why
        )
        about = f"{money} {money.currency} {'out to' if is_out else 'in from'} {participant}"
        await propose(deed, about=f"{about}, guarantee" if guarantee else about, why=why)
        out.print("Then the bank books it: its file says so, or two people and its own reference:", highlight=False)
        confirm = f"  hub funds confirm {deed.funds} --reference ... --by NAME --why ..."
        out.print(confirm, highlight=False, soft_wrap=True)

    loop(main)


def _say(kind: "type[ConfirmFunds | RefuseFunds]", id_: str, *, reference: str, by: str, why: str) -> None:
    from hub.core.office.records import Funds  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from routing.money import Money  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            found = await store.records.one(Funds, id_in(id_))
        if found is None:
            raise ValueError(f"no funds {id_} were approved; `hub funds list` shows which were")
        who, currency = found.participant, found.currency
        deed = kind(by=by, funds=found.id, participant=who, currency=currency, reference=reference, why=why)
        way = "out to" if found.out else "in from"
        about = f"{Money(found.minor, currency)} {currency} {way} {who}, by the bank's {reference}"
        await propose(deed, about=about, why=why)

    loop(main)
