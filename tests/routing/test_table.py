"""Routing tables: precedence, reasons, obstacles, and that ten thousand prefixes cost nothing."""

import time

import msgspec
import pytest

from routing.message import Kind, Operation
from routing.money import Money
from routing.party import Identifier, Party
from routing.table import Connection, Directory, Rail, Rails, Resolved

NUMBER = Identifier("msisdn", "+254712345678")
DIRECTORY = Directory(
    [
        ("msisdn", "+254", "fallback"),
        ("msisdn", "+2547", "blue"),
        ("msisdn", "+25471", "green"),
        ("iban", "GB33BUKB", "bank"),
        ("swiftbic", "BUKBGB22", "bank"),
        ("organisationid", "bank2", "second"),
        ("accountid", "9", "nines"),
    ]
)


@pytest.mark.parametrize(
    ("party", "overrides", "participant", "reason"),
    [
        ((NUMBER,), {}, "green", "prefix: msisdn +25471... belongs to green"),
        ((Identifier("msisdn", "+254722000000"),), {}, "blue", "prefix: msisdn +2547... belongs to blue"),
        ((Identifier("msisdn", "+254200000000"),), {}, "fallback", "prefix: msisdn +254... belongs to fallback"),
        ((NUMBER,), {NUMBER: "ported"}, "ported", "override: msisdn:+254*******78 is at ported"),
        (
            (Identifier("swiftbic", "BUKBGB22"), NUMBER),
            {NUMBER: "ported"},
            "ported",
            "override: msisdn:+254*******78 is at ported",
        ),
        ((NUMBER, Identifier("swiftbic", "BUKBGB22")), {}, "bank", "institution: swiftbic BUKBGB22 is bank"),
        (
            (Identifier("organisationid", "bank2"), Identifier("swiftbic", "BUKBGB22")),
            {},
            "bank",
            "institution: swiftbic BUKBGB22 is bank",
        ),
        ((Identifier("swiftbic", "OTHERXXX"), NUMBER), {}, "green", "prefix: msisdn +25471... belongs to green"),
        (
            (NUMBER, Identifier("iban", "GB33BUKB20201555555555")),
            {},
            "bank",
            "prefix: iban GB33BUKB... belongs to bank",
        ),
        ((Identifier("accountid", "99"),), {}, "nines", "prefix: accountid 9... belongs to nines"),
        ((Identifier("msisdn", "+255712345678"),), {}, None, "no override, institution or prefix matches (msisdn)"),
        ((Identifier("emailaddress", "x@y"),), {}, None, "no override, institution or prefix matches (emailaddress)"),
    ],
)
def test_override_goes_before_institution_before_the_longest_prefix(
    party: Party, overrides: dict[Identifier, str], participant: str | None, reason: str
) -> None:
    assert DIRECTORY.resolve(party, overrides) == Resolved(participant, (reason,))


def test_an_override_of_another_party_changes_nothing() -> None:
    other = Identifier("msisdn", "+254712345679")
    assert DIRECTORY.resolve((NUMBER,), {other: "ported"}).participant == "green"


def test_a_number_shorter_than_every_prefix_matches_none() -> None:
    assert DIRECTORY.resolve((Identifier("msisdn", "+25"),), {}).participant is None


def test_no_reason_shows_a_whole_number() -> None:
    for overrides in ({}, {NUMBER: "ported"}):
        assert NUMBER.value not in " ".join(DIRECTORY.resolve((NUMBER,), overrides).reasons)


BOTH = (Operation.CREDIT, Operation.DEBIT)
FIRST = Connection(
    name="b-first",
    participant="blue",
    adapter="simulator",
    rail=Rail(operations=BOTH, questions=(Kind.ACCOUNT_NAME,)),
    currencies=("KES",),
    priority=1,
    amount_min_minor=100,
    amount_max_minor=1000,
)
SECOND = msgspec.structs.replace(
    FIRST,
    name="a-second",
    rail=Rail(),
    priority=2,
    currencies=("KES", "TZS"),
    amount_min_minor=1,
    amount_max_minor=None,
)


def test_the_lowest_priority_number_is_chosen_whatever_the_names() -> None:
    routed = Rails([SECOND, FIRST]).choose("blue", [Operation.CREDIT], Money(500, "KES"))
    assert routed == (FIRST, ("b-first: chosen, priority 1",))


def test_equal_priorities_are_chosen_by_name_so_that_every_process_agrees() -> None:
    equal = msgspec.structs.replace(SECOND, priority=1)
    for order in ([FIRST, equal], [equal, FIRST]):
        assert Rails(order).choose("blue", [Operation.CREDIT], Money(500, "KES")).connection == equal


@pytest.mark.parametrize(
    ("first", "money", "obstacle"),
    [
        (msgspec.structs.replace(FIRST, enabled=False), Money(500, "KES"), "it is switched off"),
        (
            msgspec.structs.replace(FIRST, rail=Rail(operations=(Operation.DEBIT,))),
            Money(500, "KES"),
            "it cannot credit",
        ),
        (FIRST, Money(500, "TZS"), "it does not carry TZS"),
        (FIRST, Money(99, "KES"), "the amount is under its minimum"),
        (FIRST, Money(1001, "KES"), "the amount is over its maximum"),
    ],
)
def test_an_obstacle_is_named_and_the_next_rail_taken(first: Connection, money: Money, obstacle: str) -> None:
    routed = Rails([first, SECOND]).choose("blue", [Operation.CREDIT], money)
    assert routed == (SECOND, (f"b-first: passed over, {obstacle}", "a-second: chosen, priority 2"))


@pytest.mark.parametrize("minor", [100, 1000])
def test_both_limits_belong_to_the_range(minor: int) -> None:
    assert Rails([FIRST]).choose("blue", BOTH, Money(minor, "KES")).connection == FIRST


def test_every_operation_must_be_possible() -> None:
    routed = Rails([SECOND]).choose("blue", [Operation.CREDIT, Operation.DEBIT, Operation.REFUND], Money(1, "KES"))
    assert routed == (None, ("a-second: passed over, it cannot debit or refund",))


def test_a_participant_without_connections_says_so() -> None:
    assert Rails([FIRST]).choose("grey", BOTH, Money(500, "KES")) == (None, ("grey has no connection",))
    assert Rails([FIRST]).to_ask("grey", Kind.ACCOUNT_NAME) == (None, ("grey has no connection",))


def test_a_question_goes_to_the_first_rail_that_answers_it() -> None:
    first = msgspec.structs.replace(SECOND, priority=0)
    assert Rails([FIRST, first]).to_ask("blue", Kind.ACCOUNT_NAME) == (
        FIRST,
        ("a-second: passed over, it does not answer accountname", "b-first: chosen"),
    )
    assert Rails([FIRST]).to_ask("blue", Kind.ACCOUNT_STATUS).connection is None
    switched_off = msgspec.structs.replace(FIRST, enabled=False)
    assert Rails([switched_off]).to_ask("blue", Kind.ACCOUNT_NAME).connection is None


def test_a_decision_among_ten_thousand_prefixes_takes_microseconds() -> None:
    directory = Directory(
        [("msisdn", f"+2547{number:0{4 + number % 3}}", f"p{number % 50}") for number in range(10_000)]
    )
    rails = Rails([msgspec.structs.replace(FIRST, name=f"c{number}", participant=f"p{number}") for number in range(50)])
    parties = [(Identifier("msisdn", f"+2547{number * 9973 % 10**8:08}"),) for number in range(1000)]
    rounds: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        for party in parties:
            rails.choose(directory.resolve(party, {}).participant or "", [Operation.CREDIT], Money(500, "KES"))
        rounds.append(time.perf_counter() - began)
    assert min(rounds) / len(parties) < 200e-6
