"""Files over HTTP: the bank's are taken whole or refused, a participant's day is compared, content is as it was."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from hub.files.bank_csv import BANK_COLUMNS
from hub.files.inbox import PARTICIPANT_COLUMNS
from hub.files.sheet import RECORD, written
from hub.files.signature import sign
from routing.money import Money
from tests.http.operator.bureau import BANK_KEY, Bureau, Reply, everything

pytestmark = pytest.mark.asyncio(loop_scope="module")

FUNDS: dict[str, Any] = {"participant": "alpha", "amount": {"amount": "20", "currency": "KES"}, "why": "morning"}
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()


async def expected(bureau: Bureau) -> str:
    """Have funds approved; returns their payment."""
    approved = await bureau.agreed("MoveFunds", **FUNDS)
    funds = (await bureau.call("GET", f"/funds/{approved['terms']['funds']}")).body
    return str(funds["payment"])


def booked(payment: str, amount: str = "20") -> bytes:
    row = {
        RECORD: "entry",
        "statement": f"S-{payment}",
        "account": "KE-scheme",
        "reference": payment,
        "bank_reference": f"B-{payment}",
        "direction": "credit",
        "amount": amount,
        "currency": "KES",
        "status": "booked",
        "booked_on": "2026-11-24",
    }
    return written(BANK_COLUMNS, [row], [Money.parse(amount, "KES")], "KES")


async def bring(bureau: Bureau, content: bytes, who: str = "maker", **headers: str) -> Reply:
    mark = sign(content, name="bank.csv", window="", created_ms=1_000_000, key=BANK_KEY)
    body = {"name": "bank.csv", "content": content.decode(), "signature": mark if bureau.bank_keys else ""}
    return await bureau.call("POST", "/files", who, json=body, headers=headers)


async def test_a_file_of_the_bank_is_taken_once(bureau: Bureau, office_url: str) -> None:
    payment = await expected(bureau)
    content = booked(payment)
    said = {"name": "bank.csv", "content": content.decode()}
    said["signature"] = sign(content, name="bank.csv", window="", created_ms=1_000_000, key=BANK_KEY)
    taken = await bureau.call("POST", "/files", "maker", json=said, headers={"Idempotency-Key": "bank-1"})
    assert (taken.status, taken.body["entries"], taken.body["by"]) == (201, 1, "maker")
    assert (await bureau.call("GET", f"/payments/{payment}")).body["state"] == "posted"
    before = everything(office_url)
    again = await bureau.call("POST", "/files", "maker", json=said, headers={"Idempotency-Key": "bank-1"})
    assert (again.status, again.body) == (201, taken.body), "said again, it is the same"
    assert everything(office_url) == before
    other = await bureau.call("POST", "/files", "maker", json=said, headers={"Idempotency-Key": "bank-2"})
    assert other.error == (422, "file_refused"), "brought again, it is not taken again"
    assert "taken before" in other.parameters["detail"]
    assert everything(office_url) == before
    twice = await bring(bureau, booked(payment))
    assert twice.error == (422, "file_refused")
    assert "taken before" in twice.parameters["detail"]


async def test_a_file_comes_out_as_it_went_in(bureau: Bureau) -> None:
    content = booked(await expected(bureau))
    taken = await bring(bureau, content)
    assert "content" not in taken.body
    found = await bureau.call("GET", f"/files/{taken.body['id']}/content")
    assert found.raw == content
    assert found.headers["X-Content-Hash"] == sha256(content).hexdigest() == taken.body["sha256"]
    assert found.headers["X-File-Name"] == "bank.csv"
    assert found.headers["Content-Disposition"] == "attachment"
    assert found.headers["Cache-Control"] == "no-store"


async def test_a_payment_that_was_booked_with_more_is_a_difference(bureau: Bureau) -> None:
    payment = await expected(bureau)
    assert (await bring(bureau, booked(payment, "25"))).status == 201
    found = await bureau.items(f"/differences?subject={payment}")
    assert [(each["kind"], each["state"]) for each in found] == [("over", "open")]
    assert found[0]["theirs"]["amount"] == {"amount": "25", "currency": "KES"}


@pytest.fixture
def keyless(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> Bureau:
    """A bank that signs nothing."""
    monkeypatch.setattr(bureau, "bank_keys", {})
    return bureau


async def test_a_file_that_nobody_has_signed_is_taken_when_another_has_approved_it(keyless: Bureau) -> None:
    payment = await expected(keyless)
    waits = await bring(keyless, booked(payment), **{"Idempotency-Key": "paper-1"})
    assert (waits.status, waits.body["proposal"]["act"], waits.body["proposal"]["by"]) == (
        202,
        "ImportUnsigned",
        "maker",
    )
    path = waits.headers["Location"].removeprefix("/operator/v1")
    assert f"{path}/approve" in waits.body["next"]
    assert (await bring(keyless, booked(payment), **{"Idempotency-Key": "paper-1"})).body == waits.body
    seen = await keyless.call("GET", path, "checker")
    entry = seen.body["terms"]["entries"][0]
    assert (entry["reference"], entry["said"]["amount"]) == (payment, {"amount": "20", "currency": "KES"})
    assert "content" not in seen.body["terms"]
    itself = await keyless.call("POST", f"{path}/approve", "maker", json={}, headers={"If-Match": seen.version})
    assert itself.status == 403
    assert (await keyless.call("GET", f"/payments/{payment}")).body["state"] == "expected"
    done = await keyless.call("POST", f"{path}/approve", "checker", json={}, headers={"If-Match": seen.version})
    assert done.status == 200, done.raw
    assert (await keyless.call("GET", f"/payments/{payment}")).body["state"] == "posted"
    assert (await keyless.items("/files?origin=bank"))[0]["by"] == "maker, approved by checker"


async def test_what_a_file_says_is_not_said_by_hand(keyless: Bureau) -> None:
    reply = await keyless.propose("ImportUnsigned", file="a" * 32, name="x", format="csv", sha256="b" * 64)
    assert reply.error == (404, "unknown_act")
    assert (await keyless.call("POST", "/deeds/ImportUnsigned", "maker", json={"terms": {}})).status == 404


async def test_of_a_bank_without_keys_too_a_file_that_is_none_is_refused_at_once(keyless: Bureau) -> None:
    assert (await bring(keyless, b"nothing")).error == (422, "file_refused")
    body = {"name": "x", "content": "", "why": "x" * 2_001}
    assert (await keyless.call("POST", "/files", "maker", json=body)).error == (422, "body_invalid")


@pytest.mark.parametrize("content", [b"nothing", b"", b"<xml/>", "é".encode()])
async def test_what_is_no_file_is_refused_and_kept_as_that(bureau: Bureau, content: bytes) -> None:
    refused = await bring(bureau, content)
    assert refused.error == (422, "file_refused")
    kept = (await bureau.items("/files"))[0]
    assert kept["refused"] == refused.parameters["detail"]


async def test_a_files_name_is_one_line(bureau: Bureau) -> None:
    for name in ("", " ", "a\nb", "x" * 201):
        reply = await bureau.call("POST", "/files", "maker", json={"name": name, "content": ""})
        assert reply.error == (422, "body_invalid")


def own(amount: str = "10", transfer: str = "e" * 32) -> bytes:
    row = {
        RECORD: "entry",
        "transfer": transfer,
        "own_reference": "",
        "reference": "",
        "direction": "debit",
        "amount": amount,
        "currency": "KES",
        "booked_at": f"{YESTERDAY}T10:00:00Z",
    }
    return written(PARTICIPANT_COLUMNS, [row], [Money.parse(amount, "KES")], "KES")


async def compare(bureau: Bureau, whole: bytes, **changes: str) -> Reply:
    body = {"participant": "alpha", "day": YESTERDAY, "currency": "KES", "name": "own.csv", "content": whole.decode()}
    return await bureau.call("POST", "/days", "maker", json=body | changes)


async def test_a_participants_day_is_compared_with_the_books(bureau: Bureau) -> None:
    compared = await compare(bureau, own())
    assert (compared.status, compared.body["origin"], compared.body["differences"]) == (201, "alpha", 1)
    found = await bureau.items(f"/differences?file={compared.body['id']}")
    assert [(each["source"], each["state"]) for each in found] == [("alpha", "open")]


@pytest.mark.parametrize(
    ("error", "changes"),
    [
        ((422, "body_invalid"), {"day": "yesterday"}),
        ((422, "terms_invalid"), {"day": TOMORROW}),
        ((422, "terms_invalid"), {"participant": "third"}),
        ((422, "terms_invalid"), {"participant": "stranger"}),
        ((422, "terms_invalid"), {"currency": "UGX"}),
        ((422, "file_refused"), {"content": "nothing"}),
    ],
)
async def test_a_day_that_cannot_be_compared_is_refused(
    bureau: Bureau, error: tuple[int, str], changes: dict[str, str]
) -> None:
    assert (await compare(bureau, own(), **changes)).error == error
