"""What a PATCH may say, words in any case, headers that HTTP wants, and what an operator may set up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web

import hub.http
from hub.http.app import HttpSettings, build
from routing import topology
from routing.message import Answer, Finding, encoded
from tests.http.front import BODY_MAX, BRAVO, PREFIX, Front, payment

COMPLETED: Final = {"op": "replace", "path": "/transactionStatus", "value": "completed"}
FAILED: Final = COMPLETED | {"value": "failed"}
FORMAT: Final = (400, "validation", "formatError")


async def _open(_: web.Request) -> web.Response:
    return web.Response(text="open")


@asynccontextmanager
async def set_up(front: Front, **changes: Any) -> AsyncIterator[Front]:
    """The same hub behind an API that is set up otherwise."""
    settings = HttpSettings(prefix=PREFIX, body_max_bytes=BODY_MAX, callback_https_only=False)
    settings = HttpSettings(**{name: getattr(settings, name) for name in settings.__struct_fields__} | changes)
    app = build(front.door, front.store, settings)
    app.router.add_get("/added/later", _open)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    usual, front.url = front.url, f"http://{host}:{port}"
    yield front
    front.url = usual
    await runner.cleanup()


@pytest.mark.parametrize(
    "said",
    [
        [COMPLETED, FAILED],
        [FAILED, COMPLETED],
        [COMPLETED | {"value": "pending"}, COMPLETED],
        [COMPLETED | {"value": "nonsense"}, FAILED],
        [COMPLETED | {"path": "/amount"}, COMPLETED],
        COMPLETED | {"value": "Completed "},
    ],
)
async def test_a_patch_that_is_not_clear_in_every_part_moves_nothing(front: Front, said: Any) -> None:
    transfer = (await front.submit()).reference
    before = front.store.transfers[transfer], list(front.store.journals)
    reply = await front.call("PATCH", f"/transactions/{transfer}", "bravo", json=said)
    assert reply.error == FORMAT
    assert (front.store.transfers[transfer], front.store.journals) == before


async def test_a_patch_may_say_the_same_twice(front: Front) -> None:
    transfer = (await front.submit()).reference
    reply = await front.call("PATCH", f"/transactions/{transfer}", "bravo", json=[COMPLETED, COMPLETED])
    assert reply.status == 204
    assert front.store.transfers[transfer].state == "committed"


async def test_the_words_of_enumerations_are_read_in_any_case(front: Front) -> None:
    taken = await front.submit(type="Transfer")
    assert (await front.call("GET", f"/transactions/{taken.reference}")).body["type"] == "transfer"
    by_path = await front.call("POST", "/transactions/type/MerchantPay", json=payment(type=None))
    assert (await front.call("GET", f"/transactions/{by_path.reference}")).body["type"] == "merchantpay"

    async def reply(_: bytes) -> bytes:
        return encoded(Answer(finding=Finding.FOUND, body={"accountStatus": "available"}))

    await front.bus.answer(topology.inquiries("bravo"), reply)
    assert (await front.call("GET", f"/accounts/MSISDN/{BRAVO}/status")).status == 200
    assert (await front.call("GET", f"/accounts/MSISDN@{BRAVO}/status")).status == 200


@pytest.mark.parametrize("url", ["http://:secret@127.0.0.1/", "http://user@127.0.0.1/"])
async def test_a_callback_url_carries_no_credentials_in_any_form(front: Front, url: str) -> None:
    reply = await front.call("POST", "/transactions", json=payment(), headers={"X-Callback-URL": url})
    assert reply.error == FORMAT
    assert reply.parameters["property"] == "X-Callback-URL"


async def test_answers_carry_the_headers_that_http_wants_beside_a_refusal(front: Front) -> None:
    assert (await front.call("GET", "/heartbeat", "nobody")).headers["WWW-Authenticate"].startswith("Bearer")
    transfer = (await front.submit()).reference
    for method, path, allowed in (
        ("DELETE", "/heartbeat", {"GET"}),
        ("PUT", "/transactions", {"POST"}),
        ("PUT", f"/transactions/{transfer}", {"GET", "PATCH", "POST"}),
    ):
        reply = await front.call(method, path)
        assert (reply.status, set(reply.headers["Allow"].split(", "))) == (405, allowed)


async def test_a_route_that_somebody_adds_later_is_closed_to_strangers(front: Front) -> None:
    async with set_up(front):
        assert (await front.call("GET", "//added/later", "nobody")).status == 401
        assert (await front.call("GET", "//added/later")).raw == b"open"


async def test_a_hub_may_insist_on_correlation_ids(front: Front) -> None:
    async with set_up(front, correlation_required=True):
        reply = await front.submit()
        assert reply.error == (400, "validation", "mandatoryValueNotSupplied")
        assert reply.parameters["property"] == "X-CorrelationID"
        assert (await front.submit(correlation="0f7c1a52-6b0d-4c59-8f0a-2d5f7b9e4c12")).status == 202


async def test_a_hub_may_insist_on_fresh_dates(front: Front) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(seconds=120)
    nairobi = (now + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%S+03:00")
    tried = {
        "": 202,
        now.isoformat(): 202,
        nairobi: 202,
        format_datetime(now, usegmt=True): 202,
        old.isoformat(): 400,
        (now + timedelta(seconds=120)).isoformat(): 400,
        format_datetime(old, usegmt=True): 400,
        "noon": 400,
    }
    async with set_up(front, date_tolerance_s=60):
        for date, status in tried.items():
            reply = await front.call("POST", "/transactions", json=payment(), headers={"X-Date": date} if date else {})
            assert reply.status == status, date
            if status == 400:
                assert (reply.error, reply.parameters["property"]) == (FORMAT, "X-Date")
    stale = await front.call("POST", "/transactions", json=payment(), headers={"X-Date": old.isoformat()})
    assert stale.status == 202, "unless it insists, the header is not looked at"


def test_the_page_of_the_document_needs_nothing_from_elsewhere() -> None:
    page = (Path(hub.http.__file__).with_name("docs.html")).read_text("utf-8")
    assert "http://" not in page
    assert "https://" not in page
    # A classic script shares its names with the window, whose own `find` hid the search field.
    assert '<script type="module">' in page
