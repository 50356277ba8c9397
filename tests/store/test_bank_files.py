"""The settlement bank's files: refused as a whole and clearly, or every entry matched; nothing in between."""

from collections.abc import Callable
from typing import Final

import msgspec
import pytest

from hub.core.command import Done, Refusal
from hub.core.office.files import Import, ImportUnsigned, Reported
from hub.core.settlement.window import Payment, PaymentState, Said, WindowState, Word
from hub.files.answers import answer
from hub.files.keys import SigningKey, new_key
from hub.ledger.position import balance
from hub.store.answering import import_deed
from tests.store.bank import (
    ACCOUNT,
    booked,
    csv_of,
    differences,
    files,
    kinds,
    payment,
    released,
    row,
    sent,
    signed,
    taken,
    window,
)
from tests.store.house import House, reason_of
from tests.store.office import CHECKER, MAKER, approved, fresh, proposed

Bad = Callable[[Payment, Payment], tuple[bytes, dict[str, str]]]
OTHER_WINDOW: Final = "f" * 32


def good(paid: Payment, due: Payment) -> bytes:
    return csv_of(booked(paid), booked(due))


def tampered(paid: Payment, due: Payment) -> tuple[bytes, dict[str, str]]:
    content = good(paid, due)
    return content.replace(b"2026-11-24", b"2026-11-25"), {"signature": signed(content)}


def renamed(paid: Payment, due: Payment) -> tuple[bytes, dict[str, str]]:
    content = good(paid, due)
    return content, {"signature": signed(content, "other.csv")}


def wrong_key(paid: Payment, due: Payment) -> tuple[bytes, dict[str, str]]:
    content = good(paid, due)
    return content, {"signature": signed(content, key=SigningKey(new_key()))}


def wrong_sums(paid: Payment, due: Payment) -> tuple[bytes, dict[str, str]]:
    return good(paid, due).replace(b",20.00,", b",21.00,"), {}


BAD: Final[dict[str, tuple[Bad, str]]] = {
    "changed after it was signed": (tampered, "it is of another|does not hold"),
    "under another name": (renamed, "another name"),
    "by another key": (wrong_key, "keys are ES256 and named"),
    "not signed": (lambda a, b: (good(a, b), {"signature": ""}), "not signed"),
    "signed for another window": (lambda a, b: (good(a, b), {"window": OTHER_WINDOW}), "signed for ffff"),
    "sums that do not add up": (wrong_sums, "trailers say"),
    "no known format": (lambda _a, _b: (b"<a/>", {}), "elements Document"),
    "no UTF-8": (lambda a, b: (good(a, b) + b"\xff", {"signature": "it is not even read"}), "UTF-8"),
    "with null characters": (lambda a, b: (good(a, b) + b"\0", {}), "null"),
    "about another account": (lambda a, _: (csv_of(booked(a, account="X-9")), {}), "none of the scheme's"),
    "of a currency not settled there": (
        lambda a, _: (csv_of(booked(a, "10", currency="UGX")), {}),
        "settles nothing there in 'UGX'",
    ),
    "a payment twice": (lambda a, _: (csv_of(booked(a), booked(a)), {}), "stood at"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_file_with_anything_wrong_is_refused_as_a_whole(house: House, bad: tuple[Bad, str]) -> None:
    make, says = bad
    paid, due = await released(house)
    content, how = make(paid, due)
    result = await sent(house, content, **how)  # type: ignore[arg-type] # only texts here
    assert isinstance(result, Done)
    assert any(word in result.reason for word in says.split("|")), result.reason
    (kept,) = await files(house, origin="bank")
    assert (kept.refused, kept.id) == (result.reason, result.transfer)
    assert [(await payment(house, each.id)).state for each in (paid, due)] == [PaymentState.EXPECTED] * 2
    assert (await window(house)).state is WindowState.SETTLING
    assert await differences(house) == []
    assert house.findings() == []


async def test_the_same_file_is_taken_once(house: House) -> None:
    paid, due = await released(house)
    content = csv_of(booked(paid, "11"), booked(due))
    mark = signed(content)
    first = await sent(house, content, signature=mark)
    before = await payment(house, paid.id)
    again = await sent(house, content, signature=mark)
    assert (again.reason, again.transfer) == ("", first.transfer), "in full the same: it is taken, and nothing changes"
    assert isinstance(again, Done)
    assert not again.changed
    for name in ("answer.csv", "again.csv"):  # signed once more, or under another name
        result = await sent(house, content, name=name)
        assert "taken before, as answer.csv" in result.reason
    assert await payment(house, paid.id) == before
    assert len(await differences(house)) == 1
    assert sorted(bool(each.refused) for each in await files(house, origin="bank")) == [False, True, True]


async def test_what_was_refused_may_be_sent_again_and_taken(house: House) -> None:
    paid, due = await released(house)
    content = good(paid, due)
    assert (await sent(house, content, signature="")).reason
    assert not (await sent(house, content)).reason
    assert (await window(house)).state is WindowState.SETTLED


async def unsigned(house: House, content: bytes) -> ImportUnsigned:
    scheme = await house.store.scheme()
    found = answer(content, name="paper.csv", signature="", scheme=scheme, keys={}, by_operator=True)
    deed = await import_deed(house.store.records, found, by=MAKER, ref=fresh())
    assert isinstance(deed, ImportUnsigned)
    return deed


async def test_what_no_key_has_signed_is_believed_of_two_people_only(house: House) -> None:
    paid, due = await released(house)
    content = good(paid, due)
    assert "has no keys" in (await sent(house, content, signature="", keys={})).reason, (
        "whoever may write into a folder"
    )
    deed = await unsigned(house, content)
    assert reason_of(await house.door.handle(deed)) == "checker_needed"
    fields = {name: getattr(deed, name) for name in Import.__struct_fields__}
    assert reason_of(await house.door.handle(Import(**fields))) == "checker_needed"
    assert (await payment(house, paid.id)).state is PaymentState.EXPECTED
    assert not (await approved(house, deed)).reason
    assert (await payment(house, paid.id)).state is PaymentState.POSTED
    (kept,) = [each for each in await files(house, origin="bank") if not each.refused]
    assert (kept.by, kept.signer) == (f"{MAKER}, approved by {CHECKER}", "")
    assert house.findings() == []


async def test_what_is_signed_or_refused_needs_no_second_person(house: House) -> None:
    deed = await unsigned(house, good(*await released(house)))
    for changed in ({"signer": "the bank"}, {"refused": "it does not add up"}):
        assert reason_of(await proposed(house, msgspec.structs.replace(deed, **changed))) == "terms_invalid"


async def test_an_unsigned_file_that_does_not_hold_is_neither_proposed_nor_approved(house: House) -> None:
    paid, due = await released(house)
    first, second = [await unsigned(house, good(paid, due)) for _ in range(2)]
    assert not (await approved(house, first)).reason
    again = msgspec.structs.replace(second, file=fresh(), name="again.csv")
    refused = await approved(house, again)
    assert isinstance(refused, Refusal)
    assert "taken before" in refused.detail
    assert await kinds(house) == []


async def test_a_window_is_settled_when_its_last_payment_is_booked(house: House) -> None:
    paid, due = await released(house, "10", "5.50")
    assert (paid.debtor, due.creditor, paid.minor) == ("alpha", "bravo", 15_50)
    await taken(house, booked(paid), name="1.csv")
    assert (await window(house)).state is WindowState.SETTLING
    assert balance(await house.position("alpha")) == -15_50
    await taken(house, booked(due), name="2.csv")
    assert (await window(house)).state is WindowState.SETTLED
    assert [balance(await house.position(each)) for each in ("alpha", "bravo")] == [0, 0]
    found = await payment(house, paid.id)
    assert (found.state, found.booked_minor, found.bank_reference) == (
        PaymentState.POSTED,
        15_50,
        f"B-{paid.id[:8]}",
    )
    assert await differences(house) == []
    assert house.findings() == []


MATCHING: Final[dict[str, tuple[list[dict[str, str]], PaymentState, list[str]]]] = {
    "exactly": ([{}], PaymentState.POSTED, []),
    "in capitals with dashes": ([{"reference": "upper"}], PaymentState.POSTED, []),
    "more": ([{"amount": "10.01"}], PaymentState.OVER, ["over"]),
    "less": ([{"amount": "9.99"}], PaymentState.UNDER, ["under"]),
    "the other way": ([{"direction": "debit"}], PaymentState.MISMATCH, ["mismatch"]),
    "exactly and once more": ([{}, {"bank_reference": "B-2"}], PaymentState.POSTED, ["twice"]),
    "told of twice": ([{}, {"statement": "S-2"}], PaymentState.POSTED, []),
    "told of with its reference later": ([{"bank_reference": ""}, {}], PaymentState.POSTED, []),
    "more, and then exactly": ([{"amount": "12"}, {"bank_reference": "B-2"}], PaymentState.POSTED, ["over"]),
    "exactly, and then more": ([{}, {"amount": "12", "bank_reference": "B-2"}], PaymentState.POSTED, ["over"]),
    "in two parts": (
        [{"amount": "4"}, {"amount": "6", "bank_reference": "B-2"}],
        PaymentState.MISMATCH,
        ["under", "under"],
    ),
    "refused": ([{"status": "refused", "reason": "AC04", "booked_on": ""}], PaymentState.REFUSED, ["refused"]),
    "refused without a reason": ([{"status": "refused", "booked_on": ""}], PaymentState.EXPECTED, []),
    "pending": ([{"status": "pending", "booked_on": ""}], PaymentState.EXPECTED, []),
    "in words nobody knows": ([{"status": "perhaps", "booked_on": ""}], PaymentState.EXPECTED, []),
    "booked, and then undone": (
        [{}, {"direction": "debit", "status": "reversed", "bank_reference": "B-2"}],
        PaymentState.MISMATCH,
        ["mismatch", "reversed"],
    ),
    "refused, and then booked": (
        [{"status": "refused", "reason": "AC04", "booked_on": ""}, {}],
        PaymentState.REFUSED,
        ["refused", "unwanted"],
    ),
    "booked, and then refused": (
        [{}, {"status": "refused", "reason": "AC04", "booked_on": ""}],
        PaymentState.POSTED,
        ["refused"],
    ),
}


@pytest.mark.parametrize("case", MATCHING.values(), ids=MATCHING)
async def test_what_the_bank_books_is_matched(
    house: House, case: tuple[list[dict[str, str]], PaymentState, list[str]]
) -> None:
    said, state, found = case
    paid, _ = await released(house)
    for number, words in enumerate(said):
        changed = dict(words)
        if changed.get("reference") == "upper":
            changed["reference"] = "-".join([paid.id[:8].upper(), paid.id[8:].upper()])
        amount = changed.pop("amount", "")
        await taken(house, booked(paid, amount, **changed), name=f"{number}.csv")
    assert (await payment(house, paid.id)).state is state
    assert await kinds(house) == found
    for each in await differences(house):
        assert (each.subject, each.about, each.source) == (paid.id, paid.subject, "bank")
        assert each.ours["amount"] == "10"
        assert each.theirs["file"] == each.file
    assert house.findings() == []


async def test_a_booking_of_nothing_of_ours_is_a_difference_told_once(house: House) -> None:
    await released(house)
    stranger = row("pay day", "77", "credit", bank_reference="B-9")
    await taken(house, stranger, name="054.csv")
    await taken(house, stranger, row("", "1", "debit", bank_reference="fee"), name="053.csv")
    assert await kinds(house) == ["unexpected", "unexpected"]
    first = next(each for each in await differences(house) if each.reference == "pay day")
    assert first.theirs["amount"] == "77"
    assert first.subject == ""


async def test_a_large_file_is_one_commit(house: House) -> None:
    paid, due = await released(house)
    strangers = [row(f"{number:032x}", "1", "credit", bank_reference=f"N-{number}") for number in range(300)]
    await taken(house, booked(paid), *strangers, booked(due))
    assert (await window(house)).state is WindowState.SETTLED
    assert len(await differences(house)) == 300


@pytest.mark.parametrize("minor", [0, -1, 10**18, 10**19])
async def test_an_amount_that_is_none_is_refused_with_the_file(house: House, minor: int) -> None:
    paid, _ = await released(house)
    result = await house.door.handle(telling(paid, minor, fresh()))
    assert isinstance(result, Done)
    assert "below 10^18 minor units" in result.reason
    (kept,) = await files(house, origin="bank")
    assert kept.refused == result.reason
    assert (await payment(house, paid.id)).state is PaymentState.EXPECTED


@pytest.mark.parametrize("file", ["", "F" * 32, "f" * 31, "../x"])
async def test_a_file_has_an_id_that_is_one(house: House, file: str) -> None:
    paid, _ = await released(house)
    assert reason_of(await house.door.handle(telling(paid, 10_00, file))) == "terms_invalid"


def telling(paid: Payment, minor: int, file: str) -> Import:
    said = Said(word=Word.BOOKED, minor=minor, currency="KES", direction="credit", bank_reference="B-1")
    return Import(
        by="bank",
        file=file,
        name="answer.csv",
        format="csv",
        content="",
        sha256=fresh(),
        signer="bank",
        currencies=("KES",),
        entries=(Reported(reference=paid.id, said=said),),
        about=(paid.subject,),
    )


async def test_an_account_number_is_compared_without_its_spaces(house: House) -> None:
    paid, _ = await released(house)
    await taken(house, booked(paid, account=f" {ACCOUNT[:4]} {ACCOUNT[4:]}"))
    assert (await payment(house, paid.id)).state is PaymentState.POSTED
