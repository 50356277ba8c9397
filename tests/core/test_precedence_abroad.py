"""Precedence abroad: of any two faults in a payment by quote the hub says the one that `Reason` lists first."""

from collections.abc import Callable
from itertools import combinations
from typing import Any, NamedTuple

import msgspec
import pytest

from hub.core.command import AT_THE_DOOR, Reason, Refusal, first_of
from hub.core.participant import SchemeFile, Status
from hub.core.pricing.rules import Corridor, LimitRule, Period
from hub.core.transfer import State
from routing.money import Money
from tests.cash import Fund
from tests.core.corridor import OFFERS, corridor_file, held, opened, paying, quoted
from tests.core.stage import Hub, scheme, transfer_id

ORDER = list(Reason)
NEEDS = Corridor(
    source="KES", target="UGX", requires=("senderKyc.idDocument",), origin_countries=("KE",), id_types=("passport",)
)
KYC = {"senderKyc": {"idDocument": [{"idType": "passport"}]}}
GOOD: dict[str, Any] = {"information": {"originCountry": "KE"}, "kyc": KYC}


class Fault(NamedTuple):
    """What is wrong: in the payment, and what has changed since it was quoted."""

    change: dict[str, Any] = {}
    meanwhile: Callable[[Hub], object] = lambda _: None


def applied(hub: Hub, change: Callable[[SchemeFile], SchemeFile]) -> None:
    """Apply the scheme anew; the accounts and what they hold stay."""
    hub.scheme = scheme(change(hub.scheme.file))


def suspends(file: SchemeFile) -> SchemeFile:
    changed = (
        msgspec.structs.replace(each, status=Status.SUSPENDED) if each.id == "bravo" else each
        for each in file.participant
    )
    return msgspec.structs.replace(file, participant=tuple(changed))


def limits(per: Period, **fields: Any) -> Callable[[Hub], None]:
    rule = LimitRule(name=per, currency="KES", per=per, **fields)
    return lambda hub: applied(hub, lambda file: msgspec.structs.replace(file, limit=(*file.limit, rule)))


def disconnects(hub: Hub) -> None:
    applied(hub, lambda file: msgspec.structs.replace(file, connection=()))


def is_late(hub: Hub) -> None:
    hub.now_ms += 300_000


def is_used(hub: Hub) -> None:
    made = hub.instruments[transfer_id(1)]
    hub.instruments[made.id] = msgspec.structs.replace(made, used_by=transfer_id(1))


def is_spent(hub: Hub) -> None:
    hub.one(Fund(participant="delta", money=Money(-1, "UGX"), reference="bank-1", by="test"))


FAULTS: dict[Reason, Fault] = {
    Reason.CALLER_SUSPENDED: Fault({"caller": "stranger"}),
    Reason.QUOTE_UNKNOWN: Fault({"quote": "another"}),
    Reason.QUOTE_USED: Fault(meanwhile=is_used),
    Reason.QUOTE_EXPIRED: Fault(meanwhile=is_late),
    Reason.QUOTE_DIFFERS: Fault({"kind": "transfer"}),
    Reason.ORIGIN_FORBIDDEN: Fault({"information": {"originCountry": "US"}}),
    Reason.KYC_MISSING: Fault({"kyc": {}}),
    Reason.ID_DOCUMENT_FORBIDDEN: Fault({"kyc": {"senderKyc": {"idDocument": [{"idType": "other"}]}}}),
    Reason.AMOUNT_TOO_LARGE: Fault(meanwhile=limits(Period.TRANSACTION, max_value="1")),
    Reason.DAY_VALUE: Fault(meanwhile=limits(Period.DAY, max_value="1")),
    Reason.WEEK_VALUE: Fault(meanwhile=limits(Period.WEEK, max_value="1")),
    Reason.MONTH_VALUE: Fault(meanwhile=limits(Period.MONTH, max_value="1")),
    Reason.PARTICIPANT_SUSPENDED: Fault(meanwhile=lambda hub: applied(hub, suspends)),
    Reason.NO_ROUTE: Fault(meanwhile=disconnects),
    Reason.CAP_EXCEEDED: Fault(meanwhile=is_spent),
}
PAIRS = [(one, two) for one, two in combinations(FAULTS, 2) if not set(FAULTS[one].change) & set(FAULTS[two].change)]


def said_of(*faults: Reason) -> Reason | None:
    """Say why a payment with these faults came to nothing; what is no matter of the door is kept, and holds nothing."""
    delta = {"delta": {"net_debit_cap": {"KES": "0", "UGX": "28500"}}}
    hub = opened(corridor_file(corridor=(NEEDS,), fx=OFFERS[:1], members=delta))
    made = quoted(hub)
    request = GOOD
    for fault in faults:
        request = request | FAULTS[fault].change
        FAULTS[fault].meanwhile(hub)
    command = paying(2, made, **request)
    result = hub.one(command)
    found = Reason(result.reason) if result.reason else None
    assert isinstance(result, Refusal) is (found in AT_THE_DOOR)
    if found is not None and found not in AT_THE_DOOR:
        assert (hub.transfers[command.transfer].state, hub.transfers[command.transfer].reason) == (State.ABORTED, found)
    assert bool(held(hub)) is (found is None)
    return found


def test_a_payment_without_a_fault_goes() -> None:
    assert said_of() is None


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_alone_is_its_own_reason(fault: Reason) -> None:
    assert said_of(fault) is fault


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_of_two_faults_the_one_listed_first_is_said(one: Reason, two: Reason) -> None:
    assert said_of(one, two) is min(one, two, key=ORDER.index)


def test_the_order_of_the_faults_is_the_order_of_the_list() -> None:
    assert list(FAULTS) == sorted(FAULTS, key=ORDER.index)
    assert first_of(reversed(ORDER)) is ORDER[0]
    assert first_of([]) is None
