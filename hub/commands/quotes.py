"""`hub quote` and `hub explain`: what a transfer would cost now, and why a price is what it is; they bind nobody."""

from typing import TYPE_CHECKING, Annotated

import typer

from hub.commands.plain import id_in, loop, out
from hub.commands.rates import now_ms
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.core.participant import Scheme
    from hub.core.pricing.quote import Ask


def quote(
    amount: Annotated[str, typer.Argument(help="what is sent; with --receive, what is to arrive")],
    source: Annotated[str, typer.Argument(help="the currency that is sent")],
    target: Annotated[str, typer.Argument(help="the currency that arrives")],
    payer: Annotated[str, typer.Option("--from", help="the payer's participant")],
    payee: Annotated[str, typer.Option("--to", help="the payee's participant")],
    receive: Annotated[bool, typer.Option("--receive", help="the amount is what is to arrive")] = False,  # noqa: FBT002
    type_: Annotated[str, typer.Option("--type", help="of the transaction")] = "inttransfer",
) -> None:
    """Show what a transfer would cost at the present rates; it binds nobody and is not kept.

    The payee's own provider is not asked. Example: [cyan]hub quote 10000 KES UGX --from baobab --to nile[/]
    """
    from hub.core.pricing.fees import Way  # noqa: PLC0415
    from hub.core.pricing.quote import Ask, offers  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.prices import quote_table  # noqa: PLC0415
    from routing.money import Money  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            scheme, market = await store.scheme(), await store.market()
        way = Way(payer, payee, type_, source.upper(), target.upper())
        fixed = Money.parse(amount, way.target if receive else way.source)
        ask = Ask(way, fixed, receive=receive)
        _check(ask, scheme)
        ask = ask._replace(deliveries=scheme.participants[payee].deliveries or ("",))
        found = offers(ask, scheme, market, now_ms(), id_="what if")
        out.print(quote_table(found.quotes, found.left_out, now_ms()))
        corridor = scheme.corridors.get((way.source, way.target))
        if corridor is not None and corridor.requires:
            out.print(f"the corridor requires {', '.join(corridor.requires)}", style="dim", highlight=False)
        if not found.quotes:
            raise ValueError(f"nobody carries it now: {found.reason}")

    loop(main)


def _check(ask: "Ask", scheme: "Scheme") -> None:
    """Refuse what no quotation could be asked for, and say what there is."""
    way = ask.way
    for who, currency in ((way.payer_fsp, way.source), (way.payee_fsp, way.target)):
        participant = scheme.participants.get(who)
        if participant is None:
            raise ValueError(f"the scheme has no participant {who!r}; there are {', '.join(scheme.participants)}")
        if currency not in participant.currencies:
            held = ", ".join(participant.currencies) or "no currency"
            raise ValueError(f"{who} does not settle in {currency}; it settles in {held}")
    if way.source != way.target and (way.source, way.target) not in scheme.corridors:
        pairs = ", ".join(f"{each[0]}-{each[1]}" for each in scheme.corridors)
        raise ValueError(f"there is no corridor from {way.source} to {way.target}; there are {pairs or 'none'}")


def explain(
    id_: Annotated[str, typer.Argument(metavar="ID", help="a quotationReference, quoteId or transactionReference")],
) -> None:
    """Explain a price: each rate, spread, fee and rounding, its expiry, what was left out and why, who used it.

    Example: [cyan]hub explain 0195f3...[/]
    """
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.explain import explanation  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            out.print(await explanation(store, id_in(id_), now_ms()))

    loop(main)
