"""FX providers' rates through the API: all of a write or none, nobody else's, and a jump is held."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hub.core.participant import Status
from tests.http.abroad import RATES, asked, file, named, opened_abroad, quoted
from tests.http.front import Front, Json, Reply

FORMAT = (400, "validation", "formatError")
MISSING = (400, "validation", "mandatoryValueNotSupplied")
LENGTH = (400, "validation", "lengthError")
CURRENCY = (400, "validation", "currencyNotSupported")
NOT_YOURS = (401, "authorisation", "requestingPartyAuthorisationError")


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with opened_abroad(rates=False) as running:
        yield running


def row(**changes: Any) -> Json:
    found: Json = {"source": "KES", "target": "UGX", "rate": "28.51", "validForSeconds": 60} | changes
    return {name: value for name, value in found.items() if value is not None}


async def put(front: Front, *rows: Any, who: str = "delta") -> Reply:
    return await front.call("PUT", "/fxrates", who, json={"rates": list(rows)})


def seen(reply: Reply) -> dict[str, tuple[str, str]]:
    """Return what stands in each direction: the rate and its state."""
    assert reply.status == 200, reply.raw
    return {f"{each['source']}-{each['target']}": (each["rate"], each["state"]) for each in reply.body["rates"]}


async def test_what_is_published_stands_and_is_shown_to_its_provider_alone(front: Front) -> None:
    assert (await front.call("GET", "/fxrates", "delta")).body == {"rates": []}
    taken = await put(front, row(), row(target="TZS", rate="18.2", validForSeconds=None))
    assert seen(taken) == {"KES-UGX": ("28.51", "in_force"), "KES-TZS": ("18.2", "in_force")}
    assert (await front.call("GET", "/fxrates", "delta")).body == taken.body
    assert (await front.call("GET", "/fxrates", "echo")).body == {"rates": []}
    kept = front.store.published["delta", "KES", "UGX"]
    assert (kept.until_ms - kept.at_ms, kept.by) == (60_000, "delta")
    assert {"creationDate", "expiryTime"} < taken.body["rates"][0].keys()
    assert front.store.published["delta", "KES", "TZS"].until_ms - kept.at_ms >= 300_000, "as long as the scheme says"


async def test_the_same_said_again_is_the_same(front: Front) -> None:
    first, second = [seen(await put(front, row())) for _ in range(2)]
    assert first == second
    assert len(front.store.published) == 1


async def test_a_rate_that_jumps_is_held_and_not_used_until_another_is_near_the_last(front: Front) -> None:
    await put(front, row(rate="28"))
    assert seen(await put(front, row(rate="31"))) == {"KES-UGX": ("31", "held")}
    taken = await front.call("POST", "/quotations", "alpha", json=asked())
    error = (await front.state(taken))["error"]
    assert (error["errorCategory"], named(error, "errorParameters")["reason"]) == (
        "serviceUnavailable",
        "rate_unavailable",
    )
    assert seen(await put(front, row(rate="28.75"))) == {"KES-UGX": ("28.75", "in_force")}
    assert (await quoted(front))["quotes"][0]["fxRate"] == "28.75"


BAD: list[tuple[str, Any, tuple[int, str, str], str]] = [
    ("a number", row(rate=28.51), FORMAT, "rates.1.rate"),
    ("a whole number", row(rate=28), FORMAT, "rates.1.rate"),
    ("nothing", row(rate="0"), FORMAT, "rates.1.rate"),
    ("below zero", row(rate="-28"), FORMAT, "rates.1.rate"),
    ("an exponent", row(rate="2.8e1"), FORMAT, "rates.1.rate"),
    ("a comma", row(rate="28,51"), FORMAT, "rates.1.rate"),
    ("blanks", row(rate=" 28 "), FORMAT, "rates.1.rate"),
    ("a line break", row(rate="28\n"), FORMAT, "rates.1.rate"),
    ("other digits", row(rate="٢٨"), FORMAT, "rates.1.rate"),
    ("13 decimals", row(rate="1.1234567890123"), FORMAT, "rates.1.rate"),
    ("an empty text", row(rate=""), LENGTH, "rates.1.rate"),
    ("26 characters", row(rate="1" * 26), LENGTH, "rates.1.rate"),
    ("no rate", row(rate=None), MISSING, "rates.1.rate"),
    ("no source", row(source=None), MISSING, "rates.1.source"),
    ("valid for no time", row(validForSeconds=0), FORMAT, "rates.1.validForSeconds"),
    ("valid for ever", row(validForSeconds=86_401), FORMAT, "rates.1.validForSeconds"),
    ("valid for a part of a second", row(validForSeconds=1.5), FORMAT, "rates.1.validForSeconds"),
    ("a currency that does not exist", row(target="ABC"), CURRENCY, "rates.1.target"),
    ("a pair that nobody sells", row(target="RWF"), CURRENCY, "rates.1.target"),
    ("the same currency twice", row(target="KES"), CURRENCY, "rates.1.target"),
    ("one direction twice", row(target="TZS"), FORMAT, "rates.1"),
    ("no object", "28.51", FORMAT, "rates.1"),
]


@pytest.mark.parametrize(("wrong", "error", "property_"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
async def test_one_bad_rate_and_none_is_taken(
    front: Front, wrong: Any, error: tuple[int, str, str], property_: str
) -> None:
    reply = await put(front, row(target="TZS", rate="18.2"), wrong)
    assert reply.error == error, reply.body
    assert reply.parameters == {"property": property_}
    assert (front.store.published, front.store.rate_log) == ({}, [])


@pytest.mark.parametrize(
    ("body", "error", "property_"),
    [
        ({}, MISSING, "rates"),
        ({"rates": []}, MISSING, "rates"),
        ({"rates": row()}, FORMAT, "rates"),
        ({"rates": [row()] * 101}, LENGTH, "rates"),
        ([row()], FORMAT, "body"),
    ],
)
async def test_a_write_without_rates_is_refused(
    front: Front, body: Any, error: tuple[int, str, str], property_: str
) -> None:
    reply = await front.call("PUT", "/fxrates", "delta", json=body)
    assert (reply.error, reply.parameters) == (error, {"property": property_})


async def test_nobody_publishes_for_another(front: Front) -> None:
    assert (await put(front, *RATES["delta"], who="echo")).error == CURRENCY, "echo does not sell that"
    for who in ("alpha", "bravo", "market"):
        assert (await put(front, row(), who=who)).error == NOT_YOURS
        assert (await front.call("GET", "/fxrates", who)).error == NOT_YOURS
    assert (await put(front, row(), who="nobody")).status == 401
    assert front.store.published == {}


async def test_a_suspended_provider_publishes_nothing(front: Front) -> None:
    suspended = [
        msgspec.structs.replace(each, status=Status.SUSPENDED) if each.id == "delta" else each
        for each in file().participant
    ]
    await front.store.apply_scheme(file(participant=tuple(suspended)), "tests")
    assert (await put(front, row())).error == NOT_YOURS
    assert front.store.published == {}


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_rates_are_published_by_put_alone(front: Front, method: str) -> None:
    reply = await front.call(method, "/fxrates", "delta", json={"rates": [row()]})
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, PUT")
    assert front.store.published == {}
