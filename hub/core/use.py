"""Use: a payment by mandate, link, code or quote, held against what was agreed; it looks nothing up and moves nothing.

The participant that issued an instrument enforces it and has the last word. The hub checks what it knows, so that
a code is never redeemed twice at two places at once, whatever the issuer would say.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from hub.core.command import Body, Reason, Submit
from hub.core.instrument import CHANGED_BY_NAME, Instrument, Named, references_in
from hub.core.pricing.price import Quote, explained
from hub.core.terms import international
from routing.message import Resource
from routing.money import NOTHING, Money, MoneyError
from routing.party import Identifier, Party, PartyError, party, same


class RefusedError(Exception):
    """Carries a refusal out of the checks."""

    def __init__(self, reason: Reason, detail: str = "", transfer: str = "", field: str = "") -> None:
        """Keep the reason and what to say about it; `field` is what of the request it is about."""
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.transfer = transfer
        self.field = field


class Use(NamedTuple):
    """What stands behind a payment's parties: the instruments found, and where the accounts really are."""

    body: Body
    payer_fsp: str = ""
    payee_fsp: str = ""
    reasons: tuple[str, ...] = ()
    quote: Quote | None = None  # the price that was agreed


def named_by(body: Body) -> set[Named]:
    """List the instruments that a submission names."""
    names = {*references_in(body.payer), *references_in(body.payee)}
    if code := body.details.get("oneTimeCode"):
        names.add(Named(Resource.CODE, str(code)))
    if quotation := international(body.details).get("quotationReference"):
        names.add(Named(Resource.QUOTATION, str(quotation)))
    if body.errand is not None and body.errand.change and body.errand.resource in CHANGED_BY_NAME:
        names.add(Named(body.errand.resource, body.errand.reference))
    return names


def used(submit: Submit, instruments: Mapping[Named, Instrument], now_ms: int) -> Use:
    """Put accounts in the place of the references that stand for them; raises RefusedError."""
    use = Use(submit.body)
    money = submit.money
    if money is None:
        return use
    for name in sorted(named_by(submit.body)):
        found = instruments.get(name)
        if name.kind is Resource.CODE:
            use = _by_code(use, submit.caller, money, found, now_ms)
        elif name.kind is Resource.QUOTATION:
            use = _by_quote(use, submit.caller, money, found, now_ms)
        elif found is not None:
            by = _by_mandate if name.kind is Resource.MANDATE else _by_link
            use = by(use, submit.caller, money, found, now_ms)
    return use


def _by_mandate(use: Use, caller: str, money: Money, mandate: Instrument, now_ms: int) -> Use:
    terms, today = mandate.terms, datetime.fromtimestamp(now_ms // 1000, UTC).date().isoformat()
    payee = _party(terms.get("payee"))
    if caller not in (mandate.owner, mandate.participant) and not (payee and same(payee, use.body.payee)):
        raise RefusedError(Reason.MANDATE_FORBIDS, "it was given to another payee")
    if not mandate.active:
        raise RefusedError(Reason.MANDATE_FORBIDS, "it is not active")
    if today < str(terms.get("startDate", ""))[:10] or today > (str(terms.get("endDate") or "9999"))[:10]:
        raise RefusedError(Reason.MANDATE_FORBIDS, "it is not valid today")
    limit = _limit(terms.get("amountLimit"), str(terms.get("currency") or money.currency))
    if limit is not None and (limit.currency != money.currency or money.minor > limit.minor):
        raise RefusedError(Reason.MANDATE_FORBIDS, "the amount is over its limit")
    return _paid_from(use, mandate)


def _by_link(use: Use, caller: str, _: Money, link: Instrument, __: int) -> Use:
    mode, payee_side = str(link.terms.get("mode", "")), link.name in references_in(use.body.payee)
    if caller not in (link.owner, link.participant):
        raise RefusedError(Reason.LINK_FORBIDS, "it was given to another participant")
    if not link.active:
        raise RefusedError(Reason.LINK_FORBIDS, "it is not active")
    if mode not in ("both", "push" if payee_side else "pull"):
        raise RefusedError(Reason.LINK_FORBIDS, f"its mode is {mode}")
    if not payee_side:
        return _paid_from(use, link)
    body = _replaced(use.body, link, payee_account=link.account)
    return use._replace(body=body, payee_fsp=link.participant, reasons=(*use.reasons, _why(link)))


def _by_code(use: Use, caller: str, money: Money, code: Instrument | None, now_ms: int) -> Use:
    if code is None:
        if use.body.payer:
            return use  # the payer is named, so this is a one-time password that its own provider knows
        raise RefusedError(Reason.CODE_UNKNOWN)
    if use.body.payer and not same(use.body.payer, code.account):
        raise RefusedError(Reason.CODE_FORBIDS, "it belongs to another payer")
    if obstacle := _code_obstacle(code, use.body, caller, money, now_ms):
        raise RefusedError(Reason.CODE_FORBIDS, obstacle)
    # Who redeems a code learns whose provider pays, not whose account.
    payer = use.body.payer or (Identifier("organisationid", code.participant),)
    details = {name: value for name, value in use.body.details.items() if name != "oneTimeCode"}
    found = _paid_from(use, code)
    body = _replaced(found.body, code, payer=payer, details=details, instrument=code.id)
    return found._replace(body=body)


def _code_obstacle(code: Instrument, body: Body, caller: str, money: Money, now_ms: int) -> str:
    """Say what about the code forbids this payment, or nothing."""
    terms = code.terms
    holders = _rows(terms.get("redemptionAccountIdentifiers"))
    types = {str(each.get("transactionType")).lower() for each in _rows(terms.get("redemptionTransactionTypes"))}
    channels = {str(each.get("channelType")).lower() for each in _rows(terms.get("redemptionChannels"))}
    limit = _limit(terms.get("amount"), str(terms.get("currency") or money.currency))
    exact = str(terms.get("amountType", "exact")) != "maximum"
    unfit = limit is not None and (money.minor > limit.minor or (exact and money.minor != limit.minor))
    obstacles = (
        (not code.active, "it is not active"),
        (code.spent, "it is used"),
        (code.expires_ms is not None and now_ms >= code.expires_ms, "it is expired"),
        (bool(types) and body.type not in types, f"it is not for {body.type}"),
        (bool(channels) and body.channel.lower() not in channels, "it is not for this channel"),
        (
            bool(holders) and not any(_is_holder(each, body.payee, caller) for each in holders),
            "it is for another payee",
        ),
        (limit is not None and limit.currency != money.currency, "it is in another currency"),
        (unfit, f"it is for {'exactly' if exact else 'at most'} {limit}"),
    )
    return next((why for found, why in obstacles if found), "")


def check_taken(body: Body, instruments: Mapping[Named, Instrument], taken: Money) -> None:
    """Hold what the payer's account loses, fees and all, against its code and mandate; raises RefusedError."""
    for name in named_by(body):
        found = instruments.get(name)
        field = {Resource.CODE: "amount", Resource.MANDATE: "amountLimit"}.get(name.kind)
        if found is None or field is None:
            continue
        limit = _limit(found.terms.get(field), str(found.terms.get("currency") or taken.currency))
        if limit is not None and (limit.currency != taken.currency or taken.minor > limit.minor):
            forbids = Reason.CODE_FORBIDS if name.kind is Resource.CODE else Reason.MANDATE_FORBIDS
            raise RefusedError(forbids, "with fees the amount is over its limit")


def _by_quote(use: Use, caller: str, money: Money, quotation: Instrument | None, now_ms: int) -> Use:
    if quotation is None or quotation.owner != caller:
        raise RefusedError(Reason.QUOTE_UNKNOWN)
    wanted = str(international(use.body.details).get("quoteId") or "")
    quotes = [each for each in quotation.quotes if not wanted or each.id == wanted]
    if not quotes:
        raise RefusedError(Reason.QUOTE_UNKNOWN)
    if quotation.spent:
        raise RefusedError(Reason.QUOTE_USED)
    if all(_has_expired(each, now_ms) for each in quotes):
        raise RefusedError(Reason.QUOTE_EXPIRED)
    method = str(international(use.body.details).get("deliveryMethod") or "")
    quotes = [each for each in quotes if not method or not each.delivery or each.delivery == method]
    if not quotes:
        raise RefusedError(Reason.QUOTE_DIFFERS, "it was quoted for another way of delivery")
    if difference := _difference(use.body, quotes[0]):
        raise RefusedError(Reason.QUOTE_DIFFERS, difference)
    quote = next((each for each in quotes if each.price.sent == money), None)
    if quote is None:
        raise RefusedError(Reason.QUOTE_DIFFERS, "the amount is not the one that was quoted")
    if _has_expired(quote, now_ms):
        raise RefusedError(Reason.QUOTE_EXPIRED)
    # Only the quote that the payee FSP itself gave is named to it: for another amount it gave none.
    body = _replaced(use.body, quotation, own_quote=quote.own) if quote.own else use.body
    if quote.delivery and not method:
        told = {**international(body.details), "deliveryMethod": quote.delivery}
        details = {**body.details, "internationalTransferInformation": told}
        body = msgspec.structs.replace(body, details=details)
    words = explained(quotation.quotes)[quotation.quotes.index(quote)]
    why = f"quote {quote.id} of quotation {quotation.reference}: {words}"
    return use._replace(body=body, quote=quote, reasons=(*use.reasons, why))


def _has_expired(quote: Quote, now_ms: int) -> bool:
    return quote.price.expires_ms is not None and now_ms >= quote.price.expires_ms


def _difference(body: Body, quote: Quote) -> str:
    """Say in what a payment is not the one that was quoted, or nothing."""
    if quote.type != body.type:
        return f"it was quoted for {quote.type}"
    for name, quoted, named in (("debitParty", quote.payer, body.payer), ("creditParty", quote.payee, body.payee)):
        if quoted and not same(quoted, named):
            return f"the {name} is not the one that was quoted"
    return ""


def _paid_from(use: Use, found: Instrument) -> Use:
    body = _replaced(use.body, found, payer_account=found.account)
    return use._replace(body=body, payer_fsp=found.participant, reasons=(*use.reasons, _why(found)))


def _replaced(body: Body, found: Instrument, **fields: Any) -> Body:
    own = body.own if found.kind in body.own else body.own | {found.kind: found.own}
    return msgspec.structs.replace(body, own=own, **fields)


def _why(found: Instrument) -> str:
    return f"{found.kind} issued by {found.participant}"


def _is_holder(pair: dict[str, Any], payee: Party, caller: str) -> bool:
    holder = _party([pair])
    return bool(holder) and (same(holder, payee) or holder == (Identifier("organisationid", caller),))


def _party(pairs: Any) -> Party:
    try:
        return party([(str(each["key"]), str(each["value"])) for each in _rows(pairs)])
    except (PartyError, KeyError):
        return ()


def _rows(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _limit(amount: Any, currency: str) -> Money | None:
    """Read an amount that was agreed. One that cannot be read limits to nothing, rather than not at all."""
    if amount in (None, ""):
        return None
    try:
        return Money.parse(str(amount), currency)
    except MoneyError:
        return NOTHING
