"""A participant's day on PostgreSQL: statements that follow from postings, and its own file held against them."""

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

import msgspec
import psycopg
import pytest

from hub.core.command import Done
from hub.core.office.comparing import DIFFERENCES_MAX
from hub.core.office.records import Difference, File
from hub.files.days import CSV, PAGE, Sheet, Whose
from hub.files.inbox import PARTICIPANT_COLUMNS, read_participant_file
from hub.files.sheet import RECORD, written
from hub.ledger.position import balance
from hub.store import reconciling
from hub.store.days import DayError, Days
from hub.store.reconciling import LATE_MS, compare_deed, notices, statement, statement_page, whose_day
from hub.store.sql import SqlStore
from routing.message import Operation, Verdict
from routing.money import Money
from tests.store.bank import booked, payment, released, taken
from tests.store.house import House, submit
from tests.store.office import approved, funds_and_payment, moving

Row = dict[str, str]


def days_of(house: House) -> Days:
    assert isinstance(house.store, SqlStore)
    return house.store.days


async def today(house: House, who: str = "alpha") -> Whose:
    """The day of the last journal, which for these tests is over when it is asked for."""
    now_ms = await house.store.records.now_ms()
    return await day_of(house, datetime.fromtimestamp(now_ms // 1000, UTC).date(), who)


async def day_of(house: House, day: date, who: str = "alpha") -> Whose:
    return await whose_day(days_of(house), await house.store.scheme(), who, "KES", day)


async def written_of(days: Days, whose: Whose, now_ms: int, form: str = CSV, size: int = PAGE) -> list[Sheet]:
    """Every page of a statement."""
    return [each async for each in statement(days, whose, now_ms, form, size)]


def over(whose: Whose) -> int:
    """When a day's last batch has been seen."""
    return whose.to_ms + LATE_MS


async def settled_day(house: House) -> None:
    """Transfers, their settlement and funds: everything that a statement may have."""
    paid, due = await released(house, "10", "5.50")
    await taken(house, booked(paid), booked(due))
    deed = moving("250")
    await approved(house, deed)
    _, found = await funds_and_payment(house, deed)
    await taken(house, booked(await payment(house, found.id)), name="funds.csv")
    await house.completed(7, "1.25")
    await house.begun(submit(8, "3"))  # held, and so in no statement


async def test_a_statement_leads_from_one_position_to_the_next(sql_house: House) -> None:
    await settled_day(sql_house)
    for who in ("alpha", "bravo"):
        whose = await today(sql_house, who)
        (sheet,) = await written_of(days_of(sql_house), whose, over(whose), CSV)
        read = read_participant_file(sheet.content)
        assert read.header.opening == Money(0, "KES")
        assert read.header.closing == Money(balance(await sql_house.position(who)), "KES")


async def test_a_statement_says_what_each_entry_was_for(sql_house: House) -> None:
    await settled_day(sql_house)
    whose = await today(sql_house)
    (sheet,) = await written_of(days_of(sql_house), whose, over(whose), CSV)
    lines = [line.split(",") for line in sheet.content.decode().splitlines()]
    kinds = lines[0].index("kind")
    found = [(line[kinds], line[kinds + 1], line[kinds + 2]) for line in lines if line[0] == "entry"]
    assert found == [
        ("transfer", "debit", "10.00"),
        ("transfer", "debit", "5.50"),
        ("settlement", "credit", "15.50"),
        ("funds", "credit", "250.00"),
        ("transfer", "debit", "1.25"),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("form", [CSV, "camt.053"])
async def test_a_long_day_goes_in_pages_from_balance_to_balance(sql_house: House, form: str, size: int) -> None:
    await settled_day(sql_house)
    whose, days = await today(sql_house), days_of(sql_house)
    sheets = await written_of(days, whose, over(whose), form, size)
    read = [read_participant_file(each.content) for each in sheets]
    assert [len(each.rows) for each in read] == [size] * (5 // size) + [5 % size] * (5 % size > 0)
    if form != CSV:
        assert [each.header.page for each in read] == list(range(1, len(read) + 1))
        assert [each.header.is_last for each in read] == [False] * (len(read) - 1) + [True]
    ends = [Money(0, "KES"), *(each.header.closing for each in read)]
    assert [each.header.opening for each in read] == ends[:-1]
    assert ends[-1] == Money(balance(await sql_house.position("alpha")), "KES")
    assert len({row.reference for each in read for row in each.rows}) == 5
    for number, sheet in enumerate(sheets, 1):
        assert await statement_page(days, whose, over(whose), form, number, size=size) == (sheet, len(sheets))
    assert await statement_page(days, whose, over(whose), form, len(sheets) + 1, size=size) == (None, len(sheets))


async def test_what_the_entries_do_not_lead_to_is_told_as_no_balance(
    sql_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settled_day(sql_house)
    whose = await today(sql_house)
    monkeypatch.setattr("hub.store.days._balance", lambda _, __, height, ___: 1 if height else 0)
    with pytest.raises(DayError, match="run `hub audit`"):
        await written_of(days_of(sql_house), whose, over(whose))


async def test_cash_is_told_however_much_else_a_day_has(sql_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    await settled_day(sql_house)
    whose = await today(sql_house)
    monkeypatch.setattr("hub.store.days.ENTRIES_MAX", 2)
    sheet = await notices(days_of(sql_house), whose, whose.to_ms, CSV)
    assert len(sheet.content.splitlines()) == 4
    monkeypatch.setattr("hub.store.days.ENTRIES_MAX", 1)
    with pytest.raises(DayError, match="statement has them all"):
        await notices(days_of(sql_house), whose, whose.to_ms, CSV)


@pytest.mark.parametrize("day", [date.max, date.min])
async def test_a_day_at_the_end_of_all_days_is_none(sql_house: House, day: date) -> None:
    if day is date.max:
        with pytest.raises(DayError, match="out of range"):
            await day_of(sql_house, day)
    else:
        assert (await day_of(sql_house, day)).from_ms < 0


async def test_notifications_are_of_cash_only_and_of_the_day_so_far(sql_house: House) -> None:
    await settled_day(sql_house)
    whose = await today(sql_house)
    sheet = await notices(days_of(sql_house), whose, whose.from_ms + 1, CSV)
    assert [line.split(",")[8] for line in sheet.content.decode().splitlines()[1:-1]] == ["settlement", "funds"]


async def test_the_days_before_and_after_have_the_same_balances_and_no_entries(sql_house: House) -> None:
    await settled_day(sql_house)
    whose = await today(sql_house)
    days = days_of(sql_house)
    for step, minor in ((-1, 0), (1, balance(await sql_house.position("alpha")))):
        other = await day_of(sql_house, whose.day + timedelta(days=step))
        stood = await days.stood(reconciling.asked(other))
        assert (stood.opening, stood.closing, stood.entries) == (minor, minor, [])


async def test_a_day_that_is_not_over_has_no_statement(sql_house: House) -> None:
    await settled_day(sql_house)
    whose = await today(sql_house)
    with pytest.raises(DayError, match="not over"):
        await written_of(days_of(sql_house), whose, over(whose) - 1)
    with pytest.raises(DayError, match="no position"):
        await day_of(sql_house, date(2026, 1, 1), "third")


@pytest.mark.parametrize("later_h", [-2, 2], ids=["to the west", "to the east"])
async def test_a_day_that_was_signed_stays_when_the_time_zone_changes(sql_house: House, later_h: int) -> None:
    """The zone of then is one in which a day has just begun, whenever this runs; so the one before it can be signed."""
    now_ms = await sql_house.store.records.now_ms()
    hour = now_ms // 3_600_000 % 24
    then_h = -hour if hour <= 12 else 24 - hour
    begun = datetime.fromtimestamp(now_ms // 1000, timezone(timedelta(hours=then_h))).date()
    await in_zone(sql_house, then_h, at_ms=now_ms - 9 * 86_400_000)
    await sql_house.completed(1, "10")
    before, days = await day_of(sql_house, begun - timedelta(days=1)), days_of(sql_house)
    signed = await written_of(days, before, over(before))
    await in_zone(sql_house, then_h + later_h)
    await sql_house.completed(2, "5")
    now = [await day_of(sql_house, begun + timedelta(days=step)) for step in (-1, 0, 1)]
    assert await written_of(days, now[0], over(now[0])) == signed
    assert [each.to_ms for each in now[:-1]] == [each.from_ms for each in now[1:]]
    stood = [await days.stood(reconciling.asked(each)) for each in now]
    assert [len(each.entries) for each in stood] == [0, 2, 0]
    assert now[1].to_ms == before.to_ms + (24 - later_h) * 3_600_000, "this one ends by the zone of now"
    scheme, now_ms = await sql_house.store.scheme(), await sql_house.store.records.now_ms()
    assert (await reconciling.today(days, scheme, "alpha", "KES", now_ms)).day == begun, "and it is today"


async def in_zone(house: House, hours: int, at_ms: int | None = None) -> None:
    """Have days begin so many hours before those of UTC, as if the scheme had been applied then."""
    file = (await house.store.scheme()).file
    terms = msgspec.structs.replace(file.scheme, utc_offset_minutes=60 * hours)
    version = await house.store.apply_scheme(msgspec.structs.replace(file, scheme=terms), "head-1")
    if at_ms is not None:
        async with await psycopg.AsyncConnection.connect(house.url) as connection:
            past = "UPDATE scheme SET applied_ms = %s - (%s - version) WHERE version <= %s"
            await connection.execute(past, [at_ms, version, version])


async def compared(house: House, content: bytes, name: str = "own.csv") -> tuple[File, list[Difference]]:
    whose = await today(house)
    deed = await compare_deed(
        days_of(house), whose, content, name=name, by="alpha", ref=secrets.token_hex(16), now_ms=over(whose)
    )
    result = await house.door.handle(deed)
    assert isinstance(result, Done), result
    found = await house.store.records.one(File, result.transfer)
    assert found is not None
    return found, await house.store.records.found(Difference, file=found.id)


@pytest.mark.parametrize("form", [CSV, "camt.053"])
async def test_a_file_that_says_what_the_books_say_is_clean_and_says_so(sql_house: House, form: str) -> None:
    await settled_day(sql_house)
    whose = await today(sql_house)
    (sheet,) = await written_of(days_of(sql_house), whose, over(whose), form)
    found, differences = await compared(sql_house, sheet.content)
    assert (found.entries, found.differences, found.refused, differences) == (5, 0, "", [])
    assert (found.origin, found.subject, found.currency) == ("alpha", whose.day.isoformat(), "KES")


def own(transfer: str = "", amount: str = "10", direction: str = "debit", reference: str = "") -> Row:
    return {
        RECORD: "entry",
        "transfer": transfer,
        "own_reference": reference,
        "direction": direction,
        "amount": amount,
        "currency": "KES",
        "booked_at": "2026-11-24",
    }


def own_csv(*rows: Row) -> bytes:
    return written(PARTICIPANT_COLUMNS, rows, [Money.parse(each["amount"], "KES") for each in rows], "KES")


# From the good row of a transfer of 10.00 that alpha paid to what its file says instead, and what that comes to.
DIFFERS: Final[dict[str, tuple[Callable[[Row], list[Row]], list[str]]]] = {
    "the same": (lambda row: [row], []),
    "the same by the caller's own reference": (
        lambda row: [{**row, "transfer": "", "own_reference": "CORRELATION-1"}],
        [],
    ),
    "in capitals with dashes": (
        lambda row: [{**row, "transfer": f"{row['transfer'][:8]}-{row['transfer'][8:]}".upper()}],
        [],
    ),
    "in two rows": (lambda row: [{**row, "amount": "4"}, {**row, "amount": "6"}], []),
    "left out": (lambda _: [], ["missing_there"]),
    "more": (lambda row: [{**row, "amount": "11"}], ["amount"]),
    "the other way": (lambda row: [{**row, "direction": "credit"}], ["direction"]),
    "twice": (lambda row: [row, row], ["duplicate"]),
    "and another": (lambda row: [row, own("f" * 32, "7")], ["missing_here"]),
    "and one that was only held": (lambda row: [row, own(f"{8 + 0xA000:032x}", "3")], ["state"]),
    "and one of its own": (lambda row: [row, own("", "7", reference="till 4")], ["missing_here"]),
}


@pytest.mark.parametrize("case", DIFFERS.values(), ids=DIFFERS)
async def test_each_way_to_differ_has_its_name_and_its_evidence(
    sql_house: House, case: tuple[Callable[[Row], list[Row]], list[str]]
) -> None:
    make, kinds = case
    done = await sql_house.completed(1, "10")
    await sql_house.begun(submit(8, "3"))
    found, differences = await compared(sql_house, own_csv(*make(own(done.id))))
    assert sorted(each.kind for each in differences) == kinds
    assert found.differences == len(kinds)
    for each in differences:
        assert (each.source, each.state) == ("alpha", "open")
        if each.kind != "missing_there":
            assert each.theirs["rows"]
        if each.kind in ("missing_there", "amount", "direction", "duplicate"):
            assert [step["state"] for step in each.ours["steps"]][-1] == "committed"
            assert each.ours["amount"] == "10"


async def test_a_transfer_of_others_is_not_shown(sql_house: House) -> None:
    await sql_house.completed(1, "10")
    whose = await today(sql_house, "bravo")
    stranger = await sql_house.begun(submit(9, "3", caller="alpha"))
    await sql_house.hear(stranger, Operation.CREDIT, Verdict.REFUSED)
    deed = await compare_deed(
        days_of(sql_house), whose, own_csv(own("e" * 32)), name="x", by="bravo", ref="", now_ms=over(whose)
    )
    here = next(each for each in deed.found if each.kind == "missing_here")
    assert here.ours == {}


async def test_the_same_file_of_the_same_day_is_compared_once(sql_house: House) -> None:
    await sql_house.completed(1, "10")
    first, differences = await compared(sql_house, own_csv())
    again, _ = await compared(sql_house, own_csv())
    assert first == again
    assert len(differences) == 1


async def test_what_is_not_this_days_file_is_refused(sql_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.store.days.DIFFERENCES_MAX", 3)
    monkeypatch.setattr("hub.core.office.reconciling.DIFFERENCES_MAX", 3)
    found, differences = await compared(sql_house, own_csv(*(own(f"{n:032x}") for n in range(9))))
    assert "not the file of alpha's" in found.refused
    assert differences == []
    assert DIFFERENCES_MAX == 10_000


async def test_a_file_that_cannot_be_read_is_refused_and_kept(sql_house: House) -> None:
    found, differences = await compared(sql_house, b"record,what\r\n")
    assert "columns lack" in found.refused
    assert (found.entries, differences) == (0, [])
