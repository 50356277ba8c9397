"""Admission: from a submission to a transfer that can be decided, or to the first reason against it.

Who calls, and what the path names, is looked at at the door. Everything else that speaks against it - the
parties, the rules, the hub's own state - bars the transfer: accepted, kept, aborted, with its reason.
"""

from typing import NamedTuple

import msgspec

from hub.core.command import AT_THE_DOOR, Body, Reason, Refusal, Submit, Transfer
from hub.core.errand import is_errand, told
from hub.core.facts import Facts
from hub.core.instrument import Instrument
from hub.core.participant import Role
from hub.core.transfer import Flow, State
from hub.core.use import RefusedError, used
from routing.message import Operation
from routing.money import NOTHING, Money
from routing.party import Party, party, same

_encoder = msgspec.json.Encoder()
_body_decoder = msgspec.json.Decoder(Body)

# What each participant is told to do, by flow.
PAYER_OPERATIONS = {
    Flow.PUSH: (),
    Flow.PULL: (Operation.DEBIT,),
    Flow.THIRD_PARTY: (Operation.DEBIT, Operation.REFUND),
}
PAYEE_OPERATIONS = {Flow.PUSH: (Operation.CREDIT,), Flow.PULL: (), Flow.THIRD_PARTY: (Operation.CREDIT,)}


_Held = tuple[str | None, tuple[str, ...]]  # who holds an account, and how that is known


class Plan(NamedTuple):
    """A submission that passed the door: the transfer before any decision, and what was found on the way."""

    transfer: Transfer
    reasons: tuple[str, ...]
    barred: Reason | None
    accounts: tuple[int, ...]  # that it may post to
    made: Instrument | None = None  # of an errand that the hub runs itself


class _Sides(NamedTuple):
    payer_fsp: str
    payee_fsp: str
    money: Money
    body: Body
    reasons: tuple[str, ...]


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
    flow = _flow(submit.caller, sides, facts)
    accounts = _accounts(sides, facts)
    _within_limits(sides.money, facts)
    barred, connections, reasons = _routes(flow, sides, facts)
    transfer = msgspec.structs.replace(
        _transfer(submit, flow, sides.money, sides.body, facts),
        payer_fsp=sides.payer_fsp,
        payee_fsp=sides.payee_fsp,
        payer_connection=connections[0],
        payee_connection=connections[1],
    )
    return Plan(transfer, (*sides.reasons, *reasons), barred, accounts)


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
    return Plan(transfer, run.reasons, None, (), run.made)


def _failed(submit: Submit, facts: Facts, refused: RefusedError) -> Plan:
    """Accept what cannot be done, so that it is kept and fails where everybody looks: with its reason, aborted."""
    body, money = submit.body, submit.money or NOTHING
    original = facts.transfers.get(submit.original)
    if original is not None:
        was = body_of(original)
        body = msgspec.structs.replace(body, payer=was.payee, payee=was.payer)
        money = submit.money or original.money
    flow = Flow.ERRAND if is_errand(body) else Flow.PUSH
    transfer = _transfer(submit, flow, money, body, facts)
    return Plan(transfer, (refused.detail,) if refused.detail else (), refused.reason, ())


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
    payer = (use.payer_fsp, ()) if use.payer_fsp else _held_at(body.payer, facts)
    payee = (use.payee_fsp, ()) if use.payee_fsp else _held_at(body.payee, facts)
    payer, payee = _as_the_header_says(submit, payer, payee, facts)
    reasons = (*reasons, *(f"payer: {why}" for why in payer[1]), *(f"payee: {why}" for why in payee[1]))
    if payer[0] is None:
        raise RefusedError(Reason.PAYER_UNKNOWN, "; ".join(payer[1]))
    if payee[0] is None:
        raise RefusedError(Reason.PAYEE_UNKNOWN, "; ".join(payee[1]))
    payee_fsp, body = _paid_at(payee[0], body, facts)
    if same(body.payer_account or body.payer, body.payee_account or body.payee):
        raise RefusedError(Reason.SAME_PARTIES)
    return _Sides(payer[0], payee_fsp, submit.money, body, reasons)


def _as_the_header_says(submit: Submit, payer: _Held, payee: _Held, facts: Facts) -> tuple[_Held, _Held]:
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
    pairs = facts.scheme.participants[payee_fsp].paid_at if payee_fsp in facts.scheme.participants else {}
    if not pairs:
        return payee_fsp, body
    account = party(pairs.items())
    found = facts.scheme.directory.resolve(account, {}).participant
    if found is None:
        raise RefusedError(Reason.PAYEE_UNKNOWN, f"nobody holds the account of {payee_fsp}")
    return found, msgspec.structs.replace(body, payee_account=account, biller=payee_fsp)


def _held_at(who: Party, facts: Facts) -> _Held:
    """Say which participant holds the party's account; the caller's own id as organisation is the caller."""
    for each in who:
        found = facts.scheme.participants.get(each.value) if each.key == "organisationid" else None
        if found is not None and found.role is not Role.THIRD_PARTY:
            return found.id, (f"organisation: {found.id} itself",)
    resolved = facts.scheme.directory.resolve(who, facts.overrides)
    return resolved.participant, resolved.reasons


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
    left = original.minor - facts.reversed_minor.get(original.id, 0)
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
    return _Sides(original.payee_fsp, original.payer_fsp, money, body, (f"reverses {original.id}",))


def _flow(caller: str, sides: _Sides, facts: Facts) -> Flow:
    if caller == sides.payer_fsp:
        return Flow.PUSH
    if caller == sides.payee_fsp:
        return Flow.PULL
    if facts.scheme.participants[caller].role is Role.THIRD_PARTY:
        return Flow.THIRD_PARTY
    raise RefusedError(Reason.NOT_YOUR_CUSTOMER)


def _accounts(sides: _Sides, facts: Facts) -> tuple[int, int]:
    found = []
    for fsp in (sides.payer_fsp, sides.payee_fsp):
        account = facts.scheme.position(fsp, sides.money.currency)
        if account is None:
            raise RefusedError(Reason.CURRENCY_UNSUPPORTED, f"{fsp} does not settle in {sides.money.currency}")
        found.append(account)
    return found[0], found[1]


def _within_limits(money: Money, facts: Facts) -> None:
    smallest, largest = facts.scheme.limits.get(money.currency, (1, None))
    if money.minor < max(smallest, 1):
        raise RefusedError(Reason.AMOUNT_TOO_SMALL, f"at least {Money(max(smallest, 1), money.currency)}")
    if largest is not None and money.minor > largest:
        raise RefusedError(Reason.AMOUNT_TOO_LARGE, f"at most {Money(largest, money.currency)}")


def _routes(flow: Flow, sides: _Sides, facts: Facts) -> tuple[Reason | None, tuple[str, str], tuple[str, ...]]:
    for fsp in (sides.payer_fsp, sides.payee_fsp):
        if not facts.scheme.active(fsp):
            return Reason.PARTICIPANT_SUSPENDED, ("", ""), (f"{fsp} is suspended",)
    names = []
    reasons: tuple[str, ...] = ()
    wanted = ((sides.payer_fsp, PAYER_OPERATIONS[flow]), (sides.payee_fsp, PAYEE_OPERATIONS[flow]))
    for fsp, operations in wanted:
        if not operations:
            names.append("")
            continue
        routed = facts.scheme.rails.choose(fsp, operations, sides.money)
        reasons += routed.reasons
        if routed.connection is None:
            return Reason.NO_ROUTE, ("", ""), reasons
        names.append(routed.connection.name)
    return None, (names[0], names[1]), reasons
