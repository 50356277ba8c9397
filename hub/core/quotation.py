"""Quotations: what a caller asks to have priced, what the payee FSP adds to the hub's prices, and the API's object.

The payee FSP is asked about the amount that would arrive in its own currency. It may confirm the party, refuse, or
take a fee of its own; it never changes what the FX provider gives. Nothing here moves money.
"""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from hub.core.charge import Held, arriving_currency, held_at, settling
from hub.core.command import Body, Reason, Submit, Transfer
from hub.core.facts import Facts
from hub.core.instrument import Instrument, references_in
from hub.core.participant import Role
from hub.core.pricing.fees import Way
from hub.core.pricing.price import Fee, Price, Quote, Side, explained, priced
from hub.core.pricing.quote import Ask, rank
from hub.core.terms import ABROAD, AMOUNT_TYPE, RECEIVING_CURRENCY, SENDING_CURRENCY, custom
from hub.core.use import RefusedError
from routing.message import Errand, Outcome, Resource
from routing.money import Money, MoneyError
from routing.party import Party

OWN_KEYS: Final = frozenset({AMOUNT_TYPE, RECEIVING_CURRENCY, SENDING_CURRENCY})
PAIRS_MAX: Final = 20
WHY_MAX: Final = 256
RATE_LENGTH_MIN: Final = 4  # the API's; a shorter one can only be worked out of the amounts
_TIMES: Final = (1970, 9999)
PAYEE_FEE: Final = "payee"


def asked(submit: Submit, errand: Errand, payee_fsp: str, facts: Facts) -> Ask:
    """Read what is to be priced; raises RefusedError."""
    terms, own = errand.body, custom(errand.body)
    payer_fsp = _payer_fsp(submit, facts)
    payee_fsp, _ = settling(payee_fsp, facts)
    try:
        fixed = Money.parse(str(terms.get("requestAmount", "")), str(terms.get("requestCurrency", "")))
    except MoneyError as error:
        raise RefusedError(Reason.CURRENCY_UNSUPPORTED, str(error)) from None
    if not fixed.minor:
        raise RefusedError(Reason.AMOUNT_TOO_SMALL, "nothing would be sent")
    if fixed.currency not in facts.scheme.currencies:
        raise RefusedError(Reason.CURRENCY_UNSUPPORTED, fixed.currency)
    receive = _receives(own)
    if receive:
        source, target = _sending_currency(payer_fsp, own.get(SENDING_CURRENCY, ""), facts), fixed.currency
    else:
        body = msgspec.structs.replace(submit.body, details={"customData": terms.get("customData")})
        source, target = fixed.currency, arriving_currency(body, payee_fsp, fixed.currency, facts)
    _settled(payer_fsp, source, facts)
    _settled(payee_fsp, target, facts)
    if source != target and (source, target) not in facts.scheme.corridors:
        raise RefusedError(Reason.CURRENCY_UNSUPPORTED, f"no corridor from {source} to {target}")
    kind = str(terms.get("type") or ("transfer" if source == target else ABROAD))
    way = Way(payer_fsp, payee_fsp, kind, source, target)
    deliveries = _deliveries(payee_fsp, str(terms.get("chosenDeliveryMethod") or ""), facts)
    return Ask(
        way,
        fixed,
        receive=receive,
        may_confirm=submit.caller in (payer_fsp, payee_fsp),
        deliveries=deliveries,
        payer=submit.body.payer,
        payee=submit.body.payee,
    )


def _receives(own: dict[str, str]) -> bool:
    """Say whether the sender has fixed what is received."""
    return own.get(AMOUNT_TYPE, "").lower() == "receive"


def holder(who: Party, facts: Facts) -> Held:
    """Say whom a payment would go to or come from; a link or mandate stands for the account."""
    for name in references_in(who):
        found = facts.instruments.get(name)
        if found is not None:
            return found.participant, (f"{found.kind} issued by {found.participant}",)
    return held_at(who, facts)


def _payer_fsp(submit: Submit, facts: Facts) -> str:
    found, why = holder(submit.body.payer, facts)
    if found is not None:
        return found
    if facts.scheme.participants[submit.caller].role is not Role.THIRD_PARTY:
        return submit.caller
    raise RefusedError(Reason.PAYER_UNKNOWN, "; ".join(why))


def _sending_currency(payer_fsp: str, named: str, facts: Facts) -> str:
    held = facts.scheme.participants[payer_fsp].currencies if payer_fsp in facts.scheme.participants else ()
    return named.upper() or (held[0] if held else "")


def _settled(fsp: str, currency: str, facts: Facts) -> None:
    """Refuse a currency in which the FSP does not settle."""
    if facts.scheme.position(fsp, currency) is None:
        raise RefusedError(Reason.CURRENCY_UNSUPPORTED, f"{fsp} does not settle in {currency}")


def _deliveries(payee_fsp: str, chosen: str, facts: Facts) -> tuple[str, ...]:
    participant = facts.scheme.participants.get(payee_fsp)
    known = participant.deliveries if participant is not None else ()
    if not chosen:
        return known or ("",)
    if chosen not in known:
        raise RefusedError(Reason.UNSUPPORTED, f"{payee_fsp} delivers by {', '.join(known)}")
    return (chosen,)


def for_payee(asked_: dict[str, Any], best: Quote) -> dict[str, Any]:
    """Return what the payee FSP is asked: the amount that would arrive, in its own currency."""
    arriving = best.price.given
    pairs = [each for each in asked_.get("customData") or () if str(each.get("key", "")).lower() not in OWN_KEYS]
    rest = {name: value for name, value in asked_.items() if name != "customData"}
    found = rest | {"requestAmount": str(arriving), "requestCurrency": arriving.currency}
    return found | ({"customData": pairs} if pairs else {})


def converted(price: Price) -> Money:
    """Return what arrives before the payee's fees."""
    return price.hops[-1].target if price.hops else price.sent


def confirmed(transfer: Transfer, body: Body, outcome: Outcome, now_ms: int) -> Instrument:
    """Make the quotation of what the hub offered and the payee FSP said to it."""
    asked_ = body.asked or (body.errand.body if body.errand is not None else {})
    said = outcome.resource
    receive = _receives(custom(asked_))
    quotes = (
        ()
        if said.get("quotationStatus") == "rejected"
        else _with_payee(body.quotes, said.get("quotes"), receive=receive)
    )
    body = msgspec.structs.replace(body, quotes=quotes)
    found = quotation((transfer.id, transfer.caller), transfer.payee_fsp, asked_, body, now_ms)
    reasons = {name: said[name] for name in ("senderBlockingReason", "recipientBlockingReason") if said.get(name)}
    return msgspec.structs.replace(
        found,
        terms=found.terms | reasons,
        connection=transfer.payee_connection,
        own=outcome.provider_reference or transfer.id,
    )


def _with_payee(ours: tuple[Quote, ...], theirs: Any, *, receive: bool) -> tuple[Quote, ...]:
    """Join the hub's quotes and the payee FSP's. Its fee is known for the amount it was asked about and no other.

    Where the sender has fixed what is received, a fee that would take of it leaves nothing to offer.
    """
    if not ours or not isinstance(theirs, list) or not theirs:
        return ours
    arriving = ours[0].price.given
    known = [each for each in theirs if isinstance(each, dict) and _money(each, "sending") == arriving]
    joined: list[Quote] = []
    for quote in ours:
        if quote.price.given != arriving and any(_fee(each, arriving) for each in known):
            continue
        fitting = [found for each in known if (found := _joined(quote, each, arriving)) is not None]
        fitting = [each for each in fitting if not receive or each.price.given == quote.price.given]
        if fitting:  # of several that fit one quote of the hub's, the best for the customer
            joined.append(max(fitting, key=lambda each: each.price.given.minor))
    return tuple(sorted(joined, key=lambda each: rank(each.price, receive=receive)))


def _joined(ours: Quote, theirs: dict[str, Any], arriving: Money) -> Quote | None:
    """Put one quote of the payee FSP's beside one of the hub's; None: they do not fit."""
    delivery = str(theirs.get("deliveryMethod") or ours.delivery)
    fee = _fee(theirs, arriving)
    if delivery != ours.delivery or fee is None:
        return None
    price, expires_ms = ours.price, _ms(theirs.get("quoteExpiryTime"))
    if fee:
        own = Fee(PAYEE_FEE, Side.PAYEE, ours.payee_fsp, Money(fee, arriving.currency))
        price = msgspec.structs.replace(
            priced(
                payer_fsp=ours.payer_fsp,
                payee_fsp=ours.payee_fsp,
                sent=price.sent,
                converted=converted(price),
                fees=[*price.fees, own],
                hops=price.hops,
                rate=price.rate,
            ),
            expires_ms=price.expires_ms,
            converter=price.converter,
            quote=price.quote,
        )
    if price.given.minor <= 0:
        return None
    if expires_ms is not None and price.expires_ms is not None:
        price = msgspec.structs.replace(price, expires_ms=min(expires_ms, price.expires_ms))
    named = str(theirs.get("quoteId") or "") if ours.price.given == arriving else ""
    return msgspec.structs.replace(ours, price=price, delivery=delivery, own=named)


def _fee(theirs: dict[str, Any], arriving: Money) -> int | None:
    """Return what the payee FSP keeps of what arrives; None: it speaks of another currency, or of giving more."""
    given = _money(theirs, "receiving")
    if given is None or given.currency != arriving.currency or given.minor > arriving.minor:
        return None
    return arriving.minor - given.minor


def _money(quote: dict[str, Any], side: str) -> Money | None:
    try:
        return Money.parse(str(quote.get(f"{side}Amount")), str(quote.get(f"{side}Currency")))
    except MoneyError:
        return None


def _ms(text: Any) -> int | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    if not _TIMES[0] < at.year < _TIMES[1]:  # what is beyond could not be written in another time zone
        return None
    return int(at.timestamp()) * 1000


def quotation(owned: tuple[str, str], participant: str, asked_: dict[str, Any], body: Body, now_ms: int) -> Instrument:
    """Make the instrument that keeps a quotation: the API's object and its prices; `owned`: its id, and by whom."""
    id_, owner = owned
    quotes = body.quotes
    pairs = [*(asked_.get("customData") or ())]
    said = zip(quotes, explained(quotes), strict=True)
    pairs += [{"key": f"why {quote.id}", "value": words[:WHY_MAX]} for quote, words in said]
    terms = asked_ | {
        "quotationReference": id_,
        "quotationStatus": "completed" if quotes else "rejected",
        "customData": pairs[:PAIRS_MAX],
    }
    if quotes:
        terms["quotes"] = [_shown(each) for each in quotes]
    deliveries = sorted({each.delivery for each in quotes if each.delivery})
    if len(deliveries) == 1:
        terms["availableDeliveryMethod"] = deliveries[0]
    ends = [each.price.expires_ms for each in quotes if each.price.expires_ms is not None]
    return Instrument(
        id=id_,
        kind=Resource.QUOTATION,
        reference=id_,
        participant=participant,
        connection="",
        own="",
        owner=owner,
        account=body.payee,
        terms={name: value for name, value in terms.items() if value != []},
        created_ms=now_ms,
        updated_ms=now_ms,
        expires_ms=max(ends) if ends else None,
        quotes=quotes,
    )


def _shown(quote: Quote) -> dict[str, Any]:
    """Return a quote as the API shows it."""
    price = quote.price
    found: dict[str, Any] = {
        "quoteId": quote.id,
        "sendingAmount": str(price.sent),
        "sendingCurrency": price.sent.currency,
        "receivingAmount": str(price.given),
        "receivingCurrency": price.given.currency,
        "receivingServiceProvider": quote.payee_fsp,
    }
    if price.expires_ms is not None:
        found["quoteExpiryTime"] = _stamp(price.expires_ms)
    if len(price.rate) >= RATE_LENGTH_MIN:
        found["fxRate"] = price.rate
    if quote.delivery:
        found["deliveryMethod"] = quote.delivery
    if price.fees:
        found["fees"] = shown_fees(price)
    return found


def shown_fees(price: Price) -> list[dict[str, str]]:
    """Return fees as the API shows them, at most as many as it takes."""
    return [
        {"feeType": fee.name, "feeAmount": str(fee.money), "feeCurrency": fee.money.currency}
        for fee in price.fees[:PAIRS_MAX]
    ]


def _stamp(unix_ms: int) -> str:
    """Write a time in whole seconds, not after it."""
    return f"{datetime.fromtimestamp(unix_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
