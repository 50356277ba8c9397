"""Limits: per transaction, day, week and month; what is counted, for whom, until when, and when it is given back."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.command import Command, Due, Heard, Reason, Submit
from hub.core.participant import SchemeFile
from hub.core.pricing.limits import Limits, Payment, Tally
from hub.core.pricing.rules import LimitRule, Period, Then, Unquoted, Whose
from hub.core.transfer import State
from routing.message import FailureClass, Operation, Verdict
from routing.money import MINOR_MAX, Money
from routing.party import Party, party
from tests.core.corridor import UGANDA, corridor_file, opened, paying, quoted, sending, why
from tests.core.stage import ALPHA, BRAVO, START_MS, Hub, msisdn, outcome, scheme_file, submit, transfer_id

A, R = Verdict.ACCEPTED, Verdict.REFUSED
CREDIT, DEBIT, REFUND = Operation.CREDIT, Operation.DEBIT, Operation.REFUND
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
DAY, WEEK, MONTH, ONCE = Period.DAY, Period.WEEK, Period.MONTH, Period.TRANSACTION
OTHER = "+254700000002"  # another customer of alpha


def limit(name: str = "limit", currency: str = "KES", per: Period = DAY, **fields: Any) -> LimitRule:
    return LimitRule(name=name, currency=currency, per=per, **fields)


def under(*limits: LimitRule, **terms: Any) -> SchemeFile:
    """Build the scheme at home under these limits."""
    file = scheme_file()
    return msgspec.structs.replace(file, limit=limits, scheme=msgspec.structs.replace(file.scheme, **terms))


# Per transaction.
ALONE: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "a least amount": ({"min_value": "10"}, {"9.99": Reason.AMOUNT_TOO_SMALL, "10": "", "900": ""}),
    "a largest amount": ({"max_value": "100"}, {"100": "", "100.01": Reason.AMOUNT_TOO_LARGE}),
    "both": (
        {"min_value": "10", "max_value": "10"},
        {"9.99": Reason.AMOUNT_TOO_SMALL, "10": "", "10.01": Reason.AMOUNT_TOO_LARGE},
    ),
    "of another FSP": ({"max_value": "1", "payer_fsp": "bravo"}, {"100": ""}),
    "of its own FSP": ({"max_value": "1", "payer_fsp": "alpha"}, {"100": Reason.AMOUNT_TOO_LARGE}),
    "to another FSP": ({"max_value": "1", "payee_fsp": "alpha"}, {"100": ""}),
    "to this FSP": ({"max_value": "1", "payee_fsp": "bravo"}, {"100": Reason.AMOUNT_TOO_LARGE}),
    "of another type": ({"max_value": "1", "types": ("billpay",)}, {"100": ""}),
    "of this type": ({"max_value": "1", "types": ("billpay", "transfer")}, {"100": Reason.AMOUNT_TOO_LARGE}),
    "abroad only": ({"max_value": "1", "other": "UGX"}, {"100": ""}),
    "at home only": ({"max_value": "1", "other": "KES"}, {"100": Reason.AMOUNT_TOO_LARGE}),
}


@pytest.mark.parametrize(
    ("fields", "amount", "reason"),
    [
        pytest.param(fields, amount, reason, id=f"{name}: {amount}")
        for name, (fields, amounts) in ALONE.items()
        for amount, reason in amounts.items()
    ],
)
def test_a_single_transfer_is_held_against_what_one_may_carry(fields: dict[str, Any], amount: str, reason: str) -> None:
    hub = Hub(under(limit(per=ONCE, **fields)))
    kept = hub.begun(submit(1, amount=amount))
    assert (kept.state, kept.reason) == (State.ABORTED if reason else State.RESERVED, reason)
    assert hub.tallies == {}, "nothing is counted"


# Over time: three transfers of 40, the last of which is too much.
REASONS = {
    (DAY, "value"): Reason.DAY_VALUE,
    (DAY, "count"): Reason.DAY_COUNT,
    (WEEK, "value"): Reason.WEEK_VALUE,
    (WEEK, "count"): Reason.WEEK_COUNT,
    (MONTH, "value"): Reason.MONTH_VALUE,
    (MONTH, "count"): Reason.MONTH_COUNT,
}
FIELDS: dict[str, dict[str, Any]] = {"value": {"max_value": "80"}, "count": {"max_count": 2}}
over_time = pytest.mark.parametrize(
    ("per", "what"), [pytest.param(*key, id=f"{key[1]} of a {key[0]}") for key in REASONS]
)
ways = pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])


@ways
@over_time
def test_what_passes_a_limit_over_time_is_refused_and_what_fits_goes(per: Period, what: str, *, together: bool) -> None:
    """The members of one batch are counted like any others."""
    hub = Hub(under(limit(per=per, **FIELDS[what])))
    commands = [submit(number, amount="40") for number in (1, 2, 3)]
    results = hub.batch(commands) if together else [hub.one(each) for each in commands]
    assert [why(each) for each in results] == ["", "", REASONS[per, what]]
    assert [tuple(each) for each in hub.tallies.values()] == [(80_00, 2)], "what was refused is not counted"
    assert hub.transfers[transfer_id(3)].state is State.ABORTED
    assert f"limit limit: {what} of the {per}" in hub.trail[-1].detail


@ways
@over_time
def test_what_passes_a_limit_that_is_only_looked_at_waits_for_an_operator(
    per: Period, what: str, *, together: bool
) -> None:
    hub = Hub(under(limit(per=per, then=Then.REVIEW, **FIELDS[what])))
    commands = [submit(number, amount="40") for number in (1, 2, 3)]
    results = hub.batch(commands) if together else [hub.one(each) for each in commands]
    assert [why(each) for each in results] == ["", "", ""]
    assert hub.transfers[transfer_id(3)].state is State.IN_REVIEW
    assert hub.cases == [("flagged", transfer_id(3))]
    assert [tuple(each) for each in hub.tallies.values()] == [(120_00, 3)], "what waits is counted: it may go yet"


def test_a_largest_amount_may_be_looked_at_as_well() -> None:
    hub = Hub(under(limit(per=ONCE, max_value="100", then=Then.REVIEW)))
    assert hub.begun(submit(1, amount="100")).state is State.RESERVED
    assert hub.begun(submit(2, amount="100.01")).state is State.IN_REVIEW


def test_a_limit_that_refuses_is_said_before_one_that_is_looked_at() -> None:
    looked_at = limit("look", max_count=1, then=Then.REVIEW)
    for limits in ((looked_at, limit(max_value="50")), (limit(max_value="50"), looked_at)):
        hub = Hub(under(*limits))
        hub.begun(submit(1, amount="40"))
        assert why(hub.one(submit(2, amount="40"))) == Reason.DAY_VALUE
        assert hub.cases == []


# Whose transfers are counted together: two transfers, of which the second is too many or not.
KES = {"payer": ALPHA, "payee": BRAVO}
TOGETHER: dict[str, tuple[Whose, dict[str, str], bool]] = {
    "one payer": (Whose.PAYER, {"payee": "+254710000002"}, True),
    "another payer of the same FSP": (Whose.PAYER, {"payer": OTHER}, False),
    "one payee": (Whose.PAYEE, {"payer": OTHER}, True),
    "another payee of the same FSP": (Whose.PAYEE, {"payee": "+254710000002"}, False),
    "one payer FSP": (Whose.PAYER_FSP, {"payer": OTHER, "payee": "+254710000002"}, True),
    "another payer FSP": (Whose.PAYER_FSP, {"caller": "bravo", "payer": BRAVO, "payee": ALPHA}, False),
    "one payee FSP": (Whose.PAYEE_FSP, {"payer": OTHER, "payee": "+254710000002"}, True),
    "another payee FSP": (Whose.PAYEE_FSP, {"caller": "bravo", "payer": BRAVO, "payee": ALPHA}, False),
    "a payer is no payee": (Whose.PAYER, {"caller": "bravo", "payer": BRAVO, "payee": ALPHA}, False),
}


@pytest.mark.parametrize(("whose", "second", "counted"), TOGETHER.values(), ids=TOGETHER)
def test_transfers_are_counted_together_as_the_limit_says(
    whose: Whose, second: dict[str, str], *, counted: bool
) -> None:
    hub = Hub(under(limit(of=whose, max_count=1)))
    hub.begun(submit(1))
    assert why(hub.one(submit(2, **second))) == (Reason.DAY_COUNT if counted else "")


def naming(number: int, payer: Party) -> Submit:
    plain = submit(number)
    return msgspec.structs.replace(plain, body=msgspec.structs.replace(plain.body, payer=payer))


def test_an_account_with_several_names_is_counted_under_each_of_them() -> None:
    hub = Hub(under(limit(max_count=1)))
    hub.begun(naming(1, party([("msisdn", ALPHA), ("accountid", "77"), ("bankname", "x")])))
    assert why(hub.one(naming(2, msisdn(ALPHA)))) == Reason.DAY_COUNT
    both = naming(3, party([("msisdn", "+254700000003"), ("accountid", "77")]))
    assert why(hub.one(both)) == Reason.DAY_COUNT
    same_bank = naming(4, party([("msisdn", "+254700000004"), ("bankname", "x")]))
    assert why(hub.one(same_bank)) == "", "what only says where an account is counts nobody"


@pytest.mark.parametrize("key", ["accountcategory", "accountrank", "accountid", "bankname", "emailaddress", "walletid"])
def test_naming_an_account_in_one_way_more_is_no_way_round_a_limit(key: str) -> None:
    """Whatever stands first in the order of the keys: what is added, or what names the account."""
    hub = Hub(under(limit(max_value="10")))
    hub.begun(naming(1, msisdn(ALPHA)))
    for number in (2, 3):
        added = party([("msisdn", ALPHA), (key, f"value {number}")])
        assert why(hub.one(naming(number, added))) == Reason.DAY_VALUE


def test_no_account_is_named_in_a_tally() -> None:
    hub = Hub(under(limit(max_count=9), limit("fsp", of=Whose.PAYER_FSP, max_count=9)))
    hub.begun(submit(1))
    kept = [*hub.tallies, *(each.key for each in hub.transfers[transfer_id(1)].price.counts)]  # type: ignore[union-attr]
    assert sorted({key.split("/")[0] for key in kept}) == ["fsp", "limit"]
    assert all(ALPHA not in key and ALPHA.removeprefix("+") not in key for key in kept)
    assert {key.split("/")[2] for key in kept if key.startswith("fsp")} == {"alpha"}
    (digest,) = {key.split("/")[2] for key in kept if key.startswith("limit")}
    assert len(digest) == 32
    hub.begun(submit(2, caller="bravo", payer=BRAVO, payee=ALPHA))
    assert len({key.split("/")[2] for key in hub.tallies if key.startswith("limit")}) == 2


# Until when: START_MS is Friday the 15th of January 2027, 8 in the morning UTC.
MIDNIGHT_MS = START_MS + 16 * HOUR_MS
BOUNDS: dict[str, tuple[Period, int, int, bool]] = {
    "the last moment of the day": (DAY, 0, MIDNIGHT_MS - 1, True),
    "midnight": (DAY, 0, MIDNIGHT_MS, False),
    "midnight in Nairobi": (DAY, 180, MIDNIGHT_MS - 3 * HOUR_MS, False),
    "just before it": (DAY, 180, MIDNIGHT_MS - 3 * HOUR_MS - 1, True),
    "midnight west of Greenwich": (DAY, -240, MIDNIGHT_MS + 4 * HOUR_MS, False),
    "just before that": (DAY, -240, MIDNIGHT_MS + 4 * HOUR_MS - 1, True),
    "half an hour counts": (DAY, 330, MIDNIGHT_MS - 5 * HOUR_MS - HOUR_MS // 2, False),
    "Sunday night": (WEEK, 0, MIDNIGHT_MS + 2 * DAY_MS - 1, True),
    "Monday": (WEEK, 0, MIDNIGHT_MS + 2 * DAY_MS, False),
    "the last of the month": (MONTH, 0, MIDNIGHT_MS + 16 * DAY_MS - 1, True),
    "the first of the next": (MONTH, 0, MIDNIGHT_MS + 16 * DAY_MS, False),
    "the first of the next in Nairobi": (MONTH, 180, MIDNIGHT_MS + 16 * DAY_MS - 3 * HOUR_MS, False),
}


@pytest.mark.parametrize(("per", "offset", "then_ms", "same"), BOUNDS.values(), ids=BOUNDS)
def test_a_day_a_week_and_a_month_begin_at_the_schemes_own_midnight(
    per: Period, offset: int, then_ms: int, *, same: bool
) -> None:
    hub = Hub(under(limit(per=per, max_count=1), utc_offset_minutes=offset))
    hub.begun(submit(1))
    hub.now_ms = then_ms
    assert (why(hub.one(submit(2))) != "") is same


@settings(max_examples=300)
@given(st.sampled_from([DAY, WEEK, MONTH]), st.integers(0, 4 * 10**12), st.integers(-840, 840))
def test_a_tally_is_kept_until_its_period_is_over(per: Period, now_ms: int, offset: int) -> None:
    limits = Limits([limit(per=per, max_count=1)], offset)
    money = Money(1, "KES")
    payment = Payment("alpha", "bravo", msisdn(ALPHA), msisdn(BRAVO), "transfer", money, money)
    (counted,) = limits.counted(payment, now_ms)
    assert counted.adds is not None
    (at_its_end,) = limits.counted(payment, counted.adds.ends_ms)
    assert at_its_end.adds is not None
    assert at_its_end.adds.key != counted.adds.key


# Given back: when nothing moved, and not before.
ENDINGS: dict[str, tuple[str, list[tuple[Operation, Verdict]], bool]] = {
    "under way": ("alpha", [], False),
    "paid": ("alpha", [(CREDIT, A)], False),
    "refused": ("alpha", [(CREDIT, R)], True),
    "pulled and refused": ("bravo", [(DEBIT, R)], True),
    "held": ("third", [(DEBIT, A)], False),
    "owed back": ("third", [(DEBIT, A), (CREDIT, R)], False),
    "given back": ("third", [(DEBIT, A), (CREDIT, R), (REFUND, A)], True),
}


@pytest.mark.parametrize(("caller", "said", "free"), ENDINGS.values(), ids=ENDINGS)
def test_what_moved_nothing_is_not_counted_any_more(
    caller: str, said: list[tuple[Operation, Verdict]], *, free: bool
) -> None:
    hub = Hub(under(limit(max_value="100"), limit("week", per=WEEK, max_count=1)))
    transfer = hub.begun(submit(1, caller=caller, amount="100"))
    for operation, verdict in said:
        transfer = hub.hear(transfer, operation, verdict)
    assert {tuple(each) for each in hub.tallies.values()} == {(0, 0) if free else (100_00, 1)}
    assert (why(hub.one(submit(2, amount="100"))) == "") is free


def test_it_is_given_back_to_the_day_it_was_counted_in() -> None:
    hub = Hub(under(limit(max_count=1)))
    transfer = hub.begun(submit(1))
    hub.now_ms += DAY_MS
    hub.begun(submit(2))
    hub.hear(transfer, CREDIT, R)
    assert why(hub.one(submit(3))) == Reason.DAY_COUNT
    assert sorted(tuple(each) for each in hub.tallies.values()) == [(0, 0), (10_00, 1)]


def test_a_lapse_gives_back_and_a_late_word_after_it_takes_nothing_again() -> None:
    hub = Hub(under(limit(max_count=1)))
    transfer = hub.begun(submit(1))
    hub.now_ms = transfer.due_ms or 0
    hub.one(Due(transfer=transfer.id))
    hub.now_ms = transfer.lease_ends_ms + 60_000
    hub.hear(transfer, CREDIT, Verdict.UNKNOWN, failure=FailureClass.ABSENT, asked_ms=hub.now_ms)
    for verdict in (A, R):
        hub.hear(transfer, CREDIT, verdict)
    assert [tuple(each) for each in hub.tallies.values()] == [(0, 0)]


@ways
def test_what_is_given_back_in_a_batch_is_there_for_the_next_member_of_it(*, together: bool) -> None:
    hub = Hub(under(limit(max_count=1)))
    transfer = hub.begun(submit(1))
    commands: list[Command] = [Heard(outcome=outcome(transfer, CREDIT, R)), submit(2), submit(3)]
    results = hub.batch(commands) if together else [hub.one(each) for each in commands]
    assert [why(each) for each in results] == ["", "", Reason.DAY_COUNT]


def test_what_is_barred_for_another_reason_is_not_counted() -> None:
    hub = Hub(under(limit(max_count=1)))
    hub.begun(submit(1, payee="+254720000001"))
    assert hub.transfers[transfer_id(1)].reason == Reason.NO_ROUTE
    assert not any(any(each) for each in hub.tallies.values())
    assert why(hub.one(submit(2))) == ""


def test_a_reversal_is_under_no_limit() -> None:
    hub = Hub(under(limit(max_count=1, of=Whose.PAYER_FSP), limit("once", per=ONCE, max_value="10")))
    original = hub.begun(submit(1))
    hub.hear(original, CREDIT, A)
    assert why(hub.one(submit(2, original=original.id, amount=None))) == ""


# Abroad: each side's limits are in its own currency.
def abroad(*limits: LimitRule) -> Hub:
    return opened(corridor_file(limit=limits, terms={"unquoted": Unquoted.QUOTE}))


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (limit(max_value="1999"), Reason.DAY_VALUE),
        (limit(max_value="2000"), ""),
        (limit(currency="UGX", of=Whose.PAYEE, max_value="56999"), Reason.DAY_VALUE),
        (limit(currency="UGX", of=Whose.PAYEE, max_value="57000"), ""),
        (limit(currency="UGX", of=Whose.PAYER, max_value="1"), ""),
        (limit(currency="KES", of=Whose.PAYEE, max_value="1"), ""),
        (limit(other="UGX", max_count=1), Reason.DAY_COUNT),
        (limit(other="KES", max_count=1), ""),
        (limit(types=("transfer",), max_count=1), ""),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else f"{value.currency} {value.of} {value.max_value}",
)
@pytest.mark.parametrize("by_quote", [True, False], ids=["quoted", "not quoted"])
def test_abroad_each_side_is_limited_in_its_own_currency(rule: LimitRule, reason: str, *, by_quote: bool) -> None:
    hub = abroad(rule)
    for number in (10, 20):
        made = quoted(hub, number) if by_quote else None
        command = paying(number + 1, made) if made else sending(number + 1, receivingAmountMin="1")
        assert why(hub.one(command)) == (reason if number == 20 else "")


def test_a_quotation_counts_nothing() -> None:
    hub = abroad(limit(max_count=1))
    for number in (1, 2, 3):
        quoted(hub, number)
    assert hub.tallies == {}
    assert why(hub.one(sending(9, payee=UGANDA, receivingAmountMin="1"))) == ""


def test_what_no_tally_could_hold_is_refused_also_where_it_would_only_be_looked_at() -> None:
    hub = Hub(under(limit(max_value="1", then=Then.REVIEW)))
    hub.begun(submit(1, amount="1"))
    (key,) = hub.tallies
    hub.tallies[key] = Tally(MINOR_MAX - 1_00, 1)
    assert hub.begun(submit(2, amount="1")).state is State.IN_REVIEW
    assert hub.tallies[key] == Tally(MINOR_MAX, 2)
    assert why(hub.one(submit(3, amount="1"))) == Reason.DAY_VALUE
