"""An operators' day through real HTTP: the morning's funds, the evening's window, the bank's files; what is refused.

Everything runs: the hub with its workers, the simulated providers, the settlement bank as a key and its files.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest

from hub.core.command import Done
from hub.core.office.operators import FoundOffice
from hub.core.office.records import OperatorRole
from hub.core.settlement.rules import BankAccount, Model, Netting, SettlementBank
from hub.core.transfer import State
from hub.files.bank_csv import BANK_COLUMNS
from hub.files.keys import SigningKey, new_key
from hub.files.sheet import RECORD, written
from hub.files.signature import sign
from hub.http.operator.row import PREFIX
from hub.store.audit import run_audit
from hub.trial.plays import BAOBAB, SAVANNA
from hub.trial.world import World, world
from routing.money import Money
from tests.scenario.acting import ended, request_body, until
from tests.scenario.conftest import nothing_doubled

Json = dict[str, Any]

ACCOUNT: Final = "SCHEME-KES"
BANK_KEY: Final = SigningKey(new_key())
ADMINS: Final = ("first-admin", "second-admin")
ROLES: Final = {"maker": "maker", "checker": "checker", "viewer": "viewer"}
NAME: Final = "answer.csv"


class Office:
    """Operators at their desks, each with a token of its own."""

    def __init__(self, stage: World, session: aiohttp.ClientSession) -> None:
        self.stage = stage
        self._session = session
        self._tokens: dict[str, str] = {}

    async def call(self, method: str, path: str, who: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        url = f"{self.stage.hub.operator_url}{PREFIX}{path}"
        proof = {"Authorization": f"Bearer {self._tokens[who]}"} if who in self._tokens else {}
        async with self._session.request(method, url, json=body, headers=proof | headers) as response:
            return response.status, msgspec.json.decode(await response.read())

    async def got(self, path: str, who: str = ADMINS[0]) -> Any:
        status, body = await self.call("GET", path, who)
        assert status == 200, body
        return body

    async def items(self, path: str) -> list[Json]:
        found: list[Json] = (await self.got(path))["items"]
        return found

    async def refused(self, code: str, method: str, path: str, who: str, body: Any = None, **headers: str) -> Json:
        """Hold that a call is refused for this reason, and that neither books nor windows have changed."""
        before = await self.books()
        status, found = await self.call(method, path, who, body, **headers)
        assert status >= 400, found
        assert found["errorCode"] == code, found
        assert await self.books() == before
        return dict(found)

    async def books(self) -> Any:
        return [
            await self.items(path)
            for path in ("/positions", "/positions?kind=settlement_bank", "/windows?model=evening")
        ]

    async def log_in(self, who: str) -> None:
        basic = base64.b64encode(f"{who}:{secret_of(who)}".encode()).decode()
        async with self._session.post(
            f"{self.stage.hub.operator_url}{PREFIX}/token",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {basic}"},
        ) as response:
            assert response.status == 200
            self._tokens[who] = (await response.json())["access_token"]

    async def propose(self, act: str, who: str = "maker", **terms: Any) -> Json:
        status, body = await self.call("POST", "/proposals", who, {"act": act, "terms": terms, "why": "the day's work"})
        assert status == 201, body
        return dict(body)

    async def approve(self, proposal: Json, who: str = "checker") -> Json:
        path, seen = f"/proposals/{proposal['id']}/approve", {"If-Match": f'"{proposal["version"]}"'}
        status, body = await self.call("POST", path, who, {}, **seen)
        assert status == 200, body
        return dict(body)

    async def bring(self, content: bytes, window: str = "") -> tuple[int, Any]:
        return await self.call("POST", "/files", "maker", brought(content, window))


def secret_of(who: str) -> str:
    return f"{who}: a secret that is long enough"


def brought(content: bytes, window: str = "", key: SigningKey = BANK_KEY) -> Json:
    mark = sign(content, name=NAME, window=window, created_ms=1_000_000, key=key)
    return {"name": NAME, "content": content.decode(), "signature": mark}


def bank_file(*payments: Json, amount: str = "") -> bytes:
    """The bank's file that says that these payments are booked."""
    rows = [
        {
            RECORD: "entry",
            "statement": f"S-{payments[0]['id'][:6]}{amount}",
            "account": ACCOUNT,
            "reference": each["id"],
            "bank_reference": f"B-{each['id'][:8]}",
            "direction": "credit" if each["debtor"] else "debit",
            "amount": amount or each["amount"]["amount"],
            "currency": "KES",
            "status": "booked",
            "booked_on": "2026-11-24",
        }
        for each in payments
    ]
    return written(BANK_COLUMNS, rows, [Money.parse(each["amount"], "KES") for each in rows], "KES")


async def with_settlement(stage: World, keys: Path) -> None:
    """Put a scheme in force that settles shillings net over a bank that signs its files."""
    await asyncio.to_thread(keys.write_bytes, BANK_KEY.jwks)
    file = (await stage.hub.store.scheme()).file
    settled = tuple(
        msgspec.structs.replace(each, settles_at={"KES": BankAccount(account=f"{each.id.upper()}-KES")})
        if "KES" in each.currencies
        else each
        for each in file.participant
    )
    bank = SettlementBank(currency="KES", name="Central Bank", bic="CBKEKENX", account=ACCOUNT, keys=f"file:{keys}")
    model = Model(name="evening", netting=Netting.MULTILATERAL, currency="KES")
    changed = msgspec.structs.replace(file, participant=settled, settlement_bank=(bank,), settlement_model=(model,))
    await stage.hub.store.apply_scheme(changed, "tests")


@pytest.fixture
async def office(migrated_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """The whole hub, with two admins who were admitted beside the database."""
    async with (
        world(tmp_path, keep=False, database=migrated_url, operator_port=0) as stage,
        aiohttp.ClientSession() as session,
    ):
        await with_settlement(stage, tmp_path / "bank.json")
        desk = Office(stage, session)
        for name in ADMINS:
            hashed = sha256(secret_of(name).encode()).hexdigest()
            roles = (OperatorRole.ADMIN,)
            founding = FoundOffice(by=name, operator=name, roles=roles, secret_hash=hashed, why="the first two")
            assert isinstance(await stage.hub.door.handle(founding), Done)
            await desk.log_in(name)
        yield desk
        nothing_doubled(stage)
    assert run_audit(migrated_url).findings == []


async def admitted(office: Office) -> None:
    """Two admins admit the others; nobody alone."""
    for name, role in ROLES.items():
        hashed = sha256(secret_of(name).encode()).hexdigest()
        proposal = await office.propose(
            "AdmitOperator", ADMINS[0], operator=name, roles=[role], secret_hash=hashed, why="the office opens"
        )
        seen = {"If-Match": '"1"'}
        await office.refused("same_person", "POST", f"/proposals/{proposal['id']}/approve", ADMINS[0], {}, **seen)
        await office.approve(proposal, ADMINS[1])
        await office.log_in(name)


async def prefunded(office: Office) -> None:
    """The morning: a participant's prefunding is asked for, approved, and booked by the bank."""
    terms: Json = {"participant": "baobab", "amount": {"amount": "50000", "currency": "KES"}, "why": "prefunding"}
    body = {"act": "MoveFunds", "terms": terms, "why": "the morning"}
    await office.refused("role_forbids", "POST", "/proposals", "viewer", body)
    await office.refused("role_forbids", "POST", "/proposals", "checker", body)
    await office.refused("unauthenticated", "POST", "/proposals", "stranger", body)
    await office.refused("checked_act", "POST", "/deeds/MoveFunds", "maker", {"terms": terms})
    proposal = await office.propose("MoveFunds", **terms)
    await office.approve(proposal)
    funds = await office.got(f"/funds/{proposal['terms']['funds']}")
    payment = await office.got(f"/payments/{funds['payment']}")
    before = await position(office, "baobab")
    assert (await office.bring(bank_file(payment)))[0] == 201
    assert (await office.got(f"/funds/{funds['id']}"))["state"] == "confirmed"
    assert await position(office, "baobab") == before + 50_000


async def position(office: Office, participant: str) -> int:
    found = (await office.items(f"/positions?participant={participant}&currency=KES"))[0]
    return int(found["balance"]["amount"])


async def closed(office: Office) -> Json:
    """The evening: the window is closed once, and reckoned by the worker."""
    window = (await office.items("/windows?model=evening&state=open"))[0]
    await office.refused("role_forbids", "POST", "/deeds/CloseWindow", "checker", {"terms": {"window": window["id"]}})
    out_of_order = {"act": "Release", "terms": {"window": window["id"]}, "why": "early"}
    await office.refused("record_forbids", "POST", "/proposals", "maker", out_of_order)
    status, _ = await office.call("POST", "/deeds/CloseWindow", "maker", {"terms": {"window": window["id"]}})
    assert status == 200
    await office.refused("record_forbids", "POST", "/deeds/CloseWindow", "maker", {"terms": {"window": window["id"]}})

    async def is_reckoned() -> bool:
        return bool((await office.got(f"/windows/{window['id']}"))["state"] == "reckoned")

    await until(is_reckoned)
    found: Json = await office.got(f"/windows/{window['id']}")
    return found


async def refuses_what_is_wrong_with_a_file(office: Office, window: str, payments: list[Json]) -> None:
    good = bank_file(*payments)
    tampered = brought(good) | {"content": good.replace(b"2026-11-24", b"2026-11-25").decode()}
    for body in (
        tampered,
        brought(good) | {"signature": ""},
        brought(good, key=SigningKey(new_key())),
        brought(good, "f" * 32),
        brought(good.replace(b",150,", b",151,", 1)),
        brought(b"nothing that a bank would write"),
    ):
        await office.refused("file_refused", "POST", "/files", "maker", body)
    await office.refused("role_forbids", "POST", "/files", "viewer", brought(good, window))


async def test_a_day_from_prefunding_to_money_in_banks(office: Office) -> None:
    await admitted(office)
    await prefunded(office)
    paid = await office.stage.clients["baobab"].post(
        "/transactions/type/transfer", request_body(BAOBAB, SAVANNA, "150")
    )
    found = await ended(office.stage, paid)
    assert found.transfer.state is State.COMMITTED
    shown = await office.got(f"/transfers/{found.transfer.id}")
    assert (shown["state"], shown["amount"]) == ("committed", {"amount": "150", "currency": "KES"})
    assert [each["id"] for each in await office.items("/transfers?participant=savanna")] == [found.transfer.id]

    window = await closed(office)
    assert {each["participant"]: each["net"]["amount"] for each in window["nets"]}["baobab"].startswith("-")
    assert {each["state"] for each in window["obligations"]["items"]} == {"due"}
    releasing = await office.propose("Release", window=window["id"])
    await office.refused(
        "version_differs", "POST", f"/proposals/{releasing['id']}/approve", "checker", {}, **{"If-Match": '"9"'}
    )
    await office.approve(releasing)
    payments = await office.items(f"/payments?subject={window['id']}")
    assert {each["state"] for each in payments} == {"expected"}

    async def is_instructed() -> bool:
        found = await office.items(f"/files?subject={window['id']}")
        return any(each["format"].startswith("pacs.009") and each["signature"] for each in found)

    await until(is_instructed)
    await refuses_what_is_wrong_with_a_file(office, window["id"], payments)
    status, file = await office.bring(bank_file(*payments), window["id"])
    assert status == 201, file
    settled = await office.got(f"/windows/{window['id']}")
    assert (settled["state"], {each["state"] for each in settled["payments"]["items"]}) == ("settled", {"posted"})
    assert await position(office, "savanna") == 0
    await office.refused("file_refused", "POST", "/files", "maker", brought(bank_file(*payments), window["id"]))
