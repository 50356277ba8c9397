"""Parties: one spelling for each, and nothing of them in clear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.party import (
    IDENTIFIER_KEYS,
    IDENTIFIERS_MAX,
    VALUE_MAX,
    Identifier,
    PartyError,
    masked,
    normalised,
    party,
    same,
)


@pytest.mark.parametrize(
    ("key", "value", "region", "written"),
    [
        ("msisdn", "+254700111222", None, "+254700111222"),
        ("msisdn", "254700111222", None, "+254700111222"),
        ("msisdn", " +254 (700) 111-222 ", None, "+254700111222"),
        ("msisdn", "+254.700.111.222", None, "+254700111222"),
        ("msisdn", "0700111222", "KE", "+254700111222"),
        ("msisdn", "0700 111 222", "KE", "+254700111222"),
        ("MSISDN", "+254700111222", None, "+254700111222"),
        ("iban", "gb33 bukb 2020 1555 5555 55", None, "GB33BUKB20201555555555"),
        ("iban", "GB33BUKB20201555555555", None, "GB33BUKB20201555555555"),
        ("swiftbic", "bukbgb22", None, "BUKBGB22"),
        ("accountid", "  2999 ", None, "2999"),
        ("emailaddress", "Someone@example.com", None, "Someone@example.com"),
    ],
)
def test_an_identifier_has_one_spelling(key: str, value: str, region: str | None, written: str) -> None:
    identifier = normalised(key, value, region)
    assert identifier == Identifier(key.lower(), written)
    assert normalised(identifier.key, identifier.value, region) == identifier


@pytest.mark.parametrize(
    ("key", "value", "region"),
    [
        ("shoesize", "44", None),
        ("msisdn", "0700111222", None),
        ("msisdn", "0700111222", "XX"),
        ("msisdn", "07", "KE"),
        ("msisdn", "+1234567890123456", None),
        ("msisdn", "seven", "KE"),
        ("msisdn", "+\u0662\u0665\u0664700111222", None),
        ("iban", "GB33BUKB20201555555556", None),
        ("iban", "not an iban", None),
        ("accountid", "", None),
        ("accountid", "   ", None),
        ("accountid", "x" * (VALUE_MAX + 1), None),
        ("accountid", "12$34", None),
    ],
)
def test_what_names_nobody_is_refused_without_repeating_it(key: str, value: str, region: str | None) -> None:
    with pytest.raises(PartyError) as raised:
        normalised(key, value, region)
    if len(value.strip()) > 2:
        assert value not in str(raised.value)


@pytest.mark.parametrize("count", [0, IDENTIFIERS_MAX + 1])
def test_a_party_has_one_to_ten_identifiers(count: int) -> None:
    with pytest.raises(PartyError):
        party([("accountid", str(number)) for number in range(count)])


def test_a_party_of_ten_identifiers_is_a_party() -> None:
    assert len(party([("accountid", str(number)) for number in range(IDENTIFIERS_MAX)])) == IDENTIFIERS_MAX


@given(key=st.sampled_from(sorted(IDENTIFIER_KEYS)), value=st.text(min_size=1, max_size=40))
def test_masking_keeps_the_length_and_never_shows_more_than_six_characters(key: str, value: str) -> None:
    identifier = Identifier(key, value)
    hidden = masked(identifier).removeprefix(f"{key}:")
    assert len(hidden) == len(value)
    shown = sum(1 for was, now in zip(value, hidden, strict=True) if was == now and was != "*")
    assert shown <= 6
    assert shown < len(value) or set(value) == {"*"}
    assert str(identifier) == repr(identifier) == f"{identifier}" == masked(identifier)


def test_masking_shows_enough_to_recognise() -> None:
    assert masked(Identifier("msisdn", "+254700111222")) == "msisdn:+254*******22"
    assert masked(Identifier("accountid", "2999")) == "accountid:****"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([("accountid", "1")], [("accountid", "1")], True),
        ([("accountid", "1")], [("accountid", "2")], False),
        ([("accountid", "1")], [("walletid", "1")], False),
        ([("accountid", "1"), ("walletid", "9")], [("accountid", "1")], True),
        ([("accountid", "1"), ("walletid", "9")], [("walletid", "9"), ("accountid", "1")], True),
        ([("accountid", "1"), ("walletid", "9")], [("accountid", "1"), ("walletid", "8")], False),
        ([("accountid", "1"), ("walletid", "9")], [("accountid", "2"), ("walletid", "9")], False),
    ],
)
def test_parties_are_the_same_when_all_they_share_agrees(
    one: list[tuple[str, str]],
    other: list[tuple[str, str]],
    expected: bool,
) -> None:
    assert same(party(one), party(other)) is expected
    assert same(party(other), party(one)) is expected
