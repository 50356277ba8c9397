"""Several files of a participant's one day: what they show alike is one difference, and a right one closes it."""

import asyncio
from typing import Final

import pytest

from hub.core.command import Done
from hub.core.office.records import Difference, DifferenceState
from hub.core.office.resolving import Resolution, Resolve
from hub.files.days import CSV
from hub.store.audit import run_audit
from hub.store.reconciling import compare_deed
from tests.store.house import House, reason_of
from tests.store.office import MAKER, approved
from tests.store.test_days import Row, compared, days_of, over, own, own_csv, today, written_of

STRANGE: Final = own("", "7", reference="till 4")


async def every(house: House) -> list[Difference]:
    return await house.store.records.found(Difference)


def opened(differences: list[Difference]) -> list[str]:
    return sorted(str(each.kind) for each in differences if each.state is DifferenceState.OPEN)


# What a file has beside its other rows, or instead of the good one; and as which kinds that is shown.
WRONG: Final[dict[str, tuple[list[Row], bool, list[str]]]] = {
    "left out": ([], False, ["missing_there"]),
    "more": ([own("1", "11")], False, ["amount"]),
    "twice": ([own("1"), own("1")], False, ["duplicate"]),
    "a line of its own": ([STRANGE], True, ["missing_here"]),
    "a line of its own twice": ([STRANGE, STRANGE], True, ["missing_here", "missing_here"]),
    "without any reference of its own": ([own("", "7", reference="x"), own("f" * 32)], True, ["missing_here"] * 2),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
async def test_what_two_files_show_alike_is_one_difference_and_a_right_file_closes_it(
    sql_house: House, case: tuple[list[Row], bool, list[str]]
) -> None:
    rows, with_good, kinds = case
    done = await sql_house.completed(1, "10")
    good = own(done.id)
    wrong = [{**each, "transfer": done.id} if each["transfer"] == "1" else each for each in rows]
    wrong += [good] if with_good else []
    _, first = await compared(sql_house, own_csv(*wrong))
    later, shown = await compared(sql_house, own_csv(*wrong) + b"\r\n", "later.csv")
    assert sorted(map(str, (each.kind for each in shown))) == opened(await every(sql_house)) == kinds
    assert [each.id for each in shown] == [each.id for each in first]
    assert [each.at_ms for each in shown] == [each.at_ms for each in first]
    assert (later.differences, {each.file for each in shown}) == (len(kinds), {later.id})

    right, none = await compared(sql_house, own_csv(good), "right.csv")
    assert (right.differences, none, opened(await every(sql_house))) == (0, [], [])
    for each in await every(sql_house):
        assert (each.resolution, each.closed_by) == ("corrected", "file right.csv")
        assert right.id in each.why
    assert run_audit(sql_house.url).findings == []


async def test_files_that_come_at_once_show_one_difference(sql_house: House) -> None:
    done = await sql_house.completed(1, "10")
    whose, now_ms = await today(sql_house), over(await today(sql_house))
    contents = [own_csv(own(done.id), STRANGE) + b"\r\n" * number for number in range(5)]
    deeds = [
        await compare_deed(
            days_of(sql_house), whose, each, name=f"{number}.csv", by="alpha", ref=f"{number:032x}", now_ms=now_ms
        )
        for number, each in enumerate(contents)
    ]
    doors = await sql_house.doors(len(deeds))
    results = await asyncio.gather(*(door.handle(each) for door, each in zip(doors, deeds, strict=True)))
    assert [reason_of(each) for each in results] == [""] * len(deeds)
    assert opened(await every(sql_house)) == ["missing_here"]


async def test_what_was_right_in_between_and_is_wrong_again_is_open_again(sql_house: House) -> None:
    done = await sql_house.completed(1, "10")
    _, (first,) = await compared(sql_house, own_csv(own(done.id), STRANGE))
    await compared(sql_house, own_csv(own(done.id)))
    _, (again,) = await compared(sql_house, own_csv(STRANGE, own(done.id)))
    assert (again.id, again.state, again.closed_by) == (first.id, DifferenceState.OPEN, "")


async def test_what_operators_have_closed_stays_closed_whatever_files_say_later(sql_house: House) -> None:
    done = await sql_house.completed(1, "10")
    _, (found,) = await compared(sql_house, own_csv(own(done.id), STRANGE))
    deed = Resolve(
        by=MAKER,
        difference=found.id,
        about=found.about,
        resolution=Resolution.IGNORE,
        why="it is of another hub",
    )
    assert isinstance(await approved(sql_house, deed), Done)
    _, (later,) = await compared(sql_house, own_csv(STRANGE, own(done.id)))
    assert (later.id, later.resolution) == (found.id, "ignore")
    await compared(sql_house, own_csv(own(done.id)))
    (still,) = await every(sql_house)
    assert (still.resolution, still.closed_by) == ("ignore", later.closed_by)
    assert run_audit(sql_house.url).findings == []


async def test_a_refused_file_closes_nothing(sql_house: House) -> None:
    await sql_house.completed(1, "10")
    await compared(sql_house, own_csv())
    refused, _ = await compared(sql_house, b"record,what\r\n")
    assert refused.refused
    assert opened(await every(sql_house)) == ["missing_there"]


@pytest.mark.parametrize("form", [CSV, "camt.053"])
async def test_the_file_of_another_participant_is_refused_and_not_hundreds_of_differences(
    sql_house: House, form: str
) -> None:
    await sql_house.completed(1, "10")
    whose = await today(sql_house, "bravo")
    (theirs,) = await written_of(days_of(sql_house), whose, over(whose), form)
    refused, differences = await compared(sql_house, theirs.content)
    assert (refused.refused, differences) == ("it is bravo's file, not alpha's: send the right one", [])
    named, _ = await compared(sql_house, own_csv(), theirs.name)
    assert "bravo's file" in named.refused
    mine, _ = await compared(sql_house, own_csv(), theirs.name.replace("bravo", "alpha"))
    assert not mine.refused


async def test_the_file_of_an_account_that_another_participant_owns_is_refused(sql_house: House) -> None:
    await sql_house.completed(1, "10")
    whose = await today(sql_house)
    (sheet,) = await written_of(days_of(sql_house), whose, over(whose), "camt.053")
    for number in (b"alpha-KES", b"0012345"):  # what a participant calls the account is its own affair
        content = sheet.content.replace(b"alpha-KES", number)
        assert not (await compared(sql_house, content))[0].refused
        assert (await compared(sql_house, content.replace(b"<Id>alpha</Id>", b"<Id>bravo</Id>")))[0].refused


async def test_a_difference_is_closed_by_a_file_before_its_proposal_is_approved(sql_house: House) -> None:
    done = await sql_house.completed(1, "10")
    _, (found,) = await compared(sql_house, own_csv(own(done.id), STRANGE))
    await compared(sql_house, own_csv(own(done.id)))
    deed = Resolve(by=MAKER, difference=found.id, about=found.about, resolution=Resolution.IGNORE, why="x")
    assert reason_of(await approved(sql_house, deed)) == "record_forbids"
