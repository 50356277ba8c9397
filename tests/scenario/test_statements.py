"""A participant's day over HTTP: its signed statement, the proof of it, its cash, its own file against the books."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import psycopg
import pytest
from aiohttp import ClientSession, web

from hub.core.command import Done
from hub.core.office.records import Difference
from hub.core.office.ruling import Rule
from hub.core.transfer import State
from hub.files.inbox import read_participant_file
from hub.files.signature import verify
from hub.http.api import Books
from hub.http.app import HttpSettings, build
from hub.ledger import proof as proofs
from hub.roles.credentials import admit
from hub.store.sql import SqlStore
from routing.message import FailureClass, Operation, Verdict
from routing.money import Money
from tests.http.front import PREFIX, Reply, basic
from tests.store.bank import HUB_KEY, files, row, taken, with_bank
from tests.store.house import House, said, submit
from tests.store.office import CHECKER, MAKER, approved, moving
from tests.store.test_days import own, own_csv

pytestmark = pytest.mark.postgres

YESTERDAY: Final = -1
# A scheme as it may have been before ids were held against others' names.
NAMED_BANK: Final = """
INSERT INTO scheme (document, applied_ms, applied_by)
SELECT replace(document::text, '"third"', '"bank"')::json, applied_ms, applied_by
FROM scheme ORDER BY version DESC LIMIT 1"""


class Counter:
    """The API of a house, and a day of its: a clock that is a day ahead, so that what was done just now is over."""

    def __init__(self, house: House, url: str, session: ClientSession, tokens: dict[str, str]) -> None:
        self.house, self._url, self._session, self._tokens = house, url, session, tokens

    async def call(self, method: str, path: str, who: str = "alpha", **more: object) -> Reply:
        headers = {"Authorization": f"Bearer {self._tokens[who]}"}
        async with self._session.request(method, f"{self._url}{PREFIX}{path}", headers=headers, **more) as response:  # type: ignore[arg-type]
            return Reply(status=response.status, headers=response.headers, raw=await response.read())

    async def admit(self, who: str) -> None:
        issued = await admit(self.house.store, who, f"{who}-1")
        proof = {"Authorization": basic(issued.client_id, issued.secret)}
        form = {"grant_type": "client_credentials"}
        async with self._session.post(f"{self._url}/v1/oauth/accesstoken", headers=proof, data=form) as response:
            self._tokens[who] = (await response.json())["access_token"]

    async def day(self, step: int = 0) -> str:
        now_ms = await self.house.store.records.now_ms()
        return (datetime.fromtimestamp(now_ms // 1000, UTC) + timedelta(days=step)).date().isoformat()


@pytest.fixture
async def counter(migrated_url: str) -> AsyncIterator[Counter]:
    async with House(migrated_url) as house:
        assert isinstance(house.store, SqlStore)
        books = Books(house.store.days, house.store.ledger, HUB_KEY)
        runner = web.AppRunner(build(house.door, house.store, HttpSettings(), books=books), shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with ClientSession() as session:
            found = Counter(house, url, session, {})
            for who in ("alpha", "bravo"):
                await found.admit(who)
            yield found
        await runner.cleanup()


def ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the doors take today for over; what is in the books is as it is."""
    monkeypatch.setattr("hub.store.reconciling._check_over", lambda *_: None)


async def test_a_statement_is_signed_and_its_proof_holds(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead(monkeypatch)
    await counter.house.completed(1, "10")
    day = await counter.day()
    for form in ("csv", "camt.053"):
        reply = await counter.call("GET", f"/statements/{day}?format={form}")
        assert reply.status == 200, reply.raw
        name = reply.headers["Content-Disposition"].split('"')[1]
        verify(reply.raw, name=name, window="", signature=reply.headers["X-JWS-Signature"], jwks=HUB_KEY.jwks)
        read = read_participant_file(reply.raw)
        assert (read.header.opening, read.header.closing) == (Money(0, "KES"), Money(-10_00, "KES"))
        assert reply.headers["X-Pages-Available-Count"] == "1"
    proof = await counter.call("GET", f"/statements/{day}/proof")
    assert proof.status == 200, proof.raw
    found = proofs.decode(proof.raw)
    assert proofs.verify(found) == []
    assert found.closing[3] - found.closing[1] == -10_00


async def test_each_sees_its_own_day_only(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead(monkeypatch)
    await counter.house.completed(1, "10")
    day = await counter.day()
    mine, others = [await counter.call("GET", f"/statements/{day}?format=csv", who) for who in ("alpha", "bravo")]
    assert b"debit,10.00" in mine.raw
    assert b"credit,10.00" in others.raw
    made = await counter.call("POST", f"/reconciliations?date={day}", data=own_csv())
    where = f"/reconciliations/{made.body['reconciliationReference']}"
    assert (await counter.call("GET", where)).status == 200
    assert (await counter.call("GET", where, "bravo")).error == (404, "identification", "identifierError")


async def test_what_differs_is_told_with_both_sides(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead(monkeypatch)
    done = await counter.house.completed(1, "10")
    day = await counter.day()
    reply = await counter.call("POST", f"/reconciliations?date={day}", data=own_csv(own(done.id, "11")))
    assert reply.status == 201, reply.raw
    assert (reply.body["reconciliationStatus"], reply.body["differencesCount"]) == ("differs", 1)
    (found,) = reply.body["differences"]
    assert (found["kind"], found["transactionReference"]) == ("amount", done.id)
    assert (found["atHub"]["state"], found["atHub"]["steps"][-1]["state"]) == ("completed", "completed")
    assert found["atParticipant"]["rows"][0]["amount"] == "11"
    clean = await counter.call("POST", f"/reconciliations?date={day}", data=own_csv(own(done.id)))
    assert (clean.body["reconciliationStatus"], clean.body["entriesCount"]) == ("clean", 1)
    bad = await counter.call("POST", f"/reconciliations?date={day}", data=b"no file")
    assert bad.body["reconciliationStatus"] == "refused"
    assert "columns" in bad.body["refusalText"]


async def test_who_ruled_upon_a_payment_is_not_told_by_name(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead(monkeypatch)
    house = counter.house
    found = await house.begun(submit(1, "5"))
    await house.door.handle(said(found, Operation.CREDIT, Verdict.UNKNOWN, FailureClass.UNCLEAR))
    ruling = Rule(by=MAKER, transfer=found.id, state=State.IN_DOUBT, verdict=Verdict.ACCEPTED, why="by telephone")
    assert isinstance(await approved(house, ruling), Done)
    reply = await counter.call("POST", f"/reconciliations?date={await counter.day()}", data=own_csv(own(found.id, "6")))
    (told,) = reply.body["differences"]
    assert told["atHub"]["steps"][-1]["who"] == "operator"
    assert MAKER.encode() not in reply.raw
    assert CHECKER.encode() not in reply.raw


@pytest.mark.parametrize("verdict", [None, Verdict.ACCEPTED, Verdict.REFUSED])
async def test_that_somebody_looks_at_a_payment_first_is_not_told(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, verdict: Verdict | None
) -> None:
    ahead(monkeypatch)
    house = counter.house
    found = await house.begun(msgspec.structs.replace(submit(1), flagged="screening: on a list"))
    if verdict is not None:
        ruling = Rule(by=MAKER, transfer=found.id, state=State.IN_REVIEW, verdict=verdict, why="looked at")
        assert isinstance(await approved(house, ruling), Done)
    file, day = own_csv(own(found.id, "10")), await counter.day()
    for who in ("alpha", "bravo"):
        reply = await counter.call("POST", f"/reconciliations?date={day}", who, data=file)
        (told,) = reply.body["differences"]
        assert told["kind"] == "state"
        assert told["atHub"]["state"] == ("failed" if verdict is Verdict.REFUSED else "pending")
        assert {step["who"] for step in told["atHub"]["steps"]} <= {"hub"}
        assert not any(word in reply.raw for word in (b"review", b"flagged", b"operator", MAKER.encode()))
    (kept, *_) = await house.store.records.found(Difference, source="alpha")
    assert "flagged" in [step["event"] for step in kept.ours["steps"]], "operators see all of it"


async def test_cash_of_the_day_is_told_while_it_goes_on(counter: Counter) -> None:
    assert isinstance(await approved(counter.house, moving("250")), Done)
    reply = await counter.call("GET", f"/notifications/{await counter.day()}")
    assert (reply.status, b"BkToCstmrDbtCdtNtfctn" in reply.raw) == (200, True)


REFUSED: Final = {
    "a day that is not over": ("GET", "/statements/{today}", "date"),
    "no day": ("GET", "/statements/now", "date"),
    "no currency of its": ("GET", "/statements/2026-01-01?currency=UGX", "currency"),
    "no format": ("GET", "/statements/2026-01-01?format=pdf", "format"),
    "no page": ("GET", "/statements/2026-01-01?page=0", "page"),
    "no date": ("POST", "/reconciliations", "date"),
}


@pytest.mark.parametrize("bad", REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_told_is_refused_with_what_is_wrong(counter: Counter, bad: tuple[str, str, str]) -> None:
    method, path, name = bad
    reply = await counter.call(method, path.format(today=await counter.day()), data=b"" if method == "POST" else None)
    assert reply.status == 400, reply.raw
    assert reply.parameters["property"] == name


async def test_a_page_that_is_not_there_is_nothing(counter: Counter) -> None:
    reply = await counter.call("GET", f"/statements/{await counter.day(YESTERDAY)}?page=2")
    assert reply.error == (404, "identification", "identifierError")


async def test_the_banks_file_is_nobodys_whatever_a_participant_is_called(counter: Counter) -> None:
    await counter.house.store.apply_scheme(with_bank(), "test")
    await taken(counter.house, row("", "77", "credit", bank_reference="B-1"))
    (file,) = await files(counter.house, origin="bank")
    async with await psycopg.AsyncConnection.connect(counter.house.url) as connection:
        await connection.execute(NAMED_BANK)
    await counter.admit("bank")
    for who in ("bank", "alpha"):
        assert (await counter.call("GET", f"/reconciliations/{file.id}", who)).status == 404
