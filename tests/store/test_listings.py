"""Lists of an account's transfers, on memory and on PostgreSQL: every page is the same page, and only one's own."""

import random
from pathlib import Path

import msgspec
import psycopg
import pytest

from hub.core.command import Submit, Transfer
from hub.core.listing import TIMES, Side, Sought, key, lines, own
from hub.core.transfer import State
from hub.store import migrations
from hub.store.contract import Store
from routing.message import Operation, Verdict
from routing.party import Identifier
from tests.store.house import ALPHA, BRAVO, House, submit

PENDING = (State.RESERVED, State.ASKED)
BOTH_SIDES = (Side.DEBIT, Side.CREDIT)
ALPHAS, BRAVOS = Identifier("msisdn", ALPHA), Identifier("msisdn", BRAVO)


def sought(viewer: str, *accounts: Identifier, limit: int = 1_000, offset: int = 0) -> Sought:
    return Sought(keys=tuple(key(viewer, each) for each in accounts), limit=limit, offset=offset)


async def ids(store: Store, wanted: Sought) -> list[str]:
    return [each.id for _, each in (await store.listed(wanted)).found]


def newest_first(transfers: list[Transfer]) -> list[str]:
    return [each.id for each in sorted(transfers, key=lambda each: (each.created_ms, each.id), reverse=True)]


async def some(house: House) -> list[Transfer]:
    """Begin seven, some of them at the same instant, and end three: two move money, one does not."""
    await house.door.handle_all([submit(number) for number in range(3)])
    for number in range(3, 7):
        await house.begun(submit(number, type_="merchantpay" if number == 3 else "transfer"))
    every = [await house.transfer(submit(number).transfer) for number in range(7)]
    await house.hear(every[0], Operation.CREDIT, Verdict.ACCEPTED)
    await house.hear(every[3], Operation.CREDIT, Verdict.ACCEPTED)
    await house.hear(every[4], Operation.CREDIT, Verdict.REFUSED)
    return [await house.transfer(each.id) for each in every]


async def test_the_newest_is_listed_first_and_of_those_created_at_once_the_greatest_id(house: House) -> None:
    every = newest_first(await some(house))
    for viewer in ("alpha", "bravo"):
        for account in (ALPHAS, BRAVOS, own(viewer)):
            page = await house.store.listed(sought(viewer, account))
            assert (page.available, [each.id for _, each in page.found]) == (7, every)


async def test_pages_joined_are_the_whole_list(house: House) -> None:
    every = newest_first(await some(house))
    for size in (1, 2, 3, 7, 8):
        pages = [
            await ids(house.store, sought("alpha", ALPHAS, limit=size, offset=start)) for start in range(0, 9, size)
        ]
        assert [id_ for page in pages for id_ in page] == every
    beyond = await house.store.listed(sought("alpha", ALPHAS, limit=5, offset=7))
    assert (beyond.available, beyond.found) == (7, [])


async def test_a_transfer_is_listed_as_it_stands(house: House) -> None:
    every = {each.id: each for each in await some(house)}
    page = await house.store.listed(sought("bravo", BRAVOS))
    assert {each.id: each for _, each in page.found} == every


@pytest.mark.parametrize(
    ("numbers", "changes"),
    [
        ([0, 3], {"states": (State.COMMITTED,)}),
        ([4], {"states": (State.ABORTED, State.REFUNDED)}),
        ([1, 2, 5, 6], {"states": PENDING}),
        ([3], {"type": "merchantpay"}),
        ([], {"type": "merchantpay", "states": PENDING}),
        ([], {"type": "billpay"}),
        ([0, 3], {"states": (State.COMMITTED,), "sides": BOTH_SIDES}),
        ([0, 1, 2, 3, 4, 5, 6], {"sides": (Side.DEBIT,)}),
        ([], {"sides": (Side.CREDIT,)}),
        ([], {"from_ms": TIMES[1]}),
        ([], {"to_ms": 1}),
    ],
)
async def test_what_does_not_fit_is_neither_listed_nor_counted(
    house: House, numbers: list[int], changes: dict[str, object]
) -> None:
    every = await some(house)
    page = await house.store.listed(sought("alpha", ALPHAS)._replace(**changes))  # type: ignore[arg-type]
    wanted = newest_first([every[number] for number in numbers])
    assert (page.available, [each.id for _, each in page.found]) == (len(numbers), wanted)


async def test_both_dates_are_included(house: House) -> None:
    every = await some(house)
    instants = sorted({each.created_ms for each in every})
    for first in instants:
        for last in instants:
            between = [each for each in every if first <= each.created_ms <= last]
            wanted = sought("alpha", ALPHAS)._replace(from_ms=first, to_ms=last)
            assert await ids(house.store, wanted) == newest_first(between)


async def test_who_neither_asked_nor_holds_an_account_finds_nothing(house: House) -> None:
    asked = await house.begun(submit(1, caller="third"))
    await house.begun(submit(2))
    for account in (ALPHAS, BRAVOS, own("third")):
        assert await ids(house.store, sought("third", account)) == [asked.id]
        assert await ids(house.store, sought("stranger", account)) == []
    assert await ids(house.store, sought("alpha", own("third"))) == []


async def test_a_transfer_within_one_participant_is_listed_once_and_in_its_statement_on_both_sides(
    house: House,
) -> None:
    within = await house.begun(submit(1, payee="+254700000002"))
    assert within.payer_fsp == within.payee_fsp == "alpha"
    assert await ids(house.store, sought("alpha", own("alpha"))) == [within.id]
    page = await house.store.listed(sought("alpha", own("alpha"))._replace(sides=BOTH_SIDES))
    assert (page.available, [side for side, _ in page.found]) == (2, [Side.DEBIT, Side.CREDIT])


async def test_an_account_with_two_names_is_found_by_either_and_only_by_what_is_its(house: House) -> None:
    email = Identifier("emailaddress", "a@example.org")
    plain, named = submit(1), submit(2)
    body = msgspec.structs.replace(named.body, payer=(*named.body.payer, email))
    await house.begun(plain)
    await house.begun(msgspec.structs.replace(named, body=body))
    assert len(await ids(house.store, sought("alpha", ALPHAS))) == 2
    assert await ids(house.store, sought("alpha", ALPHAS, email)) == [named.transfer]
    assert await ids(house.store, sought("alpha", email, ALPHAS)) == [named.transfer]
    assert await ids(house.store, sought("alpha", email, BRAVOS)) == [], "these are two accounts"


async def test_what_was_there_before_is_found_as_if_it_had_come_after(sql_house: House, migrated_url: str) -> None:
    """The migration's own words for what `lines` says."""
    random_ = random.Random(1)
    for number in range(40):
        await sql_house.door.handle(_any_submission(random_, number))
    script = (Path(migrations.__file__).parent / "versions" / "0004_listing.sql").read_text("utf-8")
    backfill = script[script.index("INSERT INTO listing") :]
    rows = "SELECT key, created_ms, replace(transfer::text, '-', ''), side FROM listing ORDER BY 1, 2, 3, 4"
    with psycopg.connect(migrated_url) as connection:
        before = connection.execute(rows).fetchall()
        ids_found = [row[0] for row in connection.execute("SELECT replace(id::text, '-', '') FROM transfer").fetchall()]
        connection.execute("TRUNCATE listing")
        connection.execute(backfill.encode())
        assert connection.execute(rows).fetchall() == before
    every = [line for id_ in ids_found for line in lines(await sql_house.transfer(id_))]
    assert sorted((each.key, each.created_ms, each.transfer, str(each.side)) for each in every) == before
    assert len(before) > 150


def _any_submission(random_: random.Random, number: int) -> Submit:
    """Make one of many shapes: by either side or a third, of several names, of accounts behind instruments."""
    email = Identifier("emailaddress", "käufer@example.org")
    payer, payee = random_.sample([ALPHA, BRAVO, "+254700000002", "+255700000001"], 2)
    made = submit(number, caller=random_.choice(["alpha", "bravo", "third"]), payer=payer, payee=payee)
    extra = (email,) if random_.random() < 0.5 else ()
    changes = {
        "payer": (*made.body.payer, *extra),
        "payer_account": extra if random_.random() < 0.5 else (),
        "payee_account": (Identifier("walletid", "W\\1\n"),) if random_.random() < 0.5 else (),
    }
    return msgspec.structs.replace(made, body=msgspec.structs.replace(made.body, **changes))
