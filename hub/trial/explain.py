"""Explaining a price: each conversion with the rate and spread it came of, each fee with its rule, what was left out.

It recomputes nothing that is owed: what was agreed stands in the price, and what was said then in the audit trail.
Where the scheme or the rates have changed since so that a part cannot be told any more, it says so.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from hub.core.admit import body_of
from hub.core.instrument import Instrument
from hub.core.participant import Scheme
from hub.core.pricing.market import Published
from hub.core.pricing.price import Fee, Hop, Price, Quote, Side
from hub.core.pricing.rate import Rate, Rounding
from hub.core.pricing.rules import FeeRule, FxOffer
from hub.core.quotation import PAYEE_FEE
from hub.core.terms import AMOUNT_TYPE, RECEIVING_CURRENCY, custom, international
from hub.core.transfer import FINAL
from hub.http.ids import dashed
from hub.store.read import Reader, Timeline
from hub.trial.prices import day_and_time, fee_table, lasting, quote_table
from hub.trial.printed import plain_table
from hub.trial.show import amount, coloured
from hub.trial.timeline import parties
from routing.message import Resource
from routing.money import EXPONENTS, Money, MoneyError

HISTORY_MAX: Final = 10_000  # rates to look back through; a provider that is asked every ten seconds: a day
_LEFT_OUT: Final = ": left out, "
_AT_ORIGINAL: Final = "reversed at the original rate"


class Way(NamedTuple):
    """Which transfer a price is for."""

    payer_fsp: str
    payee_fsp: str
    type: str
    delivery: str = ""
    receive: bool = False  # what arrives was fixed, and what is sent was found for it


class _Told(NamedTuple):
    """What is known of the time when a price was made."""

    scheme: Scheme
    rates: dict[tuple[str, str, str], Published]
    made_ms: int
    turned: bool = False  # a reversal at the original's rate, whatever the rates are now


async def explanation(reader: Reader, id_: str, now_ms: int) -> RenderableType:
    """Explain a quotation, a quote or a transfer by its 32 hexadecimal digits; raises ValueError when there is none."""
    found = await reader.timeline(id_)
    if found is None:
        quote = dashed(id_)
        quotation = await reader.quotation_of(quote)
        if quotation is None:
            raise ValueError(f"there is no quotation, quote or transfer {id_}")
        return await _of_quotation(reader, quotation, now_ms, only=quote)
    errand = body_of(found.transfer).errand
    if errand is not None and errand.resource is Resource.QUOTATION:
        kept = await reader.instruments(Resource.QUOTATION, id_)
        return await _of_quotation(reader, kept[0], now_ms) if kept else _unquoted(found)
    return await _of_transfer(reader, found, now_ms)


def _unquoted(found: Timeline) -> RenderableType:
    """Say why a quotation came to nothing, or that its payee FSP has not answered yet."""
    transfer = found.transfer
    head = Text.assemble(("quotation ", "dim"), (transfer.id, "bold"), f"  asked by {transfer.caller}  ")
    head.append_text(coloured(transfer.state)).append(f"  {transfer.reason} {transfer.code}".rstrip(), style="yellow")
    said = [Text(f"  {line}") for each in found.transitions for line in _lines(each.detail)]
    why = "no quote was made" if transfer.state in FINAL else f"{transfer.payee_fsp} is asked and has not answered yet"
    return Group(head, Text(f"{why}; what was said:"), *said)


async def _of_transfer(reader: Reader, found: Timeline, now_ms: int) -> RenderableType:
    """Explain what a transfer takes and gives."""
    transfer, body = found.transfer, body_of(found.transfer)
    price = transfer.price
    head = Text.assemble(("transfer ", "dim"), (transfer.id, "bold"), "  ", coloured(transfer.state))
    first = found.transitions[0].detail if found.transitions else ""
    if price is None:
        return Group(head, Text(f"no price: {amount(transfer.minor, transfer.currency)} moves as it is"))
    if price.quote:
        named = str(international(body.details).get("quotationReference") or "")
        kept = await reader.instruments(Resource.QUOTATION, named)
        if kept:
            return Group(head, await _of_quotation(reader, kept[0], now_ms, only=price.quote))
    way = Way(transfer.payer_fsp, transfer.payee_fsp, body.type)
    told = await _told(reader, [price], transfer.created_ms)
    told = told._replace(turned=bool(transfer.original) and _AT_ORIGINAL in first)
    why = [Text(f"  {line}", style="dim") for line in _lines(first)]
    return Group(head, Text(parties(transfer)), *_explained(price, way, told), Text("said when it was admitted:"), *why)


async def _of_quotation(reader: Reader, quotation: Instrument, now_ms: int, *, only: str = "") -> RenderableType:
    """Explain the quotes of a quotation, or one of them."""
    errand = await reader.timeline(quotation.id)
    made_ms = quotation.created_ms if errand is None else errand.transfer.created_ms
    said = errand.transitions[0].detail if errand is not None and errand.transitions else ""
    used = await _user(reader, quotation)
    head = Text.assemble(("quotation ", "dim"), (quotation.reference, "bold"), f"  asked by {quotation.owner}")
    parts: list[RenderableType] = [head, Text(asked_for(quotation)), used]
    parts.append(quote_table(quotation.quotes, [*left_out(said), *_dropped(quotation, errand)], now_ms))
    told = await _told(reader, [each.price for each in quotation.quotes], made_ms)
    for each in quotation.quotes:
        if only in ("", each.id):
            parts.append(Text.assemble("\n", ("quote ", "dim"), (each.id, "bold"), f"  {_standing(each, now_ms)}"))
            way = Way(each.payer_fsp, each.payee_fsp, each.type, each.delivery, _is_receive(quotation))
            parts += _explained(each.price, way, told)
    return Group(*parts)


def _dropped(quotation: Instrument, errand: Timeline | None) -> list[str]:
    """List what the hub priced and the payee's own provider, which was asked, does not carry."""
    priced = () if errand is None else body_of(errand.transfer).quotes
    kept = {each.id for each in quotation.quotes}
    gone = [each for each in priced if each.id not in kept]
    names = [" then ".join(each.price.providers) or "no conversion" for each in gone]
    why = f"{_LEFT_OUT}{quotation.participant}'s own quotes do not fit it"
    return [f"{name}{why} ({each.why})" for name, each in zip(names, gone, strict=True)]


async def _user(reader: Reader, quotation: Instrument) -> Text:
    if quotation.used_by is None:
        return Text("nobody has used it")
    transfer = await reader.transfer(quotation.used_by)
    if transfer is None:
        return Text(f"used by {quotation.used_by}")
    by = f"used by transfer {transfer.id}"
    if transfer.price is not None and transfer.price.quote:
        by += f", by quote {transfer.price.quote}"
    given_back = "" if quotation.spent else "; it moved nothing, so the quotation may be used again"
    return Text.assemble(f"{by}, which is ", coloured(transfer.state), given_back)


def asked_for(quotation: Instrument) -> str:
    """Say what was asked, without naming anybody but the participants; the parties are masked."""
    terms, own = quotation.terms, custom(quotation.terms)
    fixed = f"{terms.get('requestAmount')} {terms.get('requestCurrency')}"
    what = "to arrive" if _is_receive(quotation) else "to be sent"
    quote = quotation.quotes[0] if quotation.quotes else None
    if quote is None:
        return f"{fixed} {what}, to {', '.join(map(str, quotation.account))} at {quotation.participant}"
    wanted = f", wanted in {own[RECEIVING_CURRENCY]}" if RECEIVING_CURRENCY in own else ""
    payer, payee = (", ".join(map(str, party)) or "anybody" for party in (quote.payer, quote.payee))
    return f"{fixed} {what}{wanted}, {quote.type}: {quote.payer_fsp} ({payer}) -> {quote.payee_fsp} ({payee})"


def _is_receive(quotation: Instrument) -> bool:
    return custom(quotation.terms).get(AMOUNT_TYPE, "").lower() == "receive"


def _standing(quote: Quote, now_ms: int) -> str:
    expires_ms = quote.price.expires_ms
    if expires_ms is None:
        return "it does not end"
    left = lasting(expires_ms - now_ms)
    return f"honoured until {day_and_time(expires_ms)} UTC ({left})"


def left_out(detail: str) -> list[str]:
    """Return the ways that were left out, each with why, as the audit trail keeps them."""
    return [line for line in _lines(detail) if _LEFT_OUT in line]


def _lines(detail: str) -> list[str]:
    return detail.split("; ") if detail else []


async def _told(reader: Reader, prices: Sequence[Price], made_ms: int) -> _Told:
    """Find the rates that were the last ones when the prices were made."""
    scheme = await reader.scheme()
    pairs = {(hop.provider, hop.source.currency, hop.target.currency) for price in prices for hop in price.hops}
    rates = {}
    for pair in sorted(pairs):
        history = await reader.rate_history(*pair, HISTORY_MAX)
        before = next((each for each in history if each.at_ms <= made_ms), None)
        if before is not None:
            rates[pair] = before
    return _Told(scheme, rates, made_ms)


def _explained(price: Price, way: Way, told: _Told) -> list[RenderableType]:
    """Take a price apart."""
    parts: list[RenderableType] = []
    if price.hops:
        table = plain_table("", "FX provider", "takes", "gives", "customer's rate", "because", "rounding")
        for hop in price.hops:
            takes, gives = (amount(money.minor, money.currency) for money in (hop.source, hop.target))
            table.add_row(hop.provider, takes, gives, hop.rate, rate_because(hop, told), _rounding(hop, way, told))
        parts.append(table)
    if price.fees:
        parts.append(fee_table(price.fees, [fee_because(each, price, way, told.scheme) for each in price.fees]))
    parts.append(Text(f"  expiry: {_expiry(price, told)}"))
    if price.converter:
        parts.append(Text(f"  {price.providers[0]} is asked over {price.converter} before the payee is paid"))
    return parts


def rate_because(hop: Hop, told: _Told) -> str:
    """Say of which published rate and spread the customer's rate came."""
    if told.turned:
        return "the rate of the original, turned round"
    found = told.rates.get((hop.provider, hop.source.currency, hop.target.currency))
    if found is None:
        return f"the rate then is further back than {HISTORY_MAX} others"
    offer = _offer(hop, told.scheme)
    published = f"{found.rate}, published {day_and_time(found.at_ms)} UTC by {found.by}"
    if offer is None:
        return f"{published}; the scheme has no such offer any more"
    if str(Rate.parse(found.rate).less(offer.spread_bps)) != hop.rate:
        return f"{published}; the spread was another then: now it is {offer.spread_bps} basis points"
    return published + (f", less {offer.spread_bps} basis points" if offer.spread_bps else ", no spread")


def _offer(hop: Hop, scheme: Scheme) -> FxOffer | None:
    sellers = scheme.fx.get((hop.source.currency, hop.target.currency), ())
    return next((each for each in sellers if each.provider == hop.provider), None)


def _rounding(hop: Hop, way: Way, told: _Told) -> str:
    """Say what was rounded: what arrives by the scheme's rule, or, where that was fixed, what is sent, upwards."""
    rate, exponents = Rate.parse(hop.rate), EXPONENTS[hop.target.currency] - EXPONENTS[hop.source.currency]
    worth = Fraction(hop.source.minor * rate.digits, 10**rate.scale) * Fraction(10) ** exponents
    if told.turned:
        return "all parts add up to the original"
    if worth == hop.target.minor:
        return "none: it comes out even"
    if way.receive:
        return "what is sent, up to the least that is worth it"
    return f"what arrives, {_rule(told.scheme.rounding)}"


def _rule(rounding: Rounding) -> str:
    return {
        Rounding.HALF_EVEN: "half to even",
        Rounding.HALF_UP: "half up",
        Rounding.DOWN: "down",
        Rounding.UP: "up",
    }[rounding]


def fee_because(fee: Fee, price: Price, way: Way, scheme: Scheme) -> str:
    """Say which rule of the scheme a fee is of."""
    base = price.sent if fee.paid_by is Side.PAYER else _arriving(price)
    rule = next((each for each in scheme.file.fee if _is_of(each, fee, price, way, base)), None)
    if rule is not None:
        return rule_text(rule, base)
    if fee.name == PAYEE_FEE and fee.paid_by is Side.PAYEE:
        return f"{fee.earned_by} asks it in its own quote"
    return "the scheme in force has no such rule any more"


def _arriving(price: Price) -> Money:
    return price.hops[-1].target if price.hops else price.sent


def _is_of(rule: FeeRule, fee: Fee, price: Price, way: Way, base: Money) -> bool:
    """Say whether a fee came of this rule: the first of its name that fits."""
    other = price.given.currency if fee.paid_by is Side.PAYER else price.sent.currency
    fits = (
        (rule.name, rule.paid_by, rule.currency, rule.tax) == (fee.name, fee.paid_by, base.currency, fee.tax),
        rule.other in ("", other),
        rule.payer_fsp in ("", way.payer_fsp),
        rule.payee_fsp in ("", way.payee_fsp),
        not rule.types or way.type in rule.types,
        not rule.delivery or way.delivery in rule.delivery,
    )
    return all(fits) and _in_band(rule, base)


def _in_band(rule: FeeRule, base: Money) -> bool:
    try:
        begins = Money.parse(rule.band_from, rule.currency).minor
        ends = Money.parse(rule.band_to, rule.currency).minor if rule.band_to else None
    except MoneyError:
        return False
    return base.minor >= begins and (ends is None or base.minor < ends)


def rule_text(rule: FeeRule, of: Money) -> str:
    """Write a fee rule, and the amount that it was charged on, as one line."""
    whose = f"the {of} {of.currency} {'sent' if rule.paid_by is Side.PAYER else 'that arrive'}"
    base = f"the {' and '.join(rule.of)}" if rule.of else whose
    if rule.tiers:
        parts = [
            _charge(each.fixed, each.percent, base) + (f" up to {each.up_to}" if each.up_to else "")
            for each in rule.tiers
        ]
        text = f"{'graduated, ' if rule.graduated else ''}{'; '.join(parts)}"
    else:
        text = _charge(rule.fixed, rule.percent, base)
    least = f", at least {rule.min}" if rule.min.strip("0.") else ""
    return text + least + (f", at most {rule.max}" if rule.max else "")


def _charge(fixed: str, percent: str, base: str) -> str:
    parts = [fixed] if fixed.strip("0.") else []
    parts += [f"{percent} % of {base}"] if percent.strip("0.") else []
    return " and ".join(parts) or "nothing"


def _expiry(price: Price, told: _Told) -> str:
    """Say what decided until when the price is honoured."""
    if price.expires_ms is None:
        return "none"
    ends: Iterable[tuple[int, str]] = (
        (told.made_ms + told.scheme.quote_lifetime_ms, f"{told.scheme.quote_lifetime_ms // 1000} s, the scheme's"),
        *((each.until_ms, f"then ends the rate of {each.provider}") for each in told.rates.values()),
    )
    why = next(
        (text for at_ms, text in ends if at_ms == price.expires_ms),
        "the payee FSP's own quote ends then, or the scheme has changed since",
    )
    return f"{day_and_time(price.expires_ms)} UTC: {why}"
