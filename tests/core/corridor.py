"""Two countries, and FX providers that sell between them: a scheme to change, quotes to ask for, quotes to pay."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from hub.core.command import Body, Done, NewRate, Publish, Result, Submit
from hub.core.instrument import Instrument
from hub.core.participant import DirectoryEntry, Participant, Role, SchemeFile, Terms, check
from hub.core.pricing.fees import Way
from hub.core.pricing.market import Market, Published
from hub.core.pricing.price import Leg, Price
from hub.core.pricing.quote import Ask, Offers, offers
from hub.core.pricing.rules import Corridor, FxOffer
from hub.core.transfer import State
from hub.ledger.account import Kind
from hub.ledger.position import balance
from routing.message import Errand, Resource
from routing.money import Money
from routing.table import Connection
from tests.core.stage import ALPHA, RAIL, START_MS, Hub, scheme, submit

UGANDA = "+256700000001"
ABROAD = "inttransfer"
RateKey = tuple[str, str, str]
RATES: Mapping[RateKey, str] = {
    ("delta", "KES", "UGX"): "28.5",
    ("delta", "UGX", "KES"): "0.035",
    ("echo", "KES", "UGX"): "28",
    ("echo", "UGX", "KES"): "0.034",
}
OFFERS = tuple(FxOffer(provider=provider, source=source, target=target) for provider, source, target in RATES)
CORRIDORS = (Corridor(source="KES", target="UGX"), Corridor(source="UGX", target="KES"))
AGE_MS = 5_000  # of the rates of a market
CAPS = {"KES": "1000000", "UGX": "30000000"}


def member(id_: str, role: Role = Role.FSP, currencies: tuple[str, ...] = ("KES",), **change: Any) -> Participant:
    caps = {currency: CAPS.get(currency, "100000") for currency in currencies}
    plain = Participant(id=id_, name=id_, role=role, country="KE", currencies=currencies, net_debit_cap=caps)
    return msgspec.structs.replace(plain, **change)


def corridor_file(
    *,
    terms: Mapping[str, Any] | None = None,
    members: Mapping[str, Mapping[str, Any]] | None = None,
    quoting: bool = False,
    **change: Any,
) -> SchemeFile:
    """Build the scheme: alpha in Kenya, bravo in Uganda, delta and echo sell; `quoting`: bravo has its say in quotes.

    `terms` changes the scheme's own rules, `members` changes participants by id, `change` the file itself.
    """
    participants = (
        member("alpha"),
        member("bravo", currencies=("UGX",), country="UG"),
        member("third", Role.THIRD_PARTY, ()),
        member("delta", Role.FX_PROVIDER, ("KES", "UGX")),
        member("echo", Role.FX_PROVIDER, ("KES", "UGX")),
    )
    changes: Mapping[str, Mapping[str, Any]] = members or {}
    file = SchemeFile(
        scheme=Terms(**{"name": "two countries"} | dict(terms or {})),
        participant=tuple(msgspec.structs.replace(each, **changes.get(each.id, {})) for each in participants),
        connection=tuple(
            Connection(
                name=f"{name}-1",
                participant=name,
                adapter="x",
                rail=msgspec.structs.replace(
                    RAIL, resources=(Resource.QUOTATION,) if quoting and name == "bravo" else ()
                ),
                currencies=("KES", "UGX"),
            )
            for name in ("alpha", "bravo", "delta")
        ),
        directory=(
            DirectoryEntry(key="msisdn", value="+254", participant="alpha"),
            DirectoryEntry(key="msisdn", value="+256", participant="bravo"),
        ),
        corridor=CORRIDORS,
        fx=OFFERS,
    )
    return msgspec.structs.replace(file, **change)


def confirming(**change: Any) -> SchemeFile:
    """Build the scheme so that delta alone sells, and is asked for each conversion."""
    offers = tuple(msgspec.structs.replace(each, confirm=True) for each in OFFERS if each.provider == "delta")
    return corridor_file(**{"fx": offers} | change)


def publishes(
    provider: str = "delta",
    source: str = "KES",
    target: str = "UGX",
    rate: str = "28.5",
    *,
    valid_s: int | None = None,
    confirmed: bool = False,
) -> Publish:
    new = NewRate(source=source, target=target, rate=rate, valid_s=valid_s)
    return Publish(provider=provider, rates=(new,), by=f"{provider}-software", confirmed=confirmed)


def opened(file: SchemeFile | None = None, rates: Mapping[RateKey, str] = RATES) -> Hub:
    """Open a hub with these rates in force, as far as somebody sells there."""
    hub = Hub(file or corridor_file())
    for (provider, source, target), rate in rates.items():
        if any(each.provider == provider for each in hub.scheme.fx.get((source, target), ())):
            assert isinstance(hub.one(publishes(provider, source, target, rate)), Done)
    return hub


def rate_of(hub: Hub, provider: str = "delta", source: str = "KES", target: str = "UGX") -> Published:
    return hub.rates[provider, source, target]


def quotation(
    number: int,
    *,
    caller: str = "alpha",
    payer: str = ALPHA,
    payee: str = UGANDA,
    amount: str = "1000",
    currency: str = "KES",
    kind: str = ABROAD,
    terms: Mapping[str, Any] | None = None,
    **custom: str,
) -> Submit:
    """Ask for quotes; `custom` are the caller's own pairs, such as amountType."""
    asked: dict[str, Any] = {"requestAmount": amount, "requestCurrency": currency} | dict(terms or {})
    if kind:
        asked["type"] = kind
    if custom:
        asked["customData"] = [{"key": key, "value": value} for key, value in custom.items()]
    plain = submit(number, caller=caller, payer=payer, payee=payee)
    told = Errand(resource=Resource.QUOTATION, body=asked)
    body = msgspec.structs.replace(plain.body, type="quotation", errand=told)
    return msgspec.structs.replace(plain, body=body, money=None)


def quoted(hub: Hub, number: int = 1, **asked: Any) -> Instrument:
    """Have quotes made by the hub, which must succeed."""
    made = hub.begun(quotation(number, **asked))
    assert made.state is State.COMMITTED, made
    return hub.instruments[made.id]


def sending(
    number: int,
    *,
    caller: str = "alpha",
    payer: str = ALPHA,
    payee: str = UGANDA,
    amount: str = "1000",
    currency: str = "KES",
    kind: str = ABROAD,
    details: Mapping[str, Any] | None = None,
    kyc: Mapping[str, Any] | None = None,
    flagged: str = "",
    **custom: str,
) -> Submit:
    """Ask for a transfer abroad that names no quote."""
    plain = submit(number, caller=caller, payer=payer, payee=payee, amount=amount, currency=currency)
    told = dict(details or {})
    if custom:
        told["customData"] = [{"key": key, "value": value} for key, value in custom.items()]
    body: Body = msgspec.structs.replace(plain.body, type=kind, details=told)
    return msgspec.structs.replace(plain, body=body, kyc=dict(kyc or {}), flagged=flagged)


def paying(number: int, quotation_: Instrument, *, quote: str = "", **more: Any) -> Submit:
    """Ask for the transfer that was quoted; `quote` names one of several."""
    told = {"quotationReference": quotation_.reference} | ({"quoteId": quote} if quote else {})
    told |= more.pop("information", {})
    details = dict(more.pop("details", {})) | {"internationalTransferInformation": told}
    return sending(number, details=details, **more)


def reversing(number: int, original: str, amount: str | None = None, *, caller: str = "alpha") -> Submit:
    return submit(number, caller=caller, payer="", payee="", original=original, amount=amount)


def net(hub: Hub) -> dict[tuple[str, str], int]:
    """Return what every account has gained, in minor units, by participant and currency; the hub's fees as ""."""
    return {
        (each.participant, each.currency): balance(each)
        for each in hub.accounts.values()
        if each.kind in (Kind.POSITION, Kind.FEES) and balance(each)
    }


def held(hub: Hub) -> dict[tuple[str, str], int]:
    """Return what is held of every position, in minor units."""
    return {
        (each.participant, each.currency): each.debits_pending for each in hub.accounts.values() if each.debits_pending
    }


def flows(legs: Iterable[Leg]) -> dict[tuple[str, str], int]:
    """Add up what every participant gains by these legs, in minor units, by participant and currency."""
    gained: dict[tuple[str, str], int] = {}
    for leg in legs:
        for who, sign in ((leg.debit, -1), (leg.credit, 1)):
            key = (who, leg.money.currency)
            gained[key] = gained.get(key, 0) + sign * leg.money.minor
    return {key: minor for key, minor in gained.items() if minor}


def owed(price: Price, payer_fsp: str = "alpha", payee_fsp: str = "bravo") -> dict[tuple[str, str], int]:
    """Say from the price's words alone what everybody must gain: the two accounts, the hops, and who earns a fee."""
    gained: dict[tuple[str, str], int] = {}
    moves = [(payer_fsp, price.taken, -1), (payee_fsp, price.given, 1)]
    moves += [(fee.earned_by, fee.money, 1) for fee in price.fees]
    moves += [(hop.provider, hop.source, 1) for hop in price.hops]
    moves += [(hop.provider, hop.target, -1) for hop in price.hops]
    for who, money, sign in moves:
        gained[who, money.currency] = gained.get((who, money.currency), 0) + sign * money.minor
    return {key: minor for key, minor in gained.items() if minor}


def why(result: Result) -> str:
    return str(result.reason)


def way(source: str = "KES", target: str = "UGX") -> Way:
    return Way("alpha", "bravo", ABROAD, source, target)


def market(rates: Mapping[RateKey, str] = RATES, **change: Any) -> Market:
    at_ms = START_MS - AGE_MS
    published = {
        key: Published(
            provider=key[0],
            source=key[1],
            target=key[2],
            rate=rate,
            at_ms=at_ms,
            until_ms=at_ms + 300_000,
            by="software",
        )
        for key, rate in rates.items()
    }
    return msgspec.structs.replace(Market(rates=published), **change)


def asked(
    file: SchemeFile | None = None,
    on: Market | None = None,
    amount: str = "1000",
    *,
    ways: Way | None = None,
    **ask: Any,
) -> Offers:
    found = file or corridor_file()
    check(found)
    on_way = ways or way()
    currency = on_way.target if ask.get("receive") else on_way.source
    money = Money.parse(amount, currency)
    return offers(Ask(on_way, money, **ask), scheme(found), on or market(), START_MS, id_="0" * 32)
