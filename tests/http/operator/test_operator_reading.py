"""What operators read: money with its currency, times in UTC, parties masked, pages that lose and repeat nothing."""

from typing import Any

import msgspec
import pytest
import pytest_asyncio

from hub.core.command import Done
from hub.core.settlement.close import CloseWindow
from hub.core.transfer import State
from hub.workers.settlement import Settling
from routing.message import Operation, Verdict
from tests.http.operator.bureau import MODEL, Bureau, Json, scheme
from tests.store.house import ALPHA, BRAVO, said, submit

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMMITTED, ABORTED, IN_DOUBT = (3, 4, 5), (6,), (7,)
NUMBERS = (*COMMITTED, *ABORTED, *IN_DOUBT)
VERDICTS = {3: "accepted", 4: "accepted", 5: "accepted", 6: "refused", 7: ""}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def history(bureau: Bureau) -> dict[int, str]:
    """Transfers from alpha to bravo that ended, failed, and are under way, by their numbers."""
    ids = {}
    for number in NUMBERS:
        done = await bureau.door.handle(submit(number, str(10 + number)))
        assert isinstance(done, Done)
        ids[number] = done.transfer
        transfer = await bureau.store.transfer(done.transfer)
        assert transfer is not None
        if VERDICTS[number]:
            await bureau.door.handle(said(transfer, Operation.CREDIT, Verdict(VERDICTS[number])))
    return ids


async def pages(bureau: Bureau, path: str, limit: int) -> list[Json]:
    found: list[Json] = []
    sign, before = "&" if "?" in path else "?", ""
    while True:
        reply = await bureau.call("GET", f"{path}{sign}limit={limit}{before}")
        assert reply.status == 200, reply.raw
        found += reply.body["items"]
        assert len(reply.body["items"]) <= limit
        if reply.body["next"] is None:
            return found
        before = f"&before={reply.body['next']}"


async def ids_of(bureau: Bureau, query: str) -> list[str]:
    return [each["id"] for each in await pages(bureau, f"/transfers?{query}", 2)]


async def test_transfers_are_found_by_what_an_operator_knows(bureau: Bureau, history: dict[int, str]) -> None:
    every = [history[number] for number in reversed(NUMBERS)]
    assert await ids_of(bureau, "") == every
    for query in (
        "participant=alpha",
        "participant=bravo",
        f"account=msisdn:{ALPHA.replace('+', '%2B')}",
        f"account=msisdn:{BRAVO.replace('+', '%2B')}&participant=alpha",
        "from=2020-01-01&to=2100-01-01T00:00:00%2B01:00",
    ):
        assert await ids_of(bureau, query) == every, query
    for query in ("participant=third", "participant=stranger", "account=msisdn:%2B254700999999", "to=2020-01-01"):
        assert await ids_of(bureau, query) == [], query


async def test_transfers_are_found_by_their_state(bureau: Bureau, history: dict[int, str]) -> None:
    committed = [history[number] for number in reversed(COMMITTED)]
    for query in ("state=committed", "state=committed&participant=bravo", "state=committed&from=2020-01-01"):
        assert await ids_of(bureau, query) == committed, query
    assert await ids_of(bureau, "state=aborted&participant=alpha") == [history[6]]
    under_way = (await bureau.call("GET", f"/transfers/{history[7]}")).body["state"]
    assert await ids_of(bureau, f"state={under_way}") == [history[7]]
    assert await ids_of(bureau, f"state={under_way}&participant=alpha") == [history[7]]
    assert await ids_of(bureau, f"state={State.IN_REVIEW}") == []


async def test_a_filter_that_nothing_meets_finds_nothing(bureau: Bureau, history: dict[int, str]) -> None:
    under_way = (await bureau.call("GET", f"/transfers/{history[7]}")).body["state"]
    for who in ("nobody", "third", "%ED%A0%80", "a%0Ab"):
        for query in (f"participant={who}", f"participant={who}&account=msisdn:{ALPHA.replace('+', '%2B')}"):
            assert await ids_of(bureau, query) == [], query
            assert await ids_of(bureau, f"{query}&state={under_way}") == [], query
            assert await ids_of(bureau, f"{query}&state=committed") == [], query


async def test_a_transfer_is_found_by_its_callers_correlation(bureau: Bureau, history: dict[int, str]) -> None:
    for query in ("correlation=correlation-5", "correlation=CORRELATION-5&participant=alpha"):
        assert await ids_of(bureau, query) == [history[5]]
    for query in ("correlation=correlation-5&participant=bravo", "correlation=nothing"):
        assert await ids_of(bureau, query) == []


async def test_a_transfer_is_shown_with_every_step_and_posting(bureau: Bureau, history: dict[int, str]) -> None:
    id_ = history[3]
    dashed = f"{id_[:8]}-{id_[8:12]}-{id_[12:16]}-{id_[16:20]}-{id_[20:]}".upper()
    found = (await bureau.call("GET", f"/transfers/{dashed}")).body
    assert (found["id"], found["state"], found["amount"]) == (id_, "committed", {"amount": "13", "currency": "KES"})
    assert [each["next"] for each in found["transitions"]][-1] == "committed"
    assert [each["phase"] for each in found["postings"]] == ["pending", "posted"]
    posted = found["postings"][-1]
    assert (posted["debit"]["participant"], posted["credit"]["participant"]) == ("alpha", "bravo")
    assert posted["credit"]["balance"] == {"amount": "13", "currency": "KES"}


async def test_a_customer_is_never_shown_in_clear(bureau: Bureau, history: dict[int, str]) -> None:
    for path in ("/transfers", f"/transfers/{history[3]}", "/cases", "/differences", "/disputes"):
        raw = (await bureau.call("GET", path)).raw.decode()
        for number in (ALPHA, BRAVO):
            assert number not in raw, path
            assert number[1:] not in raw, path
    assert (await bureau.items("/transfers"))[0]["payer"] == [f"msisdn:{ALPHA[:4]}*******{ALPHA[-2:]}"]


async def test_positions_say_what_may_be_spent(bureau: Bureau, history: dict[int, str]) -> None:
    assert history
    found = {each["participant"]: each for each in await bureau.items("/positions")}
    alpha = found["alpha"]
    assert alpha["balance"] == {"amount": "-42", "currency": "KES"}
    assert alpha["held"] == {"amount": "17", "currency": "KES"}
    assert alpha["cap"] == {"amount": "1000", "currency": "KES"}
    assert alpha["available"] == {"amount": "941", "currency": "KES"}
    assert (alpha["blocked"], alpha["alarm_level"]) == (False, 0)
    assert found["bravo"]["coming"] == {"amount": "17", "currency": "KES"}
    assert [each["participant"] for each in await bureau.items("/positions?participant=bravo&currency=KES")] == [
        "bravo"
    ]
    bank = (await bureau.items("/positions?kind=settlement_bank"))[0]
    assert (bank["cap"], bank["available"], bank["participant"]) == (None, None, "")


async def test_participants_are_as_the_scheme_has_them(bureau: Bureau) -> None:
    assert [each["id"] for each in await pages(bureau, "/participants", 2)] == ["alpha", "bravo", "third"]
    assert await pages(bureau, "/participants?status=suspended", 2) == []
    alpha = (await bureau.call("GET", "/participants/alpha")).body
    assert (alpha["role"], alpha["status"], alpha["currencies"]) == ("fsp", "active", ["KES"])


async def test_the_scheme_is_shown_without_where_its_secrets_are(bureau: Bureau) -> None:
    now = (await bureau.call("GET", "/scheme")).body
    assert (now["version"], now["applied_by"]) == (1, "tests")
    assert {each["name"] for each in now["document"]["connection"]} == {"alpha-1", "bravo-1"}
    assert not any("secrets" in each for each in now["document"]["connection"])
    assert (await bureau.call("GET", "/schemes/1")).body == now
    assert [each["version"] for each in await pages(bureau, "/schemes", 1)] == [1]


async def test_the_audit_says_how_far_it_has_come(bureau: Bureau, history: dict[int, str]) -> None:
    assert history
    before = (await bureau.call("GET", "/audit")).body
    assert before["left"] == before["height"] - (before["audited"] or 0)
    await bureau.store.ledger.checkpoint()
    after = (await bureau.call("GET", "/audit")).body
    assert (after["left"], after["audited"], after["checkpoint"]) == (0, after["height"], after["height"])
    assert 0 <= after["clean_age_s"] < 60


@pytest.mark.parametrize("limit", [1, 2, 500])
async def test_pages_lose_and_repeat_nothing(bureau: Bureau, history: dict[int, str], limit: int) -> None:
    for path, least in (
        ("/transfers?participant=alpha", len(history)),
        ("/operators", 6),
        ("/operators?enabled=true", 6),
        ("/proposals?by=chief", 4),
        ("/positions", 2),
    ):
        whole = (await bureau.call("GET", path, params={"limit": "500"})).body["items"]
        found = await pages(bureau, path, limit)
        assert found == whole, path
        assert len(found) >= least, path


async def test_a_window_is_shown_with_what_it_comes_to(bureau: Bureau, history: dict[int, str]) -> None:
    assert history
    window = await bureau.open_window()
    found = await bureau.call("GET", f"/windows/{window['id']}")
    assert (found.body["model"], found.body["state"], found.version) == (MODEL, "open", '"1"')
    assert (found.body["obligations"], found.body["payments"]) == ({"items": [], "next": None},) * 2
    assert found.body["terms"]["netting"] == "net_multilateral"
    defaulting = await bureau.call("GET", f"/windows/{window['id']}/default?participant=alpha")
    assert defaulting.error == (409, "record_forbids")


async def test_times_are_in_utc_and_filter_exactly(bureau: Bureau) -> None:
    every = await bureau.items("/proposals")
    for number, each in enumerate(every):
        assert each["created_at"].endswith("Z")
        found = await bureau.items(f"/proposals?from={each['created_at']}")
        assert found[: number + 1] == every[: number + 1]
        assert all(other["created_at"] >= each["created_at"] for other in found)


async def test_nothing_is_written_by_reading(bureau: Bureau, office_url: str) -> None:
    from hub.http.operator.rows import ROWS
    from tests.http.operator.bureau import everything

    before: dict[str, list[Any]] = everything(office_url)
    for row in ROWS:
        if row.method == "GET":
            await bureau.call("GET", row.path.replace("{id}", "alpha").replace("{version}", "1"))
    assert everything(office_url) == before


async def test_whoever_has_left_the_scheme_is_still_found(bureau: Bureau, history: dict[int, str]) -> None:
    full = scheme()
    without = msgspec.structs.replace(
        full,
        participant=tuple(each for each in full.participant if each.id != "bravo"),
        connection=tuple(each for each in full.connection if each.participant != "bravo"),
        directory=tuple(each for each in full.directory if each.participant != "bravo"),
        override=tuple(each for each in full.override if each.participant != "bravo"),
    )
    await bureau.store.apply_scheme(without, "tests")
    try:
        assert await ids_of(bureau, "participant=bravo") == [history[number] for number in reversed(NUMBERS)]
        assert await ids_of(bureau, "participant=bravo&state=aborted") == [history[6]]
        assert await ids_of(bureau, "participant=bravo&correlation=correlation-5") == []
    finally:
        await bureau.store.apply_scheme(full, "tests")


async def test_a_defaults_preview_says_whether_the_guarantee_can_pay(bureau: Bureau, history: dict[int, str]) -> None:
    assert history
    window = await bureau.open_window()
    await bureau.door.handle(CloseWindow(by="maker", window=window["id"]))
    await Settling(bureau.door).look()
    found = await bureau.call("GET", f"/windows/{window['id']}/default?participant=alpha&path=cover")
    assert found.status == 200, found.raw
    pays = {"amount": "42", "currency": "KES"}
    assert (found.body["guarantee_pays"], found.body["guarantee_there"]["amount"]) == (pays, "0")
    assert found.body["guarantee_suffices"] is False
    left_out = await bureau.call("GET", f"/windows/{window['id']}/default?participant=alpha&path=exclude")
    assert left_out.body["guarantee_suffices"] is True, "nothing is asked of it"
