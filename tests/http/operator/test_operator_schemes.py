"""A scheme over HTTP: one admin proposes it, another approves what it changes; nothing else puts one in force."""

import pytest

from tests.http.operator.bureau import Bureau

pytestmark = pytest.mark.asyncio(loop_scope="module")


SCHEME = """
[scheme]
name = "another"

[[participant]]
id = "alpha"
name = "Alpha"
role = "fsp"
country = "KE"
currencies = ["KES"]
net_debit_cap = { KES = "77" }
"""


async def test_a_scheme_is_proposed_by_one_admin_and_approved_by_another(bureau: Bureau) -> None:
    body = {"content": SCHEME, "why": "as agreed"}
    for who in ("maker", "checker", "viewer"):
        assert (await bureau.call("POST", "/schemes", who, json=body)).status == 403
    before = (await bureau.call("GET", "/scheme")).body["version"]
    key = {"Idempotency-Key": "scheme-1"}
    waits = await bureau.call("POST", "/schemes", "chief", json=body, headers=key)
    assert waits.status == 202, waits.raw
    proposal = waits.body["proposal"]
    assert (await bureau.call("POST", "/schemes", "chief", json=body, headers=key)).body["proposal"] == proposal
    assert "~ participant[alpha].net_debit_cap.KES = 1000 -> 77" in proposal["effects"]
    assert proposal["terms"]["base"] == before
    path, seen = f"/proposals/{proposal['id']}/approve", {"If-Match": waits.version}
    assert (await bureau.call("POST", path, "chief", json={}, headers=seen)).body["errorCode"] == "same_person"
    assert (await bureau.call("POST", path, "checker", json={}, headers=seen)).status == 403
    done = await bureau.call("POST", path, "deputy", json={}, headers=seen)
    assert (done.status, done.body["state"]) == (200, "approved")
    now = (await bureau.call("GET", "/scheme")).body
    assert (now["applied_by"], now["document"]["scheme"]["name"]) == ("chief and deputy", "another")


@pytest.mark.parametrize(
    "content",
    [
        "[[",
        "connection = 1",
        "[scheme]\nname = 3",
        "participant = [1]\n[scheme]\nname = 'x'",
        "",
        "\x07",
        f"x = 1{'0' * 5000}",
        SCHEME.replace("another", r"a\U00000000b"),
        SCHEME.replace("another", r"a\u001b[8mb"),
        SCHEME + 2 * '\n[[override]]\nkey = "msisdn"\nvalue = "+254700000001"\nparticipant = "alpha"\n',
        SCHEME.replace('"another"', f'"another"\ntransfer_lifetime_s = 1{"0" * 18}'),
        SCHEME.replace('"another"', '"another"\ntransfer_lifetime_s = -5'),
        SCHEME + f'\n[[settlement_model]]\nname = "m"\nnetting = "gross"\ncurrency = "KES"\nevery_s = {2**62}\n',
        SCHEME + '\n[[settlement_model]]\nname = "m\\nn"\nnetting = "gross"\ncurrency = "KES"\n',
    ],
)
async def test_what_is_no_scheme_is_refused(bureau: Bureau, content: str) -> None:
    reply = await bureau.call("POST", "/schemes", "chief", json={"content": content, "why": "x"})
    assert (reply.status, reply.body["errorCode"]) == (422, "terms_invalid"), reply.raw


async def test_a_key_is_for_one_scheme(bureau: Bureau) -> None:
    key = {"Idempotency-Key": "scheme-2"}
    first, second = [
        await bureau.call("POST", "/schemes", "chief", json={"content": content, "why": "x"}, headers=key)
        for content in (SCHEME.replace("another", "one"), SCHEME.replace("another", "two"))
    ]
    assert (first.status, second.status, second.body["errorCode"]) == (202, 422, "key_reused")
