"""The north side of a scheme across borders: from Kenya to Uganda (delta and echo sell) and to Tanzania (delta alone).

From Kenya to Uganda nothing is required of who sends, to Tanzania everything that a corridor can require.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from hub.core.participant import DirectoryEntry, Limits, Participant, Role, SchemeFile, Terms
from hub.core.pricing.price import Side
from hub.core.pricing.rules import Corridor, Earner, FeeRule, FxOffer, LimitRule, Period, Then, Unquoted
from hub.ledger.account import counters
from routing.message import Operation
from routing.table import Connection, Rail
from tests.http.front import ALPHA, Front, Json, Reply, opened

UGANDA: Final = "+256700000001"
TANZANIA: Final = "+255700000001"
RWANDA: Final = "+250700000001"
RAIL: Final = Rail(operations=(Operation.CREDIT, Operation.DEBIT, Operation.REFUND))
WHERE: Final = "http://127.0.0.1:9/notices"
RATES: Final[dict[str, list[Json]]] = {
    "delta": [
        {"source": "KES", "target": "UGX", "rate": "28.5"},
        {"source": "UGX", "target": "KES", "rate": "0.035"},
        {"source": "KES", "target": "TZS", "rate": "18.2"},
    ],
    "echo": [{"source": "KES", "target": "UGX", "rate": "28"}],
}
# 100 KES at 28.5 are 2,850 UGX, of which bravo keeps 50; the hub takes 1 percent beside them.
SENT, SENDING, GIVEN = "100", "1", "2800"
REQUIRED: Final = ("senderKyc.idDocument.idNumber", "internationalTransferInformation.remittancePurpose")
KYC: Final[Json] = {
    "senderKyc": {
        "nationality": "KE",
        "subjectName": {"fullName": "Achieng Odhiambo-Sample"},
        "idDocument": [{"idType": "passport", "idNumber": "ZZ-4711-SAMPLE", "issuerCountry": "KE"}],
    },
    "recipientKyc": {"subjectName": {"fullName": "Mukasa Nakato-Sample"}, "contactPhone": "+255711998877"},
}
ORIGIN: Final = {
    "originCountry": "KE",
    "remittancePurpose": "school fees of sample",
    "relationshipSender": "aunt-sample",
}
FEES: Final = (
    FeeRule(name="sending", currency="KES", types=("inttransfer",), percent="1"),
    FeeRule(
        name="receiving",
        currency="UGX",
        types=("inttransfer",),
        fixed="50",
        paid_by=Side.PAYEE,
        earned_by=Earner.PAYEE_FSP,
    ),
)
CORRIDORS: Final = (
    Corridor(source="KES", target="UGX"),
    Corridor(source="UGX", target="KES"),
    Corridor(
        source="KES", target="TZS", requires=REQUIRED, origin_countries=("KE",), id_types=("passport", "votersid")
    ),
)


def file(**change: Any) -> SchemeFile:
    """Build the scheme; `change` by the names of its parts."""
    members = (
        _member("alpha", "KE", "KES"),
        _member("bravo", "UG", "UGX"),
        _member("tango", "TZ", "TZS"),
        _member("romeo", "RW", "RWF"),
        _member("delta", "KE", "KES", "UGX", "TZS", role=Role.FX_PROVIDER),
        _member("echo", "KE", "KES", "UGX", role=Role.FX_PROVIDER),
        Participant(id="market", name="market", role=Role.THIRD_PARTY, country="KE"),
    )
    plain = SchemeFile(
        scheme=Terms(name="abroad", limits={"KES": Limits(min="0.01", max="100000")}),
        participant=members,
        connection=tuple(
            Connection(name=name, participant=name, adapter="none", rail=RAIL, currencies=("KES", "UGX", "TZS", "RWF"))
            for name in ("alpha", "bravo", "tango", "romeo")
        ),
        directory=tuple(
            DirectoryEntry(key="msisdn", value=prefix, participant=name)
            for prefix, name in (("+254", "alpha"), ("+256", "bravo"), ("+255", "tango"), ("+250", "romeo"))
        ),
        corridor=CORRIDORS,
        fx=tuple(
            FxOffer(provider=name, source=each["source"], target=each["target"], jump_max_percent="10")
            for name, rates in RATES.items()
            for each in rates
        ),
        fee=FEES,
        limit=(LimitRule(name="look", currency="KES", per=Period.TRANSACTION, max_value="90000", then=Then.REVIEW),),
    )
    return msgspec.structs.replace(plain, **change)


def unquoted(**change: Any) -> SchemeFile:
    """Build the scheme so that the hub makes a price where none was asked for."""
    terms = msgspec.structs.replace(file().scheme, unquoted=Unquoted.QUOTE)
    return file(scheme=terms, **change)


def _member(name: str, country: str, *currencies: str, role: Role = Role.FSP) -> Participant:
    return Participant(
        id=name,
        name=name,
        role=role,
        country=country,
        currencies=currencies,
        net_debit_cap=dict.fromkeys(currencies, "10000000"),
        callback_hosts=("127.0.0.1",),
        notify_url=WHERE,
    )


@asynccontextmanager
async def opened_abroad(
    scheme: SchemeFile | None = None, *, rates: bool = True, **changes: Any
) -> AsyncIterator[Front]:
    """Start it; with `rates` both providers have published theirs."""
    async with opened(file=scheme or file(), **changes) as front:
        if rates:
            await publish_all(front)
        yield front


async def publish_all(front: Front) -> None:
    for provider, rows in RATES.items():
        assert (await front.call("PUT", "/fxrates", provider, json={"rates": rows})).status == 200


def asked(payee: str = UGANDA, amount: str = SENT, currency: str = "KES", **more: Any) -> Json:
    """A quotation's request from alpha's customer."""
    body: Json = {
        "type": "inttransfer",
        "debitParty": [{"key": "msisdn", "value": ALPHA}],
        "creditParty": [{"key": "msisdn", "value": payee}],
        "requestAmount": amount,
        "requestCurrency": currency,
    } | more
    return {name: value for name, value in body.items() if value is not None}


def pairs(**values: str) -> list[Json]:
    return [{"key": key, "value": value} for key, value in values.items()]


def named(body: Mapping[str, Any], name: str = "customData") -> dict[str, str]:
    return {each["key"]: each["value"] for each in body.get(name, [])}


async def quoted(front: Front, who: str = "alpha", **more: Any) -> Json:
    """Ask for a quotation, and return it."""
    taken = await front.call("POST", "/quotations", who, json=asked(**more))
    assert taken.status == 202, taken.raw
    found = await front.call("GET", f"/quotations/{taken.reference}", who)
    assert found.status == 200, found.raw
    body: Json = found.body
    return body


def paying(quotation: Json, number: int = 0, **more: Any) -> Json:
    """The transaction for one of the quotes."""
    quote = quotation["quotes"][number]
    international = {
        "originCountry": "KE",
        "quotationReference": quotation["quotationReference"],
        "quoteId": quote["quoteId"],
    }
    body: Json = {
        "amount": quote["sendingAmount"],
        "currency": quote["sendingCurrency"],
        "debitParty": quotation["debitParty"],
        "creditParty": quotation["creditParty"],
        "internationalTransferInformation": international | more.pop("international", {}),
    } | more
    return {name: value for name, value in body.items() if value is not None}


async def pay(front: Front, body: Json, who: str = "alpha", kind: str = "inttransfer") -> Reply:
    return await front.call("POST", f"/transactions/type/{kind}", who, json=body)


def held(front: Front) -> Sequence[tuple[str, str]]:
    """List the positions of which anything is held, or has moved."""
    moved = [each for each in front.store.ledger.values() if any(counters(each))]
    return sorted({(each.participant, each.currency) for each in moved})
