"""Admission: from a submission to a transfer that can be decided, or to the first reason against it.

Who calls, and what the path names, is looked at at the door. Everything else that speaks against it - the
parties, the rules, the hub's own state - bars the transfer: accepted, kept, aborted, with its reason.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hub.core.charge import Charged, Held, Limited, charged, held_at, limited, reversed_, settling
from hub.core.command import AT_THE_DOOR, Body, Reason, Refusal, Submit, Transfer
from hub.core.errand import is_errand, told
from hub.core.facts import Facts
from hub.core.instrument import Instrument
from hub.core.participant import Role
from hub.core.pricing.limits import Counted, Payment
from hub.core.pricing.price import Price, Quote
from hub.core.requirements import check_corridor
from hub.core.terms import ABROAD, crosses, quotes
from hub.core.transfer import CONVERTED, Flow, State
from hub.core.use import RefusedError, check_taken, used
from hub.core.witness import sides_of
from routing.message import Operation
from routing.money import NOTHING, Money
from routing.party import same

_encoder = msgspec.json.Encoder()
_body_decoder = msgspec.json.Decoder(Body)

# What each participant is told to do, by flow.
PAYER_OPERATIONS = {
    Flow.PUSH: (),
    Flow.PULL: (Operation.DEBIT,),
    Flow.THIRD_PARTY: (Operation.DEBIT, Operation.REFUND),
}
PAYEE_OPERATIONS = {Flow.PUSH: (Operation.CREDIT,), Flow.PULL: (), Flow.THIRD_PARTY: (Operation.CREDIT,)}


class Plan(NamedTuple):
    """A submission that passed the door: the transfer before any decision, and what was found on the way."""

    transfer: Transfer
    reasons: tuple[str, ...]
    barred: Reason | None
    accounts: tuple[int, ...]  # that it may post to
    made: Instrument | None = None  # of an errand that the hub runs itself
    offered: tuple[Quote, ...] = ()  # of a quotation: what FX providers are bound to from now on
    counted: tuple[Counted, ...] = ()  # the limits over time that it is under
    flagged: str = ""  # why an operator must look first
    by_market: bool = False  # it was priced by the market, which other members of the batch may move


class _Sides(NamedTuple):
    payer_fsp: str
    payee_fsp: str
    money: Money
    body: Body
    reasons: tuple[str, ...]
    charged: Charged


def body_of(transfer: Transfer) -> Body:
    """Decode what does not change about a transfer."""
    return _body_decoder.decode(transfer.body)


def plan(submit: Submit, facts: Facts) -> Plan | Refusal:
    """Admit a submission as far as it can be without the ledger; the checks stand in order of precedence."""
    try:
        _may_ask(submit, facts)
    except RefusedError as refused:
        return Refusal(reason=refused.reason, detail=refused.detail, transfer=refused.transfer)
    try:
        return _errand(submit, facts) if is_errand(submit.body) else _plan(submit, facts)
    except RefusedError as refused:
        if refused.reason in AT_THE_DOOR:
            return Refusal(reason=refused.reason, detail=refused.detail, transfer=refused.transfer)
        return _failed(submit, facts, refused)


def _may_ask(submit: Submit, facts: Facts) -> None:
    if not facts.scheme.active(submit.caller):
        raise RefusedError(Reason.CALLER_SUSPENDED)
    if submit.body.request not in facts.claimed:
        raise RefusedError(Reason.DUPLICATE, transfer=facts.earlier.get(submit.body.request, ""))


def _plan(submit: Submit, facts: Facts) -> Plan:
    if submit.money is not None and submit.money.currency not in facts.scheme.currencies:
        raise RefusedError(Reason.CURRENCY_UNSUPPORTED, submit.money.currency)
    sides = _reversal(submit, facts) if submit.original else _sides(submit, facts)
    price, by_market = sides.charged.price, sides.charged.by_market
    flow = _flow(submit.caller, sides, facts)
    transfer = msgspec.structs.replace(
        _transfer(submit, flow, sides.money, sides.body, facts),
        payer_fsp=sides.payer_fsp,
        payee_fsp=sides.payee_fsp,
        price=price,
    )
    if price is not None and not submit.original:
        check_taken(submit.body, facts.instruments, price.taken)
    accounts = _accounts(transfer, facts, by_market=by_market)
    if not submit.original:
        _check_corridor(transfer, submit, facts)
    _within_limits(sides.money, facts)
    limits = Limited([]) if submit.original else _limited(transfer, sides, facts)
    barred, connections, reasons = _routes(transfer, facts)
    transfer = msgspec.structs.replace(
        transfer,
        flow=CONVERTED[flow] if price is not None and price.converter and flow in CONVERTED else flow,
        payer_connection=connections[0],
        payee_connection=connections[1],
        price=_with_counts(transfer, limits.counted),
    )
    return Plan(
        transfer,
        (*sides.reasons, *sides.charged.reasons, *reasons),
        barred,
        accounts,
        counted=tuple(limits.counted),
        flagged="; ".join(why for why in (submit.flagged, limits.flagged) if why),
        by_market=by_market,
    )


def _limited(transfer: Transfer, sides: _Sides, facts: Facts) -> Limited:
    price, body = transfer.price, sides.body
    payment = Payment(
        payer_fsp=transfer.payer_fsp,
        payee_fsp=transfer.payee_fsp,
        payer=body.payer_account or body.payer,
        payee=body.payee_account or body.payee,
        type=body.type,
        sent=transfer.money,
        given=transfer.money if price is None else price.given,
    )
    return limited(payment, facts)


def _with_counts(transfer: Transfer, counted: Sequence[Counted]) -> Price | None:
    """Keep with the price what is added to tallies, so that the same is given back if nothing moves."""
    counts = tuple(each.adds for each in counted if each.adds is not None)
    if not counts:
        return transfer.price
    money = transfer.money
    price = transfer.price or Price(sent=money, taken=money, given=money, legs=transfer.legs)
    return msgspec.structs.replace(price, counts=counts)


def _check_corridor(transfer: Transfer, submit: Submit, facts: Facts) -> None:
    price = transfer.price
    target = transfer.currency if price is None else price.given.currency
    corridor = facts.scheme.corridors.get((transfer.currency, target))
    if corridor is None and target != transfer.currency:
        raise RefusedError(Reason.CURRENCY_UNSUPPORTED, f"no corridor from {transfer.currency} to {target}")
    if corridor is not None and (target != transfer.currency or submit.body.type == ABROAD):
        check_corridor(corridor, submit.body.details, submit.kyc)


def _errand(submit: Submit, facts: Facts) -> Plan:
    if submit.body.errand is None:
        raise RefusedError(Reason.BROKEN)
    run = told(submit, submit.body.errand, facts)
    transfer = msgspec.structs.replace(
        _transfer(submit, Flow.ERRAND, NOTHING, run.body, facts),
        payer_fsp=submit.caller,
        payee_fsp=run.participant,
        payee_connection=run.connection,
    )
    return Plan(transfer, run.reasons, None, (), run.made, run.offered, by_market=bool(run.offered))


def _failed(submit: Submit, facts: Facts, refused: RefusedError) -> Plan:
    """Accept what cannot be done, so that it is kept and fails where everybody looks: with its reason, aborted."""
    body, money = submit.body, submit.money or NOTHING
    original = facts.transfers.get(submit.original)
    if original is not None:
        was = body_of(original)
        body = msgspec.structs.replace(body, payer=was.payee, payee=was.payer)
        money = submit.money or original.money
    flow = Flow.ERRAND if is_errand(body) else Flow.PUSH
    transfer = msgspec.structs.replace(_transfer(submit, flow, money, body, facts), code=refused.field)
    reasons = (refused.detail,) if refused.detail else ()
    return Plan(transfer, reasons, refused.reason, (), by_market=quotes(body) or crosses(body))


def _transfer(submit: Submit, flow: Flow, money: Money, body: Body, facts: Facts) -> Transfer:
    return Transfer(
        id=submit.transfer,
        flow=flow,
        caller=submit.caller,
        payer_fsp="",
        payee_fsp="",
        currency=money.currency,
        minor=money.minor,
        original=submit.original,
        created_ms=facts.now_ms,
        lease_ends_ms=facts.now_ms + facts.scheme.lifetime_ms,
        body=msgspec.Raw(_encoder.encode(body)),
        state=State.RECEIVED,
        updated_ms=facts.now_ms,
    )


def _sides(submit: Submit, facts: Facts) -> _Sides:
    if submit.money is None:
        raise RefusedError(Reason.PARTY_MISSING)
    use = used(submit, facts.instruments, facts.now_ms)
    body, reasons = use.body, use.reasons
    if not (body.payer and body.payee):
        raise RefusedError(Reason.PARTY_MISSING)
    payer = (use.payer_fsp, ()) if use.payer_fsp else held_at(body.payer, facts)
    payee = (use.payee_fsp, ()) if use.payee_fsp else held_at(body.payee, facts)
    payer, payee = _as_the_header_says(submit, payer, payee, facts)
    reasons = (*reasons, *(f"payer: {why}" for why in payer[1]), *(f"payee: {why}" for why in payee[1]))
    if payer[0] is None:
        raise RefusedError(Reason.PAYER_UNKNOWN, "; ".join(payer[1]))
    if payee[0] is None:
        raise RefusedError(Reason.PAYEE_UNKNOWN, "; ".join(payee[1]))
    payee_fsp, body = _paid_at(payee[0], body, facts)
    if same(body.payer_account or body.payer, body.payee_account or body.payee):
        raise RefusedError(Reason.SAME_PARTIES)
    quote = use.quote
    if quote is None:
        price = charged(submit, body, (payer[0], payee_fsp), submit.money, facts)
    elif (quote.payer_fsp, quote.payee_fsp) != (payer[0], payee_fsp):
        raise RefusedError(Reason.QUOTE_DIFFERS, "the accounts have moved to other participants since")
    else:
        price = Charged(quote.price)
    return _Sides(payer[0], payee_fsp, submit.money, body, reasons, price)


def _as_the_header_says(submit: Submit, payer: Held, payee: Held, facts: Facts) -> tuple[Held, Held]:
    """Let the header say who holds the account that is not the caller's."""
    if not submit.institution:
        return payer, payee
    if submit.institution not in facts.scheme.participants:
        raise RefusedError(Reason.INSTITUTION_UNKNOWN)
    named = (submit.institution, (f"header: the other account is at {submit.institution}",))
    if payer[0] == submit.caller:
        return payer, named
    return (named, payee) if payee[0] == submit.caller else (payer, payee)


def _paid_at(payee_fsp: str, body: Body, facts: Facts) -> tuple[str, Body]:
    """Send the money for a biller that does not settle itself to its account elsewhere."""
    found, account = settling(payee_fsp, facts)
    if found == payee_fsp:
        return payee_fsp, body
    return found, msgspec.structs.replace(body, payee_account=account, biller=payee_fsp)


def _reversal(submit: Submit, facts: Facts) -> _Sides:
    original = facts.transfers.get(submit.original)
    if (
        original is None
        or original.flow is Flow.ERRAND
        or submit.caller not in {original.caller, original.payer_fsp, original.payee_fsp}
    ):
        raise RefusedError(Reason.ORIGINAL_UNKNOWN)
    if original.state is not State.COMMITTED or original.original:
        raise RefusedError(Reason.ORIGINAL_NOT_COMMITTED, f"it is {original.state}")
    money = submit.money or original.money
    if money.currency != original.currency:
        raise RefusedError(Reason.ORIGINAL_CURRENCY, original.currency)
    promised = facts.promised.get(original.id, {})
    others = sum(minor for by, minor in promised.items() if by != submit.transfer)
    left = original.minor - facts.reversed_minor.get(original.id, 0) - others
    if submit.money is None:
        money = Money(left, original.currency)
    if money.minor > left or left == 0:
        raise RefusedError(Reason.ORIGINAL_EXCEEDED, f"{Money(left, original.currency)} {original.currency} is left")
    was = body_of(original)
    body = msgspec.structs.replace(
        submit.body,
        payer=was.payee,
        payee=was.payer,
        payer_account=was.payee_account,
        payee_account=was.payer_account,
        payer_original=original.payee_reference,
        payee_original=original.payer_reference,
    )
    price = reversed_(original, money, submit, facts)
    return _Sides(original.payee_fsp, original.payer_fsp, money, body, (f"reverses {original.id}",), price)


def _flow(caller: str, sides: _Sides, facts: Facts) -> Flow:
    if caller == sides.payer_fsp:
        return Flow.PUSH
    if caller == sides.payee_fsp:
        return Flow.PULL
    if facts.scheme.participants[caller].role is Role.THIRD_PARTY:
        return Flow.THIRD_PARTY
    raise RefusedError(Reason.NOT_YOUR_CUSTOMER)


def _accounts(transfer: Transfer, facts: Facts, *, by_market: bool) -> tuple[int, ...]:
    """List the accounts that the transfer may post to; also those of other FX providers, where they may win yet."""
    scheme = facts.scheme
    found = []
    for fsp, money in ((transfer.payer_fsp, transfer.money_of(Operation.DEBIT)), _credited(transfer)):
        account = scheme.position(fsp, money.currency)
        if account is None:
            raise RefusedError(Reason.CURRENCY_UNSUPPORTED, f"{fsp} does not settle in {money.currency}")
        found.append(account)
    for leg in transfer.legs:
        for who in (leg.debit, leg.credit):
            account = scheme.purse(who, leg.money.currency)
            if account is None:
                raise RefusedError(Reason.CURRENCY_UNSUPPORTED, f"{who} does not settle in {leg.money.currency}")
            found.append(account)
    if by_market:
        found.extend((*scheme.market_accounts, *scheme.accounts_of.get(transfer.payer_fsp, ())))
    return tuple(dict.fromkeys(found))


def _credited(transfer: Transfer) -> tuple[str, Money]:
    return transfer.payee_fsp, transfer.money_of(Operation.CREDIT)


def _within_limits(money: Money, facts: Facts) -> None:
    smallest, largest = facts.scheme.limits.get(money.currency, (1, None))
    if money.minor < max(smallest, 1):
        raise RefusedError(Reason.AMOUNT_TOO_SMALL, f"at least {Money(max(smallest, 1), money.currency)}")
    if largest is not None and money.minor > largest:
        raise RefusedError(Reason.AMOUNT_TOO_LARGE, f"at most {Money(largest, money.currency)}")


def _routes(transfer: Transfer, facts: Facts) -> tuple[Reason | None, tuple[str, str], tuple[str, ...]]:
    price, flow = transfer.price, transfer.flow
    for fsp in sides_of(transfer):
        if not facts.scheme.active(fsp):
            return Reason.PARTICIPANT_SUSPENDED, ("", ""), (f"{fsp} is suspended",)
    if price is not None and price.converter and flow not in CONVERTED:
        return Reason.NO_ROUTE, ("", ""), ("a third party's transfer cannot wait for a conversion to be confirmed",)
    if price is not None and price.converter:  # of a reversal, the connection of then
        converter = facts.scheme.rails.by_name.get(price.converter)
        if converter is None or not converter.enabled:
            return Reason.NO_ROUTE, ("", ""), (f"{price.converter}, which must confirm, is gone or switched off",)
    names = []
    reasons: tuple[str, ...] = ()
    wanted = ((transfer.payer_fsp, PAYER_OPERATIONS[flow]), (transfer.payee_fsp, PAYEE_OPERATIONS[flow]))
    for fsp, operations in wanted:
        if not operations:
            names.append("")
            continue
        routed = facts.scheme.rails.choose(fsp, operations, transfer.money_of(operations[0]))
        reasons += routed.reasons
        if routed.connection is None:
            return Reason.NO_ROUTE, ("", ""), reasons
        names.append(routed.connection.name)
    return None, (names[0], names[1]), reasons
