"""The operators' API on loopback: the real application, door and PostgreSQL, and operators of every role, logged in."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any, Final

import aiohttp
import msgspec
import psycopg
from aiohttp import web

from hub.core.command import Done
from hub.core.office.operators import AdmitOperator, FoundOffice
from hub.core.office.proposal import Approve, Propose
from hub.core.office.records import OperatorRole
from hub.core.participant import Scheme, SchemeFile
from hub.core.settlement.rules import BankAccount, Model, Netting, SettlementBank
from hub.files.keys import SigningKey, new_key
from hub.flow import Door
from hub.http.app import HttpSettings
from hub.http.app import build as participants_site
from hub.http.ids import new_id
from hub.http.operator.app import build
from hub.http.operator.row import PREFIX, OperatorSettings
from hub.roles.credentials import admit
from hub.roles.scheme import scheme_in
from hub.store.sql import SqlStore
from routing.local import LocalBus
from tests.store.house import scheme_file

ROLES: Final = {
    "maker": (OperatorRole.MAKER,),
    "checker": (OperatorRole.CHECKER,),
    "both": (OperatorRole.MAKER, OperatorRole.CHECKER),
    "viewer": (OperatorRole.VIEWER,),
}
ADMINS: Final = ("chief", "deputy")
FILE_MAX: Final = 400_000
BANK_KEY: Final = SigningKey(new_key())
MODEL: Final = "home"

Json = dict[str, Any]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def error(self) -> tuple[int, str]:
        return self.status, self.body["errorCode"]

    @property
    def parameters(self) -> dict[str, str]:
        return {each["key"]: each["value"] for each in self.body.get("errorParameters", [])}

    @property
    def version(self) -> str:
        return self.headers["ETag"]


def scheme() -> SchemeFile:
    """Two FSPs that settle net, when an operator closes a window."""
    file = scheme_file()
    settled = tuple(
        msgspec.structs.replace(each, settles_at={"KES": BankAccount(account=f"KE-{each.id}")})
        if each.currencies
        else each
        for each in file.participant
    )
    return msgspec.structs.replace(
        file,
        participant=settled,
        settlement_model=(Model(name=MODEL, netting=Netting.MULTILATERAL, currency="KES"),),
        settlement_bank=(SettlementBank(currency="KES", name="bank", bic="BANKKENA", account="KE-scheme"),),
    )


def secret_of(name: str) -> str:
    return f"the secret of {name}, long enough for a test"


def hashed(name: str) -> str:
    return sha256(secret_of(name).encode()).hexdigest()


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


class Bureau:
    """The running application, and how each operator proves who it is."""

    def __init__(self, url: str, other: str, session: aiohttp.ClientSession, store: SqlStore, key: SigningKey) -> None:
        self.url = url
        self.other = other  # the participants' API
        self.store = store
        self.key = key
        self.bank_keys: dict[str, bytes] = {"KES": BANK_KEY.jwks}
        self.door = Door(store, LocalBus(), lambda _: None)
        self.proofs: dict[str, dict[str, str]] = {"nobody": {}}
        self.session = session

    def keys(self, _: Scheme) -> dict[str, bytes]:
        return self.bank_keys

    async def call(self, method: str, path: str, who: str = "viewer", **more: Any) -> Reply:
        """Call the API; `path` without its prefix, unless it begins with '//', which means the root."""
        url = self.url + (path[1:] if path.startswith("//") else PREFIX + path)
        return await self.called(method, url, self.proofs[who], **more)

    async def called(self, method: str, url: str, proof: dict[str, str], **more: Any) -> Reply:
        headers = proof | more.pop("headers", {})
        async with self.session.request(method, url, headers=headers, **more) as response:
            return Reply(status=response.status, headers=response.headers, raw=await response.read())

    async def token(self, name: str, secret: str = "", **more: Any) -> Reply:
        sent = {"data": {"grant_type": "client_credentials"}} | more
        headers = {"Authorization": basic(name, secret or secret_of(name))}
        return await self.called("POST", f"{self.url}{PREFIX}/token", {}, headers=headers, **sent)

    async def log_in(self, name: str) -> None:
        reply = await self.token(name)
        assert reply.status == 200, reply.raw
        self.proofs[name] = {"Authorization": f"Bearer {reply.body['access_token']}"}

    async def found(self) -> None:
        """Admit two admins beside the database, and have them admit the others."""
        for name in ADMINS:
            roles, why = (OperatorRole.ADMIN,), "the first"
            founding = FoundOffice(by=name, operator=name, roles=roles, secret_hash=hashed(name), why=why)
            assert isinstance(await self.door.handle(founding), Done)
        for name, roles_ in ROLES.items():
            await self.admit(name, *roles_)
        for name in (*ADMINS, *ROLES):
            await self.log_in(name)

    async def admit(self, name: str, *roles: OperatorRole) -> None:
        id_ = new_id()
        deed = AdmitOperator(by="chief", operator=name, roles=roles, secret_hash=hashed(name), why="one more")
        assert isinstance(await self.door.handle(Propose(by="chief", proposal=id_, deed=deed, why="one more")), Done)
        assert isinstance(await self.door.handle(Approve(by="deputy", proposal=id_, deed=deed)), Done)

    async def propose(self, act: str, who: str = "maker", key: str = "", **terms: Any) -> Reply:
        body = {"act": act, "terms": terms, "why": "it is time"}
        headers = {"Idempotency-Key": key} if key else {}
        return await self.call("POST", "/proposals", who, json=body, headers=headers)

    async def decide(self, what: str, proposal: Reply, who: str = "checker", **headers: str) -> Reply:
        path = f"/proposals/{proposal.body['id']}/{what}"
        return await self.call("POST", path, who, json={}, headers={"If-Match": proposal.version} | headers)

    async def agreed(self, act: str, maker: str = "maker", checker: str = "checker", **terms: Any) -> Json:
        """Have an act done by two."""
        proposal = await self.propose(act, maker, **terms)
        assert proposal.status == 201, proposal.raw
        approved = await self.decide("approve", proposal, checker)
        assert approved.status == 200, approved.raw
        found: Json = approved.body
        return found

    async def items(self, path: str, who: str = "viewer") -> list[Json]:
        reply = await self.call("GET", path, who)
        assert reply.status == 200, reply.raw
        found: list[Json] = reply.body["items"]
        return found

    async def open_window(self) -> Json:
        return (await self.items(f"/windows?state=open&model={MODEL}"))[0]


def everything(url: str) -> dict[str, list[Any]]:
    """Read all tables that a write could have changed."""
    tables = (
        "account journal posting transfer standing outbox proposal operator funds window_of_settlement payment file"
    )
    with psycopg.connect(url) as connection:
        return {
            each: connection.execute(f"SELECT * FROM {each} ORDER BY 1").fetchall()  # noqa: S608 - our own names
            for each in tables.split()
        }


@asynccontextmanager
async def opened(url: str, **changes: Any) -> AsyncIterator[Bureau]:
    """Start both APIs on one database, and admit an operator of each role."""
    store = SqlStore(url)
    await store.open()
    await store.apply_scheme(scheme(), "tests")
    key = SigningKey(new_key())
    async with aiohttp.ClientSession() as session:
        bureau = Bureau("", "", session, store, key)
        settings = OperatorSettings(file_max_bytes=FILE_MAX, **changes)
        runners = []
        for name, site in (
            ("url", build(bureau.door, store, key, settings, read_scheme=scheme_in, bank_keys=bureau.keys)),
            ("other", participants_site(bureau.door, store, HttpSettings())),
        ):
            runner = web.AppRunner(site, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            setattr(bureau, name, f"http://{host}:{port}")
            runners.append(runner)
        await bureau.found()
        issued = await admit(store, "alpha", "alpha")
        bureau.proofs["participant by password"] = {"Authorization": basic("alpha", issued.secret)}
        taken = await bureau.called(
            "POST",
            f"{bureau.other}/v1/oauth/accesstoken",
            bureau.proofs["participant by password"],
            data={"grant_type": "client_credentials"},
        )
        bureau.proofs["participant"] = {"Authorization": f"Bearer {taken.body['access_token']}"}
        yield bureau
        for runner in runners:
            await runner.cleanup()
    await store.close()
