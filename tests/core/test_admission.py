"""Admission: the first reason against a submission is the one that is said; who asks decides the flow."""

import pytest

from hub.core.command import AT_THE_DOOR, Done, Reason, Refusal, Submit
from hub.core.participant import Status
from hub.core.transfer import Flow, State
from hub.ledger.account import counters
from routing.message import Operation, Verdict
from tests.core.stage import (
    ALPHA,
    BRAVO,
    CORAL,
    PORTED,
    Hub,
    outcome,
    reason_of,
    refused,
    scheme_file,
    submit,
    transfer_id,
)

NOBODY = "+255700000001"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (submit(1, payer="", payee=BRAVO), Reason.PARTY_MISSING),
        (submit(1, original=transfer_id(7), amount=None), Reason.ORIGINAL_UNKNOWN),
        (submit(1, caller="stranger"), Reason.CALLER_SUSPENDED),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
def test_what_is_wrong_with_who_calls_or_what_is_named_is_said_at_once_and_leaves_nothing(
    command: Submit, reason: Reason
) -> None:
    hub = Hub()
    assert refused(hub.one(command), reason)
    assert reason in AT_THE_DOOR
    assert (hub.transfers, hub.said, hub.first) == ({}, [], {})


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (submit(1, payer=NOBODY), Reason.PAYER_UNKNOWN),
        (submit(1, payee=NOBODY), Reason.PAYEE_UNKNOWN),
        (submit(1, payee=ALPHA), Reason.SAME_PARTIES),
        (submit(1, caller="coral"), Reason.NOT_YOUR_CUSTOMER),
        (submit(1, currency="TZS"), Reason.CURRENCY_UNSUPPORTED),
        (submit(1, amount="0.5"), Reason.AMOUNT_TOO_SMALL),
        (submit(1, amount="900.01"), Reason.AMOUNT_TOO_LARGE),
        (submit(1, institution="nobody"), Reason.INSTITUTION_UNKNOWN),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
def test_what_the_rules_forbid_is_accepted_and_fails_at_once_where_everybody_looks(
    command: Submit, reason: Reason
) -> None:
    hub, id_ = Hub(), transfer_id(1)
    assert hub.one(command) == Done(transfer=id_, state=State.ABORTED, reason=reason)
    kept = hub.transfers[id_]
    assert (kept.state, kept.reason, kept.due_ms) == (State.ABORTED, reason, None)
    assert (kept.payer_connection, kept.payee_connection) == ("", "")
    assert hub.said == [("callbacks", id_)]
    assert [(str(each.event), each.next) for each in hub.trail] == [("barred", State.ABORTED)]
    assert all(not any(counters(account)) for account in hub.accounts.values())
    assert refused(hub.one(submit(2, correlation="correlation-1", caller=command.caller)), Reason.DUPLICATE)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (submit(1, caller="stranger", payer=NOBODY, amount="0.5"), Reason.CALLER_SUSPENDED),
        (submit(1, currency="TZS", payer=NOBODY), Reason.CURRENCY_UNSUPPORTED),
        (submit(1, payer=NOBODY, payee=NOBODY), Reason.PAYER_UNKNOWN),
        (submit(1, payee=ALPHA, amount="0.5"), Reason.SAME_PARTIES),
        (submit(1, caller="coral", amount="0.5"), Reason.NOT_YOUR_CUSTOMER),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
def test_of_two_faults_the_one_of_higher_precedence_is_said(command: Submit, reason: Reason) -> None:
    assert reason_of(Hub().one(command)) == reason


@pytest.mark.parametrize(
    ("caller", "flow", "state", "told"),
    [
        ("alpha", Flow.PUSH, State.RESERVED, "instructions.bravo-1"),
        ("bravo", Flow.PULL, State.ASKED, "instructions.alpha-1"),
        ("third", Flow.THIRD_PARTY, State.ASKED, "instructions.alpha-1"),
    ],
)
def test_who_asks_decides_the_flow(caller: str, flow: Flow, state: State, told: str) -> None:
    hub = Hub()
    transfer = hub.begun(submit(1, caller=caller))
    assert (transfer.flow, transfer.state) == (flow, state)
    assert hub.said == [(told, transfer.id)]


@pytest.mark.parametrize(
    ("hub", "command", "reason"),
    [
        (Hub(scheme_file(bravo=Status.SUSPENDED)), submit(1), Reason.PARTICIPANT_SUSPENDED),
        (Hub(), submit(1, payee=CORAL), Reason.NO_ROUTE),
        (Hub(), submit(1, caller="coral", payer=CORAL, payee=ALPHA, amount="900"), None),
    ],
    ids=["a suspended participant", "no connection", "a push needs no connection to its payer"],
)
def test_what_the_hubs_own_state_forbids_is_kept_as_aborted(hub: Hub, command: Submit, reason: Reason | None) -> None:
    transfer = hub.begun(command)
    if reason is None:
        assert transfer.state is State.RESERVED
        return
    assert (transfer.state, transfer.reason) == (State.ABORTED, reason)
    assert hub.said == [("callbacks", transfer.id)]


def test_over_the_cap_is_barred_inside_a_batch_as_it_is_one_by_one() -> None:
    hub = Hub()
    hub.batch([submit(number, amount="600") for number in range(3)])
    states = [hub.transfers[transfer_id(number)].state for number in range(3)]
    assert states == [State.RESERVED, State.ABORTED, State.ABORTED]


def test_a_ported_number_is_at_its_new_participant() -> None:
    assert Hub().begun(submit(1, caller="bravo", payer=BRAVO, payee=PORTED)).payee_fsp == "bravo"


def test_the_header_says_who_holds_the_other_account() -> None:
    assert Hub().begun(submit(1, payee=NOBODY, institution="bravo")).payee_fsp == "bravo"


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_the_second_with_one_correlation_id_is_refused_with_the_first(*, together: bool) -> None:
    hub, pair = Hub(), [submit(1, correlation="same"), submit(2, correlation="same", amount="99")]
    results = hub.batch(pair) if together else [hub.one(each) for each in pair]
    assert isinstance(results[0], Done)
    assert results[1] == Refusal(reason=Reason.DUPLICATE, transfer=transfer_id(1))
    assert len(hub.transfers) == 1


def completed(hub: Hub, number: int = 1, amount: str = "100") -> str:
    transfer = hub.begun(submit(number, amount=amount))
    hub.hear(transfer, Operation.CREDIT, Verdict.ACCEPTED)
    return transfer.id


def test_a_reversal_goes_the_other_way_and_never_beyond_the_original() -> None:
    hub = Hub()
    original = completed(hub)
    part = hub.begun(submit(2, caller="bravo", original=original, amount="60"))
    assert (part.payer_fsp, part.payee_fsp, part.flow) == ("bravo", "alpha", Flow.PUSH)
    over = hub.batch([submit(number, caller="bravo", original=original, amount="30") for number in (3, 4)])
    assert [reason_of(each) for each in over] == ["", Reason.ORIGINAL_EXCEEDED], "also inside one batch"
    assert hub.transfers[transfer_id(4)].state is State.ABORTED
    rest = hub.begun(submit(5, caller="alpha", original=original, amount=None))
    assert (rest.minor, rest.flow) == (10_00, Flow.PULL)
    assert reason_of(hub.one(submit(6, caller="bravo", original=original, amount="1"))) == Reason.ORIGINAL_EXCEEDED
    assert hub.trail[-1].detail == "0 KES is left"


def test_an_aborted_reversal_may_be_asked_for_again() -> None:
    hub = Hub()
    original = completed(hub)
    first = hub.begun(submit(2, caller="bravo", original=original, amount=None))
    hub.one(submit(3))
    said = outcome(first, Operation.CREDIT, Verdict.REFUSED)
    hub.hear(first, said.operation, said.verdict)
    assert hub.begun(submit(4, caller="bravo", original=original, amount=None)).minor == 100_00


@pytest.mark.parametrize("caller", ["coral", "third"])
def test_a_strangers_reversal_looks_as_if_there_were_no_original(caller: str) -> None:
    hub = Hub()
    original = completed(hub)
    result = hub.one(submit(2, caller=caller, original=original, amount=None))
    assert isinstance(result, Refusal)
    assert result.reason is Reason.ORIGINAL_UNKNOWN


def test_only_a_completed_transfer_that_is_no_reversal_is_reversed() -> None:
    hub = Hub()
    pending = hub.begun(submit(1))
    original = completed(hub, 2)
    reversal = hub.begun(submit(3, caller="bravo", original=original, amount=None))
    hub.hear(reversal, Operation.CREDIT, Verdict.ACCEPTED)
    for number, id_ in ((4, pending.id), (5, reversal.id)):
        result = hub.one(submit(number, caller="alpha", original=id_, amount=None))
        assert reason_of(result) == Reason.ORIGINAL_NOT_COMMITTED
        failed = hub.transfers[transfer_id(number)]
        assert (failed.state, failed.original, failed.minor) == (State.ABORTED, id_, hub.transfers[id_].minor)
