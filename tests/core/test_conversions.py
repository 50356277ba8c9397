"""Conversions that an FX provider must confirm: its word first, and what became of it undone when nothing moves."""

from typing import Any, NamedTuple

import msgspec
import pytest

from hub.core.command import Done, Due, Reason, Refusal, Transfer, Word
from hub.core.meaning import reference
from hub.core.pricing.rules import FeeRule, Unquoted
from hub.core.timing import PARKED_MS
from hub.core.transfer import Flow, State
from routing.message import Act, FailureClass, Instruction, Operation, Verdict
from routing.money import Money
from tests.core.corridor import UGANDA, confirming, held, net, opened, paying, quotation, quoted, sending, why
from tests.core.stage import ALPHA, Hub
from tests.ruled import Ruled

A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN
CONVERT, UNWIND = Operation.CONVERT, Operation.UNWIND
ABSENT = FailureClass.ABSENT
SOURCE, TARGET = Money.parse("1000", "KES"), Money.parse("28500", "UGX")
KYC = {"senderKyc": {"nationality": "KE"}}


class Way(NamedTuple):
    """One of the two flows: who asks, and what is done once the conversion is confirmed."""

    caller: str
    flow: Flow
    then: Operation
    connection: str
    waiting: State
    doubt: State


PUSH = Way("alpha", Flow.CONVERTED_PUSH, Operation.CREDIT, "bravo-1", State.RESERVED, State.IN_DOUBT)
PULL = Way("bravo", Flow.CONVERTED_PULL, Operation.DEBIT, "alpha-1", State.ASKED, State.ASKED_IN_DOUBT)
every_way = pytest.mark.parametrize("way", [PUSH, PULL], ids=lambda way: str(way.flow))


def told(hub: Hub) -> Instruction:
    return msgspec.json.decode(hub.told[-1].body, type=Instruction)


def begun(hub: Hub, way: Way) -> Transfer:
    return hub.begun(paying(2, quoted(hub, caller=way.caller), caller=way.caller, kyc=KYC))


def reached(hub: Hub, way: Way, *verdicts: Verdict) -> Transfer:
    """Let the conversion, what follows it, and its unwinding be answered so, as far as verdicts are given."""
    transfer = begun(hub, way)
    for operation, verdict in zip((CONVERT, way.then, UNWIND), verdicts, strict=False):
        failure = FailureClass.PARTY_NOT_FOUND if verdict is R else None
        transfer = hub.hear(transfer, operation, verdict, failure=failure)
    return transfer


def everything_held(transfer: Transfer) -> dict[tuple[str, str], int]:
    assert transfer.legs
    return {(leg.debit, leg.money.currency): leg.money.minor for leg in transfer.legs}


@every_way
def test_the_fx_provider_is_asked_first_about_the_amounts_and_not_about_the_people(way: Way) -> None:
    hub = opened(confirming())
    transfer = begun(hub, way)
    said = told(hub)
    assert (transfer.flow, transfer.state, held(hub)) == (way.flow, State.CONVERTING, everything_held(transfer))
    assert (said.operation, said.act, said.connection) == (CONVERT, Act.DO, "delta-1")
    assert (said.money, said.target, said.rate, said.original) == (SOURCE, TARGET, "28.5", "")
    assert (said.reference, said.lease_ends_ms) == (reference(transfer.id, CONVERT), transfer.lease_ends_ms)
    assert (said.payer, said.payee, said.details, said.kyc, said.sealed) == ((), (), {}, "", "")
    assert ALPHA.encode() not in bytes(hub.told[-1].body)
    assert UGANDA.encode() not in bytes(hub.told[-1].body)


@every_way
def test_the_fx_provider_learns_of_nobody_whatever_it_is_told_or_asked(way: Way) -> None:
    hub = opened(confirming())
    details = {
        "descriptionText": "for the family",
        "requestingOrganisation": {"name": "kin"},
        "metadata": [{"k": "kin"}],
    }
    pays = paying(2, quoted(hub, caller=way.caller), caller=way.caller, kyc=KYC, details=details)
    body = msgspec.structs.replace(pays.body, kyc="a sealed identity", sealed="a sealed credential")
    transfer = hub.begun(msgspec.structs.replace(pays, body=body))
    for operation in (CONVERT, UNWIND):
        hub.now_ms = hub.transfers[transfer.id].due_ms or 0
        hub.one(Due(transfer=transfer.id))
        transfer = hub.hear(hub.transfers[transfer.id], operation, A)
        if operation is CONVERT:
            assert told(hub).description == "for the family", "who moves the money is told"
            transfer = hub.hear(transfer, way.then, R, failure=FailureClass.PARTY_NOT_FOUND)
    assert transfer.state is State.REFUNDED
    bodies = [bytes(each.body) for each in hub.told if each.queue.endswith("delta-1")]
    said = [msgspec.json.decode(each, type=Instruction) for each in bodies]
    assert [(each.operation, each.act) for each in said] == [
        (operation, act) for operation in (CONVERT, UNWIND) for act in (Act.DO, Act.ASK)
    ]
    for each in said:
        assert (each.payer, each.payee, each.details, each.description, each.own) == ((), (), {}, "", {})
        assert (each.kyc, each.sealed, each.errand) == ("", "", None)
    for word in (ALPHA, UGANDA, "family", "kin", "sealed"):
        assert not any(word.encode() in each for each in bodies), word


@every_way
def test_confirmed_it_goes_on_like_any_other(way: Way) -> None:
    hub = opened(confirming())
    transfer = reached(hub, way, A)
    said = told(hub)
    assert (transfer.state, held(hub), net(hub)) == (way.waiting, everything_held(transfer), {})
    assert (said.operation, said.connection) == (way.then, way.connection)
    assert said.lease_ends_ms == hub.now_ms + 300_000, "with a lease of its own"
    transfer = hub.hear(transfer, way.then, A)
    assert (transfer.state, held(hub)) == (State.COMMITTED, {})
    assert net(hub) == {
        ("alpha", "KES"): -1_000_00,
        ("delta", "KES"): 1_000_00,
        ("delta", "UGX"): -28_500,
        ("bravo", "UGX"): 28_500,
    }


@every_way
def test_refused_nobody_else_is_told_and_everything_is_let_go_of(way: Way) -> None:
    hub = opened(confirming())
    transfer = begun(hub, way)
    asked = list(hub.said)
    transfer = hub.hear(transfer, CONVERT, R, failure=FailureClass.PARTICIPANT_LIQUIDITY)
    assert (transfer.state, transfer.reason) == (State.ABORTED, FailureClass.PARTICIPANT_LIQUIDITY)
    assert hub.said == [*asked, ("callbacks", transfer.id)]
    assert (held(hub), net(hub)) == ({}, {})


@every_way
def test_in_doubt_everything_stays_held_and_the_fx_provider_is_asked(way: Way) -> None:
    hub = opened(confirming())
    transfer = begun(hub, way)
    hub.now_ms = transfer.due_ms or 0
    hub.one(Due(transfer=transfer.id))
    said = told(hub)
    assert (said.operation, said.act, said.connection, said.target) == (CONVERT, Act.ASK, "delta-1", TARGET)
    assert hub.transfers[transfer.id].state is State.CONVERTING_IN_DOUBT
    assert held(hub) == everything_held(transfer)
    assert hub.hear(transfer, CONVERT, A).state is way.waiting


@every_way
@pytest.mark.parametrize(
    ("after_s", "state", "reason"),
    [(40, State.CONVERTING, FailureClass.ABSENT), (360, State.ABORTED, FailureClass.LAPSED)],
    ids=["within the lease", "after it and its margin"],
)
def test_never_received_it_is_sent_again_and_then_never(
    way: Way, after_s: int, state: State, reason: FailureClass
) -> None:
    hub = opened(confirming())
    transfer = begun(hub, way)
    hub.now_ms = transfer.due_ms or 0
    hub.one(Due(transfer=transfer.id))
    hub.now_ms = transfer.created_ms + after_s * 1000
    transfer = hub.hear(hub.transfers[transfer.id], CONVERT, U, failure=ABSENT, asked_ms=hub.now_ms)
    assert (transfer.state, transfer.reason) == (state, reason)
    assert held(hub) == (everything_held(transfer) if state is State.CONVERTING else {})
    if state is State.CONVERTING:
        said = told(hub)
        assert (said.operation, said.act, said.reference) == (CONVERT, Act.DO, reference(transfer.id, CONVERT))


@every_way
@pytest.mark.parametrize("wrong", [TARGET, Money.parse("1000.01", "KES"), Money.parse("999.99", "KES")], ids=str)
def test_a_confirmation_of_another_amount_is_none(way: Way, wrong: Money) -> None:
    hub = opened(confirming())
    transfer = begun(hub, way)
    transfer = hub.hear(transfer, CONVERT, A, money=wrong)
    assert (transfer.state, hub.cases) == (State.CONVERTING_IN_DOUBT, [("mismatched", transfer.id)])
    assert held(hub) == everything_held(transfer)
    assert hub.hear(transfer, CONVERT, A, money=SOURCE).state is way.waiting


@every_way
@pytest.mark.parametrize("failure", [None, ABSENT], ids=["refused", "lapsed"])
def test_what_comes_to_nothing_after_it_is_unwound_and_then_everything_is_let_go_of(
    way: Way, failure: FailureClass | None
) -> None:
    hub = opened(confirming())
    transfer = reached(hub, way, A)
    if failure is None:
        transfer = hub.hear(transfer, way.then, R, failure=FailureClass.PARTY_NOT_FOUND)
    else:
        hub.now_ms = transfer.lease_ends_ms + 60_000
        transfer = hub.hear(transfer, way.then, U, failure=failure, asked_ms=hub.now_ms)
    said = told(hub)
    assert (transfer.state, held(hub)) == (State.UNWINDING, everything_held(transfer))
    assert (said.operation, said.act, said.connection) == (UNWIND, Act.DO, "delta-1")
    assert (said.money, said.target, said.original) == (SOURCE, TARGET, reference(transfer.id, CONVERT))
    expected = FailureClass.PARTY_NOT_FOUND if failure is None else FailureClass.LAPSED
    transfer = hub.hear(transfer, UNWIND, A, money=SOURCE)
    assert (transfer.state, transfer.reason) == (State.REFUNDED, expected), "the caller is told why it came to nothing"
    assert (held(hub), net(hub)) == ({}, {})
    assert [queue for queue, _ in hub.said].count("callbacks") == 2, "of the quotation, and of the transfer's end"


@every_way
def test_an_unwinding_that_is_refused_waits_for_an_operator_with_everything_held(way: Way) -> None:
    hub = opened(confirming())
    transfer = reached(hub, way, A, R, R)
    assert (transfer.state, transfer.due_ms) == (State.UNWINDING_IN_DOUBT, PARKED_MS)
    assert hub.cases == [("refused", transfer.id)]
    assert held(hub) == everything_held(transfer)
    ruling = Ruled(transfer=transfer.id, state=transfer.state, verdict=A, by="operations", why="it has let go of it")
    assert isinstance(hub.one(ruling), Done)
    assert (hub.transfers[transfer.id].state, held(hub), net(hub)) == (State.REFUNDED, {}, {})


@every_way
def test_an_operators_word_about_the_conversion_is_none_about_what_comes_after_it(way: Way) -> None:
    hub = opened(confirming())
    transfer = begun(hub, way)

    def in_doubt() -> State:
        hub.now_ms = hub.transfers[transfer.id].due_ms or 0
        hub.one(Due(transfer=transfer.id))
        return hub.transfers[transfer.id].state

    seen = in_doubt()
    ruling = Ruled(transfer=transfer.id, state=seen, verdict=A, by="operations", why="it has confirmed it")
    assert isinstance(hub.one(ruling), Done)
    assert in_doubt() is way.doubt
    before = hub.transfers[transfer.id]
    for verdict in (A, R):
        result = hub.one(msgspec.structs.replace(ruling, verdict=verdict))
        assert isinstance(result, Refusal)
        assert result.reason is Reason.STATE_FORBIDS
    assert (hub.transfers[transfer.id], held(hub), net(hub)) == (before, everything_held(transfer), {})
    assert isinstance(hub.one(msgspec.structs.replace(ruling, state=way.doubt)), Done)
    assert hub.transfers[transfer.id].state is State.COMMITTED


@every_way
def test_an_unwinding_never_lapses_but_is_sent_again(way: Way) -> None:
    hub = opened(confirming())
    transfer = reached(hub, way, A, R)
    hub.now_ms = transfer.lease_ends_ms + 10**9
    hub.one(Due(transfer=transfer.id))
    transfer = hub.hear(hub.transfers[transfer.id], UNWIND, U, failure=ABSENT, asked_ms=hub.now_ms)
    assert (transfer.state, transfer.lease_ends_ms) == (State.UNWINDING, hub.now_ms + 300_000)
    assert (told(hub).operation, told(hub).act, held(hub)) == (UNWIND, Act.DO, everything_held(transfer))


@every_way
def test_a_late_word_about_a_conversion_moves_nothing(way: Way) -> None:
    hub = opened(confirming())
    transfer = reached(hub, way, A, A)
    before = net(hub)
    for operation, verdict in ((CONVERT, R), (UNWIND, A), (way.then, R)):
        hub.hear(transfer, operation, verdict)
    assert (hub.transfers[transfer.id].state, net(hub)) == (State.COMMITTED, before)
    assert hub.cases == [("contradicted", transfer.id)] * 3
    hub.hear(transfer, CONVERT, A)
    assert len(hub.cases) == 3, "what was said before is said again, and is nothing new"


@every_way
@pytest.mark.parametrize("verdict", [A, R])
@pytest.mark.parametrize("caller", ["alpha", "bravo", "delta", "echo", "third"])
def test_nobodys_word_but_over_the_fx_providers_own_connection_counts(way: Way, verdict: Verdict, caller: str) -> None:
    hub = opened(confirming())
    transfer = begun(hub, way)
    result = hub.one(Word(transfer=transfer.id, caller=caller, verdict=verdict))
    assert isinstance(result, Refusal)
    assert result.reason is (Reason.STATE_FORBIDS if caller in {"alpha", "bravo"} else Reason.TRANSFER_UNKNOWN)
    assert hub.transfers[transfer.id] == transfer


@pytest.mark.parametrize("custom", [{}, {"receivingAmountMin": "1"}], ids=["quoted", "without a quote"])
def test_a_third_party_is_offered_nothing_that_it_cannot_wait_for(custom: dict[str, Any]) -> None:
    hub = opened(confirming(terms={"unquoted": Unquoted.QUOTE}))
    asked = sending(1, caller="third", **custom) if custom else quotation(1, caller="third")
    assert why(hub.one(asked)) == Reason.NO_ROUTE
    assert held(hub) == {}


def test_without_a_quote_the_conversion_is_confirmed_as_well() -> None:
    hub = opened(confirming(terms={"unquoted": Unquoted.QUOTE}))
    transfer = hub.begun(sending(1, receivingAmountMin="28500"))
    assert (transfer.flow, transfer.state) == (Flow.CONVERTED_PUSH, State.CONVERTING)


def test_what_is_converted_is_what_is_sent_and_not_what_is_taken() -> None:
    hub = opened(confirming(fee=(FeeRule(name="service", currency="KES", percent="2"),)))
    transfer = begun(hub, PUSH)
    assert (told(hub).money, held(hub)["alpha", "KES"]) == (SOURCE, 1_020_00)
    hub.hear(transfer, CONVERT, A, money=SOURCE)
    assert hub.cases == []
