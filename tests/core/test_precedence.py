"""Precedence: of any two faults in one submission the hub says the one that `Reason` lists first."""

from collections.abc import Mapping
from itertools import combinations

import msgspec
import pytest

from hub.core.command import AT_THE_DOOR, Reason, Refusal, Submit
from hub.core.participant import Status
from hub.core.transfer import State
from routing.message import Operation, Verdict
from tests.core.stage import ALPHA, CORAL, Hub, outcome, scheme_file, submit, transfer_id

NOBODY = "+255700000001"
ORDER = list(Reason)

# What to change about a good push from alpha to bravo, so that one fault is in it.
FAULTS: dict[Reason, dict[str, str]] = {
    Reason.CALLER_SUSPENDED: {"caller": "stranger"},
    Reason.DUPLICATE: {"correlation": "used"},
    Reason.CURRENCY_UNSUPPORTED: {"currency": "TZS"},
    Reason.PARTY_MISSING: {"payer": ""},
    Reason.INSTITUTION_UNKNOWN: {"institution": "nobody"},
    Reason.PAYER_UNKNOWN: {"payer": NOBODY},
    Reason.PAYEE_UNKNOWN: {"payee": NOBODY},
    Reason.SAME_PARTIES: {"payee": ALPHA},
    Reason.NOT_YOUR_CUSTOMER: {"caller": "coral"},
    Reason.AMOUNT_TOO_SMALL: {"amount": "0.5"},
    Reason.AMOUNT_TOO_LARGE: {"amount": "901"},
}
REVERSAL_FAULTS: dict[Reason, dict[str, str]] = {
    Reason.CALLER_SUSPENDED: {"caller": "stranger"},
    Reason.DUPLICATE: {"correlation": "used"},
    Reason.CURRENCY_UNSUPPORTED: {"currency": "TZS"},
    Reason.ORIGINAL_UNKNOWN: {"original": transfer_id(99)},
    Reason.ORIGINAL_NOT_COMMITTED: {"original": transfer_id(2)},
    Reason.ORIGINAL_EXCEEDED: {"amount": "101"},
    Reason.AMOUNT_TOO_SMALL: {"amount": "0.5"},
}


def pairs(faults: Mapping[Reason, Mapping[str, str]]) -> list[tuple[Reason, Reason]]:
    """List the pairs of faults that fit into one submission."""
    return [(one, two) for one, two in combinations(faults, 2) if not set(faults[one]) & set(faults[two])]


def reason(hub: Hub, command: Submit) -> Reason | None:
    """Say why it came to nothing; what is no matter of the door must have been kept as an aborted transfer."""
    result = hub.one(command)
    found = Reason(result.reason) if result.reason else None
    assert isinstance(result, Refusal) is (found in AT_THE_DOOR)
    if found and found not in AT_THE_DOOR:
        kept = hub.transfers[command.transfer]
        assert (kept.state, kept.reason) == (State.ABORTED, found)
    return found


def pushed(*faults: Reason) -> Reason | None:
    hub, changes = Hub(), {key: value for fault in faults for key, value in FAULTS[fault].items()}
    caller = changes.get("caller", "alpha")
    hub.one(submit(90, correlation="used"))
    hub.first[caller, "used"] = transfer_id(90)  # whoever asks has used it
    return reason(hub, submit(1, **changes))


def reversed_(*faults: Reason) -> Reason | None:
    hub = Hub()
    original = hub.begun(submit(1, amount="100"))
    hub.hear(original, Operation.CREDIT, Verdict.ACCEPTED)
    hub.begun(submit(2, amount="100"))
    changes = {key: value for fault in faults for key, value in REVERSAL_FAULTS[fault].items()}
    values = {"caller": "bravo", "original": original.id, "amount": "10"} | changes
    hub.first[values["caller"], "used"] = original.id
    return reason(hub, submit(3, **values))


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_is_its_own_reason(fault: Reason) -> None:
    assert pushed(fault) is fault


@pytest.mark.parametrize(("one", "two"), pairs(FAULTS))
def test_of_two_faults_the_one_listed_first_is_said(one: Reason, two: Reason) -> None:
    assert pushed(one, two) is min(one, two, key=ORDER.index)


@pytest.mark.parametrize("fault", REVERSAL_FAULTS)
def test_each_fault_of_a_reversal_alone_is_its_own_reason(fault: Reason) -> None:
    assert reversed_(fault) is fault


@pytest.mark.parametrize(("one", "two"), pairs(REVERSAL_FAULTS))
def test_of_two_faults_of_a_reversal_the_one_listed_first_is_said(one: Reason, two: Reason) -> None:
    assert reversed_(one, two) is min(one, two, key=ORDER.index)


@pytest.mark.parametrize("fault", [each for each in FAULTS if each is not Reason.CALLER_SUSPENDED])
def test_what_a_request_can_cure_is_said_before_what_the_hub_forbids(fault: Reason) -> None:
    hub = Hub(scheme_file(bravo=Status.SUSPENDED))
    hub.first["alpha", "used"] = hub.first["coral", "used"] = transfer_id(90)
    assert reason(hub, submit(1, **FAULTS[fault])) is fault
    assert all(account.debits_pending == 0 for account in hub.accounts.values())


@pytest.mark.parametrize(
    ("suspended", "payee", "amount", "expected"),
    [
        ({"coral": Status.SUSPENDED}, CORAL, "900", Reason.PARTICIPANT_SUSPENDED),
        ({}, CORAL, "900", Reason.NO_ROUTE),
        ({}, "+254710000001", "900", Reason.CAP_EXCEEDED),
    ],
    ids=["suspended, and no route, and over the cap", "no route, and over the cap", "over the cap"],
)
def test_what_bars_a_transfer_has_its_order_too(
    suspended: dict[str, Status], payee: str, amount: str, expected: Reason
) -> None:
    hub = Hub(scheme_file(**suspended))
    hub.begun(submit(1, amount="900"))
    barred = hub.begun(submit(2, payee=payee, amount=amount))
    assert (barred.state, barred.reason) == (State.ABORTED, expected)


def test_the_order_of_the_faults_is_the_order_of_the_list() -> None:
    assert list(FAULTS) == sorted(FAULTS, key=ORDER.index)
    assert list(REVERSAL_FAULTS) == sorted(REVERSAL_FAULTS, key=ORDER.index)


def test_a_header_cures_an_unknown_account_of_the_other_side_only() -> None:
    assert reason(Hub(), submit(1, payee=NOBODY, institution="bravo")) is None
    assert reason(Hub(), submit(1, caller="bravo", payer=NOBODY, institution="alpha")) is None
    assert reason(Hub(), submit(1, payer=NOBODY, institution="bravo")) is Reason.PAYER_UNKNOWN


def test_what_was_refused_at_the_door_gave_its_correlation_id_back_and_what_failed_later_keeps_it() -> None:
    hub = Hub()
    assert reason(hub, submit(1, correlation="one", payer="")) is Reason.PARTY_MISSING
    assert reason(hub, submit(2, correlation="one", amount="0.5")) is Reason.AMOUNT_TOO_SMALL
    assert reason(hub, submit(3, correlation="one")) is Reason.DUPLICATE


def test_an_outcome_does_not_wake_what_was_barred() -> None:
    hub = Hub()
    barred = hub.begun(submit(1, payee=CORAL))
    said = msgspec.structs.replace(outcome(barred, Operation.CREDIT, Verdict.ACCEPTED), connection="bravo-1")
    after = hub.hear(barred, said.operation, said.verdict)
    assert (after.state, after.due_ms) == (State.ABORTED, None)
    assert all(account.debits_pending == 0 for account in hub.accounts.values())
