"""Admission: from a submission to a transfer that can be decided, or to the first reason against it.

What a corrected request could cure is refused at the door and leaves nothing behind. What the hub's own
state forbids (a suspended participant, no route, the cap) is barred: kept, aborted, with its reason.
"""

from typing import NamedTuple

import msgspec

from hub.core.command import Body, Reason, Refusal, Submit, Transfer
from hub.core.facts import Facts
from hub.core.participant import Role
from hub.core.transfer import Flow, State
from routing.message import Operation
from routing.money import Money
from routing.party import Party, same

_encoder = msgspec.json.Encoder()
_body_decoder = msgspec.json.Decoder(Body)

# What each participant is told to do, by flow.
PAYER_OPERATIONS = {
    Flow.PUSH: (),
    Flow.PULL: (Operation.DEBIT,),
    Flow.THIRD_PARTY: (Operation.DEBIT, Operation.REFUND),
}
PAYEE_OPERATIONS = {Flow.PUSH: (Operation.CREDIT,), Flow.PULL: (), Flow.THIRD_PARTY: (Operation.CREDIT,)}


class RefusedError(Exception):
    """Carries a refusal out of the checks."""

    def __init__(self, reason: Reason, detail: str = "", transfer: str = "") -> None:
        """Keep the reason and what to say about it."""
        super().__init__(reason)
        self.refusal = Refusal(reason=reason, detail=detail, transfer=transfer)


class Plan(NamedTuple):
    """A submission that passed the door: the transfer before any decision, and what was found on the way."""

    transfer: Transfer
    reasons: tuple[str, ...]
    barred: Reason | None
    payer_account: int
    payee_account: int


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
        return _plan(submit, facts)
    except RefusedError as refused:
        return refused.refusal


def _plan(submit: Submit, facts: Facts) -> Plan:
    scheme = facts.scheme
    if not scheme.active(submit.caller):
        raise RefusedError(Reason.CALLER_SUSPENDED)
    _first_use(submit, facts)
    if submit.money is not None and submit.money.currency not in scheme.currencies:
        raise RefusedError(Reason.CURRENCY_UNSUPPORTED, submit.money.currency)
    sides = _reversal(submit, facts) if submit.original else _sides(submit, facts)
    flow = _flow(submit.caller, sides, facts)
    accounts = _accounts(sides, facts)
    _within_limits(sides.money, facts)
    barred, connections, reasons = _routes(flow, sides, facts)
    transfer = Transfer(
        id=submit.transfer,
        flow=flow,
        caller=submit.caller,
        payer_fsp=sides.payer_fsp,
        payee_fsp=sides.payee_fsp,
        currency=sides.money.currency,
        minor=sides.money.minor,
        original=submit.original,
        payer_connection=connections[0],
        payee_connection=connections[1],
        created_ms=facts.now_ms,
        lease_ends_ms=facts.now_ms + scheme.lifetime_ms,
        body=msgspec.Raw(_encoder.encode(sides.body)),
        state=State.RECEIVED,
        updated_ms=facts.now_ms,
    )
    return Plan(transfer, (*sides.reasons, *reasons), barred, *accounts)


def _first_use(submit: Submit, facts: Facts) -> None:
    if submit.body.request in facts.claimed:
        return
    raise RefusedError(Reason.DUPLICATE, transfer=facts.earlier.get(submit.body.request, ""))


def _sides(submit: Submit, facts: Facts) -> _Sides:
    body, money = submit.body, submit.money
    if money is None or not (body.payer and body.payee):
        raise RefusedError(Reason.PARTY_MISSING if money else Reason.AMOUNT_TOO_SMALL)
    payer = _held_at(body.payer, facts)
    payee = _held_at(body.payee, facts)
    payer_fsp, payee_fsp = payer[0], payee[0]
    if submit.institution:
        if submit.institution not in facts.scheme.participants:
            raise RefusedError(Reason.INSTITUTION_UNKNOWN)
        named = (f"header: the other account is at {submit.institution}",)
        if payer_fsp == submit.caller:
            payee_fsp, payee = submit.institution, (submit.institution, named)
        elif payee_fsp == submit.caller:
            payer_fsp, payer = submit.institution, (submit.institution, named)
    if payer_fsp is None:
        raise RefusedError(Reason.PAYER_UNKNOWN, "; ".join(payer[1]))
    if payee_fsp is None:
        raise RefusedError(Reason.PAYEE_UNKNOWN, "; ".join(payee[1]))
    if same(body.payer, body.payee):
        raise RefusedError(Reason.SAME_PARTIES)
    reasons = (*(f"payer: {why}" for why in payer[1]), *(f"payee: {why}" for why in payee[1]))
    return _Sides(payer_fsp, payee_fsp, money, body, reasons)


def _held_at(party: Party, facts: Facts) -> tuple[str | None, tuple[str, ...]]:
    """Say which participant holds the party's account; the caller's own id as organisation is the caller."""
    if any(each.key == "organisationid" and each.value in facts.scheme.participants for each in party):
        found = next(each.value for each in party if each.value in facts.scheme.participants)
        return found, (f"organisation: {found} itself",)
    resolved = facts.scheme.directory.resolve(party, facts.overrides)
    return resolved.participant, resolved.reasons


def _reversal(submit: Submit, facts: Facts) -> _Sides:
    original = facts.transfers.get(submit.original)
    if original is None or submit.caller not in {original.caller, original.payer_fsp, original.payee_fsp}:
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
