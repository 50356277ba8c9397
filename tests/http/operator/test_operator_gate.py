"""Who gets in: operators by their secrets, for a short while, and nobody by a participant's; denied is the rule."""

import time
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from hub.core.office.records import Operator, OperatorRole
from hub.http.operator.gate import REMEMBER_S, WRONG_MAX, WRONG_WITHIN_S, Failures
from hub.http.operator.row import PREFIX
from hub.http.operator.rows import ROWS
from hub.http.operator.tokens import Tokens
from tests.http.operator.bureau import ADMINS, ROLES, Bureau, basic

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROOFS: Final[dict[str, str | dict[str, str]]] = {
    "no token": {},
    "a participant's token": "participant",
    "a participant's secret": "participant by password",
    "an operator's secret": {"Authorization": basic("viewer", "the secret of viewer, long enough for a test")},
    "a token that is none": {"Authorization": "Bearer nothing"},
    "an empty token": {"Authorization": "Bearer "},
    "a token in other letters": {"Authorization": "Bearer é.è.ê"},
}
BY_HAND = {"id": "0" * 32, "act": "CloseWindow", "version": "1"}


def filled(path: str) -> str:
    return path.format_map(BY_HAND)


def named(row: Any) -> str:
    return str(row.id)


@pytest.mark.parametrize("row", ROWS, ids=named)
@pytest.mark.parametrize("proof", PROOFS)
async def test_nobody_gets_in_without_an_operators_token(bureau: Bureau, row: Any, proof: str) -> None:
    given = PROOFS[proof]
    headers = bureau.proofs[given] if isinstance(given, str) else given
    reply = await bureau.called(row.method, f"{bureau.url}{PREFIX}{filled(row.path)}", headers, json={})
    assert reply.error == (401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="operator"'


@pytest.mark.parametrize("who", [*ADMINS, *ROLES])
@pytest.mark.parametrize("row", ROWS, ids=named)
async def test_each_operation_is_for_its_roles_alone(bureau: Bureau, row: Any, who: str) -> None:
    roles = set(ROLES.get(who, (OperatorRole.ADMIN,)))
    reply = await bureau.call(row.method, filled(row.path), who, json={})
    is_refused = reply.status == 403 and reply.body["errorCode"] == "role_forbids"
    assert is_refused is not bool(row.roles & roles), reply.raw


async def test_every_write_wants_more_than_to_be_an_operator() -> None:
    assert all(OperatorRole.VIEWER not in row.roles for row in ROWS if row.method != "GET")
    assert {row.method for row in ROWS} == {"GET", "POST"}


async def test_an_operators_token_does_not_open_the_participants_api(bureau: Bureau) -> None:
    for who in (*ADMINS, *ROLES):
        reply = await bureau.called("GET", f"{bureau.other}/mm/v1.2/heartbeat", bureau.proofs[who])
        assert reply.status == 401
    inside = await bureau.called("GET", f"{bureau.other}/mm/v1.2/heartbeat", bureau.proofs["participant"])
    assert inside.status == 200


async def test_strangers_do_not_learn_what_exists(bureau: Bureau) -> None:
    for path in ("/nothing", "//nothing", "//metrics", "/openapi.json/x"):
        assert (await bureau.call("GET", path, "nobody")).error == (401, "unauthenticated")
    assert (await bureau.call("GET", "/openapi.json", "nobody")).status == 200
    assert (await bureau.call("GET", "//docs", "nobody")).status == 200


@pytest.mark.parametrize(
    ("name", "secret"),
    [("viewer", "wrong"), ("nobody", "wrong"), ("alpha", "wrong"), ("", ""), ("viewer\0", "wrong"), ("viewer", " ")],
)
async def test_no_token_for_a_wrong_secret(bureau: Bureau, name: str, secret: str) -> None:
    reply = await bureau.token(name, secret)
    assert (reply.status, reply.body["error"]) == (401, "invalid_client")


async def test_no_token_for_another_grant(bureau: Bureau) -> None:
    for form in ({"grant_type": "password"}, {}, b"\xff", b"grant_type=client_credentials&grant_type=x"):
        reply = await bureau.token("viewer", data=form)
        assert (reply.status, reply.body["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("cut", [1, 12, 28])
async def test_a_form_may_come_in_pieces(bureau: Bureau, cut: int) -> None:
    form = b"grant_type=client_credentials"

    async def pieces() -> AsyncIterator[bytes]:
        yield form[:cut]
        # While this is answered, the first piece is read.
        assert (await bureau.call("GET", "/scheme")).status == 200
        yield form[cut:]

    reply = await bureau.token("viewer", data=pieces())
    assert reply.status == 200, reply.raw


async def test_whoever_guesses_is_stopped_and_others_are_not(bureau: Bureau) -> None:
    statuses = [(await bureau.token("deputy", f"guess {number}")).status for number in range(WRONG_MAX + 1)]
    assert statuses == [401] * WRONG_MAX + [429]
    late = await bureau.token("deputy")
    assert (late.status, late.headers["Retry-After"]) == (429, str(int(WRONG_WITHIN_S)))
    assert (await bureau.token("chief")).status == 200
    assert (await bureau.call("GET", "/positions", "deputy")).status == 200, "whoever is in stays in"


async def test_guesses_are_forgotten_after_a_while() -> None:
    now = [0.0]
    failures = Failures(lambda: now[0])
    for _ in range(WRONG_MAX):
        failures.note("name", "here")
    assert failures.too_many("name", "here")
    assert not failures.too_many("name", "there")
    now[0] = WRONG_WITHIN_S
    assert not failures.too_many("name", "here")


async def test_a_token_is_for_one_version_of_its_operator(bureau: Bureau) -> None:
    await bureau.admit("leaver", OperatorRole.VIEWER)
    await bureau.log_in("leaver")
    assert (await bureau.call("GET", "/positions", "leaver")).status == 200
    await bureau.agreed("DisableOperator", "chief", "deputy", operator="leaver", why="left")
    deadline = time.monotonic() + REMEMBER_S + 5
    while (await bureau.call("GET", "/positions", "leaver")).status == 200:
        assert time.monotonic() < deadline, "a disabled operator is out within seconds"
    assert (await bureau.token("leaver")).status == 401
    await bureau.admit("leaver", OperatorRole.VIEWER)
    assert (await bureau.call("GET", "/positions", "leaver")).status == 401, "of the one before, no token holds again"


async def test_tokens_of_other_keys_audiences_and_times_are_none(bureau: Bureau) -> None:
    from hub.files.keys import SigningKey, new_key

    viewer = await bureau.store.records.one(Operator, "viewer")
    assert viewer is not None
    good = {"aud": "operator", "sub": "viewer", "ver": viewer.version, "exp": int(time.time()) + 60}
    tokens = {
        "good": bureau.key.token("operator+jwt", good),
        "another key": SigningKey(new_key()).token("operator+jwt", good),
        "another kind": bureau.key.token("JWT", good),
        "another audience": bureau.key.token("operator+jwt", good | {"aud": "participant"}),
        "several audiences": bureau.key.token("operator+jwt", good | {"aud": ["operator"]}),
        "expired": bureau.key.token("operator+jwt", good | {"exp": int(time.time()) - 1}),
        "without an end": bureau.key.token("operator+jwt", {name: good[name] for name in ("aud", "sub", "ver")}),
        "another version": bureau.key.token("operator+jwt", good | {"ver": viewer.version + 1}),
        "a signature as a token": bureau.key.detached({"typ": "operator+jwt"}, b"{}"),
    }
    for what, token in tokens.items():
        headers = {"Authorization": f"Bearer {token}"}
        reply = await bureau.called("GET", f"{bureau.url}{PREFIX}/positions", headers)
        assert reply.status == (200 if what == "good" else 401), what


async def test_a_token_does_not_hold_for_ever(bureau: Bureau) -> None:
    viewer = await bureau.store.records.one(Operator, "viewer")
    assert viewer is not None
    assert Tokens(bureau.key, 60).bearer(Tokens(bureau.key, 60).issued(viewer)) is not None
    assert Tokens(bureau.key, 60).bearer(Tokens(bureau.key, -1).issued(viewer)) is None


async def test_answers_are_kept_by_nobody_on_the_way(bureau: Bureau) -> None:
    for reply in (
        await bureau.token("viewer"),
        await bureau.call("GET", "/positions"),
        await bureau.call("GET", "/nothing"),
    ):
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Server"] == "makutano"


async def test_no_answer_has_a_secret_or_its_hash(bureau: Bureau) -> None:
    operators = await bureau.call("GET", "/operators")
    assert {each["id"] for each in operators.body["items"]} >= {*ADMINS, *ROLES}
    proposals = await bureau.call("GET", "/proposals")
    assert {each["terms"].get("secret_hash") for each in proposals.body["items"]} <= {"(hidden)", None}
    for name in (*ADMINS, *ROLES):
        kept = await bureau.store.records.one(Operator, name)
        assert kept is not None
        assert kept.secret_hash.encode() not in operators.raw + proposals.raw
    assert (await bureau.call("GET", "/operators?secret_hash=" + "0" * 64)).error == (400, "query_invalid")
