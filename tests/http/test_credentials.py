"""A customer's credentials are sealed at the door: they are in nothing that is kept, said or logged."""

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from hub.core.admit import body_of
from hub.core.command import Body
from hub.http.credentials import HEADER_MAX
from tests.http.front import SEAL, Front, Reply, opened, payment

TOKEN = "eyJhbGciOiJFUzI1NiJ9.e30.the-users-own-signature"
CIPHER = "VGhpcyBpcyBub3QgYSBQSU4sIGJ1dCBjaXBoZXJ0ZXh0Lg=="
JWE = "eyJlbmMiOiJBMjU2R0NNIn0.a2V5.aXY.Y2lwaGVydGV4dA.dGFn"
ALL = {"X-User-Bearer": TOKEN, "X-User-Credential-1": CIPHER, "X-User-Credential-2": JWE}


@pytest.fixture
async def bare() -> AsyncIterator[Front]:
    async with opened(seal=None) as front:
        yield front


@pytest.fixture
async def lenient() -> AsyncIterator[Front]:
    async with opened(user_credentials_encrypted_only=False) as front:
        yield front


async def write(front: Front, headers: dict[str, str]) -> Reply:
    return await front.call("POST", "/transactions", json=payment(), headers=headers)


def kept(front: Front, reply: Reply) -> Body:
    assert reply.status == 202, reply.body
    return body_of(front.store.transfers[reply.reference])


async def test_credentials_are_kept_sealed_for_their_transfer_alone(front: Front) -> None:
    with capture_logs() as lines:
        reply = await write(front, ALL)
    body = kept(front, reply)
    found = SEAL.opened(body.sealed, transfer=reply.reference)
    assert found == {"x-user-bearer": TOKEN, "x-user-credential-1": CIPHER, "x-user-credential-2": JWE}
    everything = str(lines) + str(front.store.transfers) + reply.raw.decode() + str(front.store.outbox)
    for secret in (TOKEN, CIPHER, JWE):
        assert secret not in everything


async def test_without_credentials_there_is_nothing_sealed(front: Front) -> None:
    assert not kept(front, await write(front, {})).sealed


async def test_the_channel_is_carried_in_clear(front: Front) -> None:
    assert kept(front, await write(front, {"X-Channel": "ussd"})).channel == "ussd"


@pytest.mark.parametrize("said", [TOKEN, f"Bearer {TOKEN}", f"bearer {TOKEN}", f" {TOKEN} "])
async def test_a_token_is_taken_with_and_without_its_scheme(front: Front, said: str) -> None:
    reply = await write(front, {"X-User-Bearer": said})
    found = SEAL.opened(kept(front, reply).sealed, transfer=reply.reference)
    assert found == {"x-user-bearer": TOKEN}


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("X-User-Credential-1", "4711", "formatError"),
        ("X-User-Credential-2", "correct horse battery staple", "formatError"),
        ("X-User-Credential-1", "password", "formatError"),
        ("X-User-Credential-1", "", "mandatoryValueNotSupplied"),
        ("X-User-Bearer", "", "mandatoryValueNotSupplied"),
        ("X-User-Bearer", "two tokens", "formatError"),
        ("X-User-Bearer", "Bearer", "formatError"),
        ("X-User-Bearer", "\u00e9" * 30, "formatError"),
        ("X-User-Credential-1", "A" * (HEADER_MAX + 1), "lengthError"),
    ],
)
async def test_what_is_no_credential_is_refused_by_name_and_not_repeated(
    front: Front, header: str, value: str, code: str
) -> None:
    reply = await write(front, {header: value})
    assert reply.error == (400, "validation", code)
    assert reply.parameters == {"property": header}
    assert len(value) < 7 or value not in reply.raw.decode()
    assert front.store.transfers == {}


async def test_reversals_carry_credentials_as_well(front: Front) -> None:
    original = await front.completed()
    reply = await front.call("POST", f"/transactions/{original}/reversals", json={"type": "reversal"}, headers=ALL)
    assert SEAL.opened(kept(front, reply).sealed, transfer=reply.reference)


async def test_a_hub_without_a_key_refuses_credentials_rather_than_lose_or_show_them(bare: Front) -> None:
    assert (await write(bare, ALL)).error == (400, "businessRule", "genericError")
    assert (await write(bare, {})).status == 202


async def test_where_it_is_allowed_credentials_in_clear_are_sealed_too(lenient: Front) -> None:
    reply = await write(lenient, {"X-User-Credential-1": "4711"})
    assert SEAL.opened(kept(lenient, reply).sealed, transfer=reply.reference) == {"x-user-credential-1": "4711"}
