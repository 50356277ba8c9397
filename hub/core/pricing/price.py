"""A price: what a transfer takes from whom and gives to whom, in every currency it touches; only shapes and sums.

It is agreed in a quote or made at admission, kept with the transfer, and never changes: what is reserved is what is
posted, voided, reversed.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from routing.money import Money
from routing.party import Party

HUB: Final = ""  # on a leg: the scheme's own account of fees


class Side(StrEnum):
    """Whose customer pays a fee."""

    PAYER = "payer"
    PAYEE = "payee"


class Fee(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fee or tax. Those of the payer are taken beside the amount sent, those of the payee out of what arrives."""

    name: str
    paid_by: Side
    earned_by: str  # a participant; HUB
    money: Money
    tax: bool = False


class Hop(msgspec.Struct, frozen=True):
    """One conversion: the FX provider takes the source and gives the target."""

    provider: str
    source: Money
    target: Money
    rate: str


class Leg(msgspec.Struct, frozen=True):
    """One currency's movement between two positions."""

    debit: str
    credit: str  # a participant; HUB
    money: Money


class Count(msgspec.Struct, frozen=True):
    """What a transfer adds to the tally of a limit; given back when it ends with nothing moved."""

    key: str
    minor: int
    ends_ms: int


class Price(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What everybody pays and gets. Times are Unix milliseconds."""

    sent: Money  # the amount of the request
    taken: Money  # what the payer's account loses: what is sent, and the payer's fees
    given: Money  # what the payee's account gains, after the payee's fees
    legs: tuple[Leg, ...]
    fees: tuple[Fee, ...] = ()
    hops: tuple[Hop, ...] = ()
    rate: str = ""  # what one unit sent is worth where it arrives
    expires_ms: int | None = None  # until when it is honoured
    converter: str = ""  # the connection over which the FX provider must confirm
    counts: tuple[Count, ...] = ()
    quote: str = ""

    @property
    def providers(self) -> tuple[str, ...]:
        """List the FX providers."""
        return tuple(hop.provider for hop in self.hops)


class Quote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One offer: its price, and why it stands where it stands."""

    id: str
    price: Price
    why: str  # the conversions, with their published rates and spreads; empty: none
    payer_fsp: str
    payee_fsp: str
    type: str  # of the payment that it is for
    payer: Party = ()
    payee: Party = ()
    delivery: str = ""
    own: str = ""  # what the payee FSP calls it


def explained(quotes: Sequence[Quote]) -> list[str]:
    """Say in words what each quote comes to and came of, the best first."""
    return [f"{number} of {len(quotes)}: {_explained(quote)}" for number, quote in enumerate(quotes, 1)]


def _explained(quote: Quote) -> str:
    price = quote.price
    fees = (f"{fee.name} {fee.money} {fee.money.currency} paid by the {fee.paid_by}" for fee in price.fees)
    comes_to = f"takes {price.taken} {price.taken.currency}, gives {price.given} {price.given.currency}"
    return "; ".join(part for part in (comes_to, quote.why, *fees) if part)


def priced(
    *,
    payer_fsp: str,
    payee_fsp: str,
    sent: Money,
    converted: Money,
    fees: Sequence[Fee],
    hops: Sequence[Hop] = (),
    rate: str = "",
) -> Price:
    """Put a price together: what is taken is what is sent plus fees, what arrives is what is given plus fees."""
    taken, given = sent.minor, converted.minor
    for fee in fees:
        if fee.paid_by is Side.PAYER:
            taken += fee.money.minor
        else:
            given -= fee.money.minor
    return Price(
        sent=sent,
        taken=Money(taken, sent.currency),
        given=Money(given, converted.currency),
        legs=_legs((payer_fsp, payee_fsp), sent, converted, fees, hops),
        fees=tuple(fees),
        hops=tuple(hops),
        rate=rate,
    )


def _legs(
    fsps: tuple[str, str], sent: Money, converted: Money, fees: Sequence[Fee], hops: Sequence[Hop]
) -> tuple[Leg, ...]:
    """List the movements: along the chain of FX providers, and to whoever earns a fee, each in its own currency."""
    payer_fsp, payee_fsp = fsps
    giver, amount = payer_fsp, sent
    found = []
    for hop in hops:
        found.append(Leg(giver, hop.provider, amount))
        giver, amount = hop.provider, hop.target
    # Who gives to the payee FSP also gives what is earned of it.
    arrives, earned = converted.minor, []
    for fee in fees:
        if fee.paid_by is Side.PAYER:
            earned.append(Leg(payer_fsp, fee.earned_by, fee.money))
        else:
            earned.append(Leg(giver, fee.earned_by, fee.money))
            arrives -= fee.money.minor
    return merged([*found, Leg(giver, payee_fsp, Money(arrives, converted.currency)), *earned])


def merged(legs: Iterable[Leg]) -> tuple[Leg, ...]:
    """Add up what goes the same way, and leave out what goes nowhere."""
    sums: dict[tuple[str, str, str], int] = {}
    for leg in legs:
        key = (leg.debit, leg.credit, leg.money.currency)
        sums[key] = sums.get(key, 0) + leg.money.minor
    return tuple(
        Leg(debit, credit, Money(minor, currency))
        for (debit, credit, currency), minor in sums.items()
        if minor and debit != credit
    )
