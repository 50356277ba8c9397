"""A whole north side on loopback: the real application, the real door, a store in memory, two FSPs, a third party."""

import base64
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from hub.core.command import Heard
from hub.core.meaning import reference
from hub.core.participant import DirectoryEntry, Limits, Participant, Role, SchemeFile, Status, Terms
from hub.flow import Door
from hub.http.app import HttpSettings, build
from hub.http.auth import hashed
from hub.roles.credentials import Issued, admit
from hub.store.memory import MemoryStore
from routing import topology
from routing.local import LocalBus
from routing.message import FailureClass, Kind, Operation, Outcome, Verdict
from routing.message import Heard as Source
from routing.seal import Seal
from routing.table import Connection, Rail

PREFIX: Final = "/mm/v1.2"
BODY_MAX: Final = 16_384
POLL_LIMIT: Final = 7
SEAL: Final = Seal([b"the key of these tests, long enough"])
ALPHA: Final = "+254700111222"
BRAVO: Final = "+254730333444"
RAIL: Final = Rail(
    operations=(Operation.CREDIT, Operation.DEBIT, Operation.REFUND),
    questions=(Kind.ACCOUNT_NAME, Kind.ACCOUNT_STATUS),
)

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
    def error(self) -> tuple[int, str, str]:
        return self.status, self.body["errorCategory"], self.body["errorCode"]

    @property
    def parameters(self) -> dict[str, str]:
        return {each["key"]: each["value"] for each in self.body["errorParameters"]}

    @property
    def reference(self) -> str:
        return str(self.body["objectReference"])


class Front:
    """The running application, and how each caller proves who it is."""

    def __init__(self, url: str, session: aiohttp.ClientSession, store: MemoryStore, bus: LocalBus, door: Door) -> None:
        self.url = url
        self.store = store
        self.bus = bus
        self.door = door
        self.proofs: dict[str, dict[str, str]] = {"nobody": {}}
        self._session = session

    async def call(self, method: str, path: str, who: str = "alpha", **more: Any) -> Reply:
        """Call the API; `path` without its prefix, unless it begins with '//', which means the root."""
        url = self.url + (path[1:] if path.startswith("//") else PREFIX + path)
        headers = self.proofs[who] | more.pop("headers", {})
        async with self._session.request(method, url, headers=headers, allow_redirects=False, **more) as response:
            return Reply(status=response.status, headers=response.headers, raw=await response.read())

    async def submit(self, who: str = "alpha", *, correlation: str = "", **changes: Any) -> Reply:
        headers = {"X-CorrelationID": correlation} if correlation else {}
        return await self.call("POST", "/transactions", who, json=payment(**changes), headers=headers)

    async def heard(self, transfer: str, verdict: Verdict, failure: FailureClass | None = None) -> None:
        """Let the payee FSP of a push say what became of the credit."""
        kept = self.store.transfers[transfer]
        outcome = Outcome(
            transfer=transfer,
            operation=Operation.CREDIT,
            connection=kept.payee_connection,
            reference=reference(transfer, Operation.CREDIT),
            verdict=verdict,
            heard=Source.CALLBACK,
            failure=failure,
            money=kept.money_of(Operation.CREDIT) if verdict is Verdict.ACCEPTED else None,
            provider_reference="PROVIDER-1",
        )
        await self.door.handle(Heard(outcome=outcome))

    async def state(self, taken: Reply, who: str = "alpha") -> Json:
        """Return how an accepted request stands."""
        assert taken.status == 202, taken.raw
        found: Json = (await self.call("GET", f"/requeststates/{taken.body['serverCorrelationId']}", who)).body
        return found

    async def completed(self, **changes: Any) -> str:
        """Carry a transfer from alpha to bravo through to its end."""
        transfer = (await self.submit(**changes)).reference
        await self.heard(transfer, Verdict.ACCEPTED)
        return transfer

    async def admitted(self, participant: str, client_id: str) -> Issued:
        """Admit software of a participant, and keep its proof: a token from the real endpoint."""
        issued = await admit(self.store, participant, client_id)
        answer = await self.token(basic(issued.client_id, issued.secret))
        self.proofs[client_id] = {"Authorization": f"Bearer {answer.body['access_token']}"}
        return issued

    async def token(self, authorization: str, **more: Any) -> Reply:
        sent = {"data": {"grant_type": "client_credentials"}} | more
        headers = {"Authorization": authorization} if authorization else {}
        return await self.call("POST", "//v1/oauth/accesstoken", "nobody", headers=headers, **sent)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def payment(**changes: Any) -> Json:
    """A transfer from alpha's customer to bravo's; `changes` by the API's names, None leaves one out."""
    body: Json = {
        "type": "transfer",
        "amount": "150.50",
        "currency": "KES",
        "debitParty": [{"key": "msisdn", "value": ALPHA}],
        "creditParty": [{"key": "msisdn", "value": BRAVO}],
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


def scheme() -> SchemeFile:
    fsps = {
        id_: Participant(
            id=id_,
            name=id_,
            role=Role.FSP,
            country="KE",
            currencies=("KES",),
            net_debit_cap={"KES": "1000000"},
            callback_hosts=("127.0.0.1",),
            status=Status.SUSPENDED if id_ == "dormant" else Status.ACTIVE,
        )
        for id_ in ("alpha", "bravo", "dormant")
    }
    market = Participant(id="market", name="market", role=Role.THIRD_PARTY, country="KE")
    return SchemeFile(
        scheme=Terms(name="front", limits={"KES": Limits(min="1", max="100000")}),
        participant=(*fsps.values(), market),
        connection=tuple(
            Connection(name=id_, participant=id_, adapter="none", rail=RAIL, currencies=("KES",)) for id_ in fsps
        ),
        directory=(
            DirectoryEntry(key="msisdn", value="+25470", participant="alpha"),
            DirectoryEntry(key="msisdn", value="+25473", participant="bravo"),
            DirectoryEntry(key="walletid", value="B-", participant="bravo"),
            DirectoryEntry(key="swiftbic", value="BRAVKENA", participant="bravo"),
            DirectoryEntry(key="organisationid", value="BRAVO-HQ", participant="bravo"),
            DirectoryEntry(key="lei", value="AAAA0012345678901299", participant="bravo"),
        ),
        override=(
            DirectoryEntry(key="username", value="status", participant="bravo"),
            DirectoryEntry(key="emailaddress", value="shop@example.org", participant="bravo"),
        ),
    )


@asynccontextmanager
async def opened(*, seal: Seal | None = SEAL, file: SchemeFile | None = None, **changes: Any) -> AsyncIterator[Front]:
    """Start everything; alpha, bravo and market are admitted, and so is everybody who must not get in.

    With a scheme of its own, whoever is in that is admitted.
    """
    store = MemoryStore(lambda: time.time_ns() // 1_000_000)
    await store.apply_scheme(file or scheme(), "tests")
    bus = LocalBus()
    await bus.start(topology.queues([each.name for each in (file or scheme()).connection]))
    door = Door(store, bus, lambda _: None, inquiry_timeout_s=0.2)
    usual = HttpSettings(prefix=PREFIX, body_max_bytes=BODY_MAX, callback_https_only=False, poll_limit=POLL_LIMIT)
    settings = msgspec.structs.replace(usual, **changes)
    runner = web.AppRunner(build(door, store, settings, seal=seal), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as session:
        front = Front(f"http://{host}:{port}", session, store, bus, door)
        if file is None:
            await _proofs(front)
        for each in () if file is None else file.participant:
            await front.admitted(each.id, each.id)
        yield front
    await runner.cleanup()
    await bus.close()


async def _proofs(front: Front) -> None:
    proofs = front.proofs
    for participant in ("bravo", "market", "dormant"):
        await front.admitted(participant, participant)
    issued = await front.admitted("alpha", "alpha")
    proofs["basic and key"] = {
        "Authorization": basic(issued.client_id, issued.secret),
        "X-API-Key": issued.api_key,
    }
    proofs["token and key"] = proofs["alpha"] | {"X-API-Key": issued.api_key}
    proofs["basic alone"] = {"Authorization": basic(issued.client_id, issued.secret)}
    proofs["key alone"] = {"X-API-Key": issued.api_key}
    proofs["wrong secret"] = proofs["basic and key"] | {"Authorization": basic(issued.client_id, "guessed")}
    proofs["unknown client"] = proofs["basic and key"] | {"Authorization": basic("stranger", issued.secret)}
    proofs["wrong key"] = proofs["basic and key"] | {"X-API-Key": "guessed"}
    proofs["token and wrong key"] = proofs["alpha"] | {"X-API-Key": "guessed"}
    proofs["wrong token"] = {"Authorization": "Bearer guessed"}
    proofs["basic that is not base64"] = {"Authorization": "Basic ***"}
    proofs["basic in other letters"] = {"Authorization": "Basic \u00e9\u00e9", "X-API-Key": "\u00e9"}
    proofs["token in other letters"] = {"Authorization": "Bearer \u00e9"}
    await front.store.save_token(hashed("too old"), issued.client_id, front.store.now_ms() - 1)
    proofs["expired token"] = {"Authorization": "Bearer too old"}
    await front.admitted("alpha", "disabled")
    known = await front.store.credential("disabled")
    assert known is not None
    await front.store.save_credential(msgspec.structs.replace(known, enabled=False))
