"""Proof of the office: what must be true of one payment, dispute or operator by what is kept beside it; no changes.

Whatever does not agree becomes a sentence, without the name of the record: whoever reads it out says that.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from hub.core.office.dispute_rules import DisputeEvent, step_of
from hub.core.office.disputes import linked_of
from hub.core.office.records import Dispute, DisputeKind, DisputeState, Operator, OperatorRole
from hub.core.office.words import ENDED, judged
from hub.core.settlement.window import Payment, PaymentState, Word

WAITS: Final = "waits"  # a step of a dispute that leads nowhere
_LINKING: Final = frozenset(
    {DisputeState.ACCEPTED, DisputeState.DEEMED, DisputeState.RETURNED, DisputeState.FAILED}
)  # in which there is, or is to be, a linked transfer
_UNSAID: Final = frozenset({PaymentState.EXPECTED, PaymentState.MISSING})
# How the linked transfer of a dispute that has ended may have ended.
_ENDS: Final = {
    DisputeState.RETURNED: frozenset({"committed"}),
    DisputeState.FAILED: frozenset({"aborted", "refunded"}),
}


def payment_flaws(payment: Payment, *, by_hand: bool, accepted: Sequence[int]) -> Iterator[str]:
    """Hold where a payment stands against everything that the bank said of it.

    `by_hand`: operators have said what became of it; `accepted`: amounts (minor units) that they accepted as booked.
    """
    words = frozenset(each.word for each in payment.said)
    if payment.state not in ENDED:
        found = judged(payment)
        wanted = (found.state, found.booked_minor) if payment.said else (payment.state, 0)
        if wanted != (payment.state, payment.booked_minor) or (not payment.said and payment.state not in _UNSAID):
            yield (
                f"it is {payment.state} with {payment.booked_minor} booked, "
                f"but what the bank said comes to {wanted[0]} with {wanted[1]}"
            )
    elif payment.state is PaymentState.POSTED:
        yield from _posted_wrong(payment, by_hand=by_hand, accepted=accepted)
    elif payment.booked_minor and (payment.state is PaymentState.REFUSED or Word.BOOKED not in words):
        yield f"it is {payment.state}, but {payment.booked_minor} minor units are kept as booked"
    elif payment.state is PaymentState.REFUSED and Word.REFUSED not in words and not by_hand:
        yield "it is refused, and nobody said so"


def _posted_wrong(payment: Payment, *, by_hand: bool, accepted: Sequence[int]) -> Iterator[str]:
    counted = [each for each in payment.said if each.counted is not None]
    if not counted and not by_hand:
        yield "it is posted, and nobody said that it is booked"
    if payment.booked_minor not in (payment.minor, *accepted):
        yield f"it is posted with {payment.booked_minor} of {payment.minor} minor units, which nobody has accepted"
    if any(each.word is not Word.BOOKED for each in counted):
        yield "it is posted by a word that is no booking"
    if counted and not accepted and sum(each.counted or 0 for each in counted) != payment.booked_minor:
        yield f"it is posted with {payment.booked_minor} minor units, but by a booking of another amount"


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What of a transfer a dispute is held against; amounts in minor units."""

    id: str
    state: str
    caller: str
    payer_fsp: str
    payee_fsp: str
    currency: str
    minor: int
    original: str


def dispute_flaws(dispute: Dispute, original: Moved | None, linked: Moved | None) -> Iterator[str]:
    """Hold a dispute against its steps, the transfer it is about, and the one that gives it back."""
    yield from _steps_wrong(dispute)
    if original is None or original.state != "committed":
        yield f"transfer {dispute.transfer}, which it is about, is not there, or not committed"
    elif (original.payer_fsp, original.payee_fsp, original.currency) != (
        dispute.payer_fsp,
        dispute.payee_fsp,
        dispute.currency,
    ) or not 0 < dispute.minor <= original.minor:
        yield f"transfer {dispute.transfer} is of another amount, or others', than it says"
    is_linking = dispute.state in _LINKING and dispute.kind is not DisputeKind.FRAUD
    wanted = linked_of(dispute.id) if is_linking else ""
    if dispute.linked != wanted or (dispute.given_minor > 0) is not is_linking:
        by = dispute.linked or "nothing"
        yield f"it is {dispute.state}, but {dispute.given_minor} minor units are given back by {by}"
    elif dispute.given_minor > dispute.minor:
        yield f"{dispute.given_minor} minor units are given back of {dispute.minor} that were asked for"
    yield from _linked_wrong(dispute, linked)


def _steps_wrong(dispute: Dispute) -> Iterator[str]:
    """Go along its steps: each is one of the table's, and the last leads to where it stands."""
    state: DisputeState | None = None
    for each in dispute.steps:
        if each.what == WAITS:
            continue
        row = step_of(dispute.kind, state, DisputeEvent(each.what)) if each.what in set(DisputeEvent) else None
        if row is None:
            yield f"it was {each.what!r} while it was {state or 'not there'}: there is no such step"
            return
        state = row.next
    if state is not dispute.state:
        yield f"it is {dispute.state}, but its steps lead to {state or 'nothing'}"


def _linked_wrong(dispute: Dispute, linked: Moved | None) -> Iterator[str]:
    """Hold the transfer that gives back against what the dispute says of it."""
    ends = _ENDS.get(dispute.state)
    if linked is None:
        if ends is not None:
            yield f"it is {dispute.state}, but its linked transfer is not there"
        return
    if ends is not None and linked.state not in ends:
        yield f"it is {dispute.state}, but its linked transfer {linked.id} is {linked.state}"
    if (linked.original, linked.caller, linked.currency, linked.minor) != (
        dispute.transfer,
        dispute.payee_fsp,
        dispute.currency,
        dispute.given_minor,
    ):
        yield f"its linked transfer {linked.id} gives back something else, or is another's"


class Approved(msgspec.Struct, frozen=True, kw_only=True):
    """A deed that two people have carried out: what was proposed, by whom, who approved it, and when."""

    act: str
    terms: dict[str, Any]
    by: str
    decided_by: str
    decided_ms: int


def operator_flaws(operator: Operator, approved: Sequence[Approved]) -> Iterator[str]:
    """Hold an operator against what two people decided of it, in any order; founders have nobody else's word."""
    is_admin = operator.enabled and OperatorRole.ADMIN in operator.roles
    if operator.admin != ("yes" if is_admin else ""):
        yield "it is not counted among the admins as its roles say"
    last_ms = max((each.decided_ms for each in approved), default=0)
    latest = [each for each in approved if each.decided_ms == last_ms]
    if not operator.approved_by:
        # Who was disabled may have founded the office after that.
        if not is_admin or any(each.act != "DisableOperator" for each in latest):
            yield "nobody approved it, and it is none of those who founded the office"
        return
    if (operator.by, operator.approved_by) not in {(each.by, each.decided_by) for each in approved}:
        yield f"{operator.by} and {operator.approved_by} have not decided so"
    elif operator.enabled and all(each.act == "DisableOperator" for each in latest):
        yield "it was disabled, and is enabled"
    elif not operator.enabled and all(each.act != "DisableOperator" for each in latest):
        yield "it is disabled, and nobody has decided so"
    yield from _said_otherwise("roles", list(operator.roles), approved, ("AdmitOperator", "ChangeRoles"))
    yield from _said_otherwise("secret_hash", operator.secret_hash, approved, ("AdmitOperator",))


def _said_otherwise(name: str, value: object, approved: Sequence[Approved], acts: Sequence[str]) -> Iterator[str]:
    """Say whether the last of these deeds, those of one millisecond together, said something else of it."""
    saying = [each for each in approved if each.act in acts]
    last_ms = max((each.decided_ms for each in saying), default=0)
    if saying and value not in [each.terms.get(name) for each in saying if each.decided_ms == last_ms]:
        yield f"its {name} is not what was decided last"
