"""A cross-border payee's own file: compared in its own currency, with what its own position moves or does not yet."""

from datetime import UTC, datetime, timedelta

from hub.core.office.comparing import Found
from hub.files.inbox import PARTICIPANT_COLUMNS
from hub.files.sheet import RECORD, written
from hub.store.reconciling import LATE_MS, compare_deed, whose_day
from hub.store.sql import SqlStore
from routing.message import Operation, Verdict
from routing.money import Money
from tests.store.abroad import open_corridor, paid, quoted
from tests.store.house import House


async def told(house: House, transfer: str, amount: str, *, step: int = 0) -> list[Found]:
    """What differs where bravo's file of a day has this transfer with so much."""
    assert isinstance(house.store, SqlStore)
    now_ms = await house.store.records.now_ms()
    day = datetime.fromtimestamp(now_ms // 1000, UTC).date() + timedelta(days=step)
    whose = await whose_day(house.store.days, await house.store.scheme(), "bravo", "UGX", day)
    row = {RECORD: "entry", "transfer": transfer, "direction": "credit", "amount": amount, "currency": "UGX"}
    row |= {"own_reference": "", "reference": "", "booked_at": day.isoformat()}
    content = written(PARTICIPANT_COLUMNS, [row], [Money.parse(amount, "UGX")], "UGX")
    deed = await compare_deed(
        house.store.days, whose, content, name="own.csv", by="bravo", ref="", now_ms=whose.to_ms + LATE_MS
    )
    assert not deed.refused
    return list(deed.found)


async def test_what_has_not_come_about_is_of_its_state_and_what_was_another_day_is_missing(sql_house: House) -> None:
    await open_corridor(sql_house)
    pays = await paid(sql_house, 2, await quoted(sql_house, 1))
    held = await sql_house.store.transfer(pays.transfer)
    assert held is not None
    assert held.price is not None
    given = held.price.given
    (found,) = await told(sql_house, held.id, str(given))
    assert (str(found.kind), found.ours["state"]) == ("state", held.state)
    assert (found.ours["currency"], found.ours["minor"]) == ("UGX", given.minor)
    await sql_house.hear(held, Operation.CREDIT, Verdict.ACCEPTED)
    assert await told(sql_house, held.id, str(given)) == []
    (found,) = await told(sql_house, held.id, str(given), step=-1)
    assert str(found.kind) == "missing_here", "it is in its currency, and was booked on another day"
