"""Screening finds what its list says it finds, however it is written, and says so without saying who it is."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.screening import HITS_SAID_MAX, NameList, Screened, ScreeningError, entry, screened, tokens
from routing.party import Identifier, normalised

BIG, SMALL = 10_000, 100
PAYER = (Identifier("msisdn", "+999000000001"),)
PAYEE = (Identifier("iban", "GB29NWBK60161331926819"), Identifier("walletid", "w-1"))

ACCENTS = [chr(code) for code in range(0x300, 0x36F) if code != 0x345]  # iota subscript: a letter when capitalised
# A word needs a letter: what is left of marks and signs alone is no word.
WORDS = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd", "Pd", "Mn"]), min_size=1, max_size=8).filter(tokens)
NAMES = st.lists(WORDS, min_size=2, max_size=5).map(" ".join).filter(lambda name: len(tokens(name)) > 1)
LATIN = st.lists(st.text("aeiounrstBCDKZ", min_size=1, max_size=8), min_size=1, max_size=5)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["fullName", "x"]), inner, max_size=3),
    max_leaves=6,
)


def named(*names: str) -> Screened:
    return Screened(transfer="t", caller="alpha", names=names)


def listed(kind: str, value: str) -> NameList:
    return NameList([entry(kind, value, "E-1", "a list")])


def kyc_name(**parts: Any) -> dict[str, Any]:
    return {"senderKyc": {"subjectName": parts}}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Blocked Example One", True),
        ("ONE, blocked EXAMPLE", True),
        ("Mr Blocked Middle Example One", True),
        ("blocked  example\tone", True),
        ("Blocked-Example/One", True),
        ("Bl\u00f3ck\u00e9d E\u0301x\u00e5mple \u00d6ne", True),
        ("B\u0142ocked Examp\u0142e \u00d8ne", True),
        ("\u0181locke\u0257 Example One", True),
        ("\uff22locked \uff25xample \uff2fne", True),
        ("Bl\u200bocked Exam\u00adple One", True),
        ("Block'ed Ex\u2019ample On\u00b4e", True),
        ("Blocked Example", False),
        ("Blocked Example Ones", False),
        ("B. Example One", False),
        ("BlockedExample One", False),
        ("Bl-ocked Example One", False),
        ("Blocked Exampel One", False),
        ("Bl\u043ecked Example One", False),
        ("", False),
    ],
)
def test_a_name_is_found_when_every_word_of_the_entry_is_in_it(name: str, found: bool) -> None:
    assert bool(listed("name", "BLOCKED EXAMPLE ONE").hit(named(name))) is found


@pytest.mark.parametrize(
    ("entered", "name", "found"),
    [
        ("Example", "example", True),
        ("Example", "Example Example", True),
        ("Example", "Another Example", False),
        ("Blocked Example", "example BLOCKED", True),
        ("Blocked Example", "Blocked Example One", False),
        ("\u0645\u062b\u0627\u0644", "\u0645\u0650\u062b\u0627\u0644", True),
        ("Stra\u00dfe 12", "STRASSE \u0661\u0662", True),
        ("\u0130\u0131", "II", True),
    ],
)
def test_an_exact_name_is_found_when_its_words_are_all_there_is(entered: str, name: str, found: bool) -> None:
    assert bool(listed("exactname", entered).hit(named(name))) is found


@pytest.mark.parametrize(
    ("kind", "value", "key", "given_as", "found"),
    [
        ("msisdn", "+999 000-000 001", "msisdn", "999000000001", True),
        ("MSISDN ", "999000000001", "msisdn", "+999000000001", True),
        ("msisdn", "+999000000001", "msisdn", "+999000000002", False),
        ("iban", "gb29 nwbk 6016 1331 9268 19", "iban", "GB29NWBK60161331926819", True),
        ("accountid", " blocked-1 ", "accountid", "blocked-1", True),
        ("accountid", "blocked-1", "accountid", "BLOCKED-1", False),
        ("accountid", "blocked-1", "walletid", "blocked-1", False),
    ],
)
def test_an_identifier_is_found_by_its_key_and_its_one_spelling(
    kind: str, value: str, key: str, given_as: str, found: bool
) -> None:
    submission = screened("t", "alpha", PAYEE, (normalised(key, given_as),), {})
    assert bool(listed(kind, value).hit(submission)) is found


@pytest.mark.parametrize(
    ("value", "found"),
    [("EX-000 4", True), ("ex0004", True), ("EX.00.04", True), ("EX-00004", False), ("0004", False), (4, False)],
)
def test_the_number_of_a_document_is_found_whatever_its_type_and_separators(value: object, found: bool) -> None:
    kyc = {"recipientKyc": {"idDocument": [{"idType": "taxid"}, {"idType": "passport", "idNumber": value}]}}
    assert bool(listed("idnumber", "EX0004").hit(screened("t", "alpha", PAYER, PAYEE, kyc))) is found


@pytest.mark.parametrize(
    ("kyc", "names"),
    [
        ({}, ()),
        (kyc_name(fullName=" Example One "), ("Example One",)),
        (kyc_name(title="Dr", firstName="A", middleName="B", lastName="C"), ("A B C",)),
        (kyc_name(firstName="A", lastName="C"), ("A C",)),
        (kyc_name(fullName="A C", firstName="A", lastName="C", nativeName="\u0623"), ("A C", "\u0623")),
        (kyc_name(fullName="Another", firstName="A", lastName="C"), ("Another", "A C")),
        (kyc_name(fullName=None, firstName=7, middleName=[], lastName=True), ("7",)),
        (kyc_name(fullName="One") | {"recipientKyc": {"subjectName": {"fullName": "Two"}}}, ("One", "Two")),
        ({"senderKyc": [kyc_name(fullName="x"), {"subjectName": [{"fullName": "Hidden"}, 3]}]}, ("Hidden",)),
        ({"senderKyc": None, "recipientKyc": "Example"}, ()),
        ({"otherKyc": {"subjectName": {"fullName": "Example"}}}, ()),
    ],
)
def test_names_come_from_both_sides_in_every_form_they_have(kyc: dict[str, Any], names: tuple[str, ...]) -> None:
    assert screened("t", "alpha", PAYER, PAYEE, kyc).names == names


def test_both_parties_and_their_documents_are_screened_each_once() -> None:
    documents = {"idDocument": [{"idNumber": "ab 1"}, {"idNumber": "AB-1"}, {"idNumber": "--"}, {"idNumber": 12}]}
    found = screened("t", "alpha", PAYER, (*PAYEE, *PAYER), {"senderKyc": documents, "recipientKyc": documents})
    numbers = (Identifier("idnumber", "AB1"), Identifier("idnumber", "12"))
    assert found.identifiers == (*PAYER, *PAYEE, *numbers)
    assert (found.transfer, found.caller) == ("t", "alpha")


@given(JUNK, st.sampled_from(["kyc", "side", "subject", "document", "part"]))
def test_junk_never_raises(junk: Any, where: str) -> None:
    kyc = {
        "kyc": junk,
        "side": {"senderKyc": junk, "recipientKyc": [junk]},
        "subject": {"senderKyc": {"subjectName": junk}},
        "document": {"recipientKyc": {"idDocument": junk}},
        "part": {
            "senderKyc": {"subjectName": {"fullName": junk, "lastName": junk}, "idDocument": [{"idNumber": junk}]}
        },
    }[where]
    submission = screened("t", "alpha", PAYER, PAYEE, kyc)
    assert all(submission.names)
    NameList([entry("name", "Blocked Example", "E-1", "a list")]).hit(submission)


def test_broken_texts_and_endless_numbers_never_raise() -> None:
    assert screened("t", "alpha", PAYER, PAYEE, kyc_name(fullName="\ud800 \x00")).names == ("\ud800 \x00",)
    assert tokens("\ud800 a") == {"a"}
    assert not screened("t", "alpha", PAYER, PAYEE, kyc_name(fullName=10**5000)).names


@given(NAMES)
def test_an_entrys_own_name_is_always_found(name: str) -> None:
    assert listed("name", name).hit(named(name))
    assert listed("exactname", name).hit(named(name))


@given(NAMES, st.randoms(use_true_random=False))
def test_the_order_of_words_and_words_more_never_matter(name: str, chance: Any) -> None:
    words = [*name.split(), "more"]
    chance.shuffle(words)
    assert listed("name", name).hit(named("other", " ".join(words)))


@given(st.text(max_size=20))
def test_case_never_matters(name: str) -> None:
    assert tokens(name) == tokens(name.upper()) == tokens(name.lower()) == tokens(name.swapcase())


@given(LATIN, st.lists(st.sampled_from(ACCENTS), min_size=60, max_size=60))
def test_accents_never_matter(words: list[str], accents: list[str]) -> None:
    name = " ".join(words)
    accented = "".join(map("".join, zip(name, accents, strict=False)))
    assert tokens(accented) == tokens(name) == {word.casefold() for word in words}


@given(NAMES)
def test_what_is_left_of_a_name_is_left_alone(name: str) -> None:
    assert tokens(" ".join(sorted(tokens(name)))) == tokens(name)


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ("alias", "Example One", "no kind of entry; there are accountcategory"),
        ("name", "  ", "1 to 256 characters"),
        ("name", "x " * 129, "1 to 256 characters"),
        ("name", "Example", "write the whole name, or use exactname"),
        ("name", "Example example", "one word"),
        ("name", "-- ..", "neither letters nor digits"),
        ("exactname", "--", "neither letters nor digits"),
        ("idnumber", "--", "neither letters nor digits"),
        ("msisdn", "0712 secret", "with its country code"),
        ("iban", "GB29NWBK60161331926818", "check digits"),
    ],
)
def test_an_entry_that_would_find_nothing_or_everyone_is_refused(kind: str, value: str, says: str) -> None:
    with pytest.raises(ScreeningError, match=says) as caught:
        entry(kind, value, "E-1", "a list")
    assert not value.strip() or value not in str(caught.value)


@pytest.mark.parametrize(("reference", "origin"), [("", "a list"), ("E-1", " "), ("E" * 257, "a list")])
def test_an_entry_without_its_reference_or_list_is_refused(reference: str, origin: str) -> None:
    with pytest.raises(ScreeningError, match="1 to 256 characters"):
        entry("name", "Blocked Example", reference, origin)


def test_a_hit_names_list_and_entry_and_never_who_it_is() -> None:
    names = NameList(
        [
            entry("name", "Blocked Example", "E-2", "sanctions"),
            entry("exactname", "Blocked Example One", "E-1", "sanctions"),
            entry("msisdn", "+999000000001", "E-3", "denied"),
            entry("idnumber", "EX0004", "E-4", "denied"),
        ]
    )
    kyc = kyc_name(fullName="One Blocked Example", nativeName="Blocked Example")
    kyc["senderKyc"]["idDocument"] = [{"idNumber": "EX-0004"}]
    assert names.hit(screened("t", "alpha", PAYER, PAYEE, kyc)) == (
        "msisdn:+999*******01 is E-3 of denied; idnumber:****** is E-4 of denied; "
        "a name is E-1 of sanctions; a name is E-2 of sanctions"
    )
    assert len(names) == 4


def test_a_hit_says_a_handful_of_entries_and_how_many_more() -> None:
    names = NameList(entry("name", "Blocked Example", f"E-{each}", "a list") for each in range(HITS_SAID_MAX + 2))
    said = names.hit(named("Blocked Example")).split("; ")
    assert len(said) == HITS_SAID_MAX + 1
    assert said[-1] == "and 2 more"


def test_nothing_is_found_on_an_empty_list() -> None:
    assert not NameList([]).hit(named("Blocked Example"))


def test_what_is_screened_shows_no_name_when_it_is_printed() -> None:
    assert "Example" not in repr(named("Example One"))


def fastest_us(names: NameList, submissions: list[Screened]) -> float:
    """Time a submission, in the best of many rounds: a busy machine makes single rounds slow, hardly all of them."""
    best = float("inf")
    for _ in range(25):
        begun = time.perf_counter()
        for each in submissions:
            names.hit(each)
        best = min(best, time.perf_counter() - begun)
    return best * 1e6 / len(submissions)


def test_a_long_list_costs_a_submission_hardly_more_than_a_short_one() -> None:
    # First and last words are shared by a hundred entries each, as names are; only pairs are rare.
    entries = [entry("name", f"First{n % 100} Last{n // 100}", f"E-{n}", "a list") for n in range(BIG)]
    long, short = NameList(entries), NameList(entries[:: BIG // SMALL])
    kyc = {"recipientKyc": {"subjectName": {"firstName": "First7", "middleName": "Last1", "lastName": "Other"}}}
    submissions = [screened("t", "a", PAYER, PAYEE, kyc | kyc_name(fullName=f"Some Body {n}")) for n in range(50)]
    long_us, short_us = fastest_us(long, submissions), fastest_us(short, submissions)
    # Ten times is what the index leaves; comparing with every entry would be a hundred times, and a millisecond.
    assert long_us < max(500, 10 * short_us), f"{long_us:.1f} us of {BIG} entries, {short_us:.1f} us of {SMALL}"
