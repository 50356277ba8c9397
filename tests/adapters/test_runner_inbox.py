"""Callbacks: one that is forged is not found; one that is genuine is answered by what became of it."""

from collections.abc import Callable

import pytest

from adapters.http import BODY_MAX
from adapters.runner import Runner
from routing.local import LocalBus
from tests.adapters.plain import ACCEPTED, CALLBACK, GOOD, NOWHERE, SECRET, brief, called, given, running


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (GOOD, 204, 1),
        (b"{", 400, 0),
        (b"another", 400, 0),
        (b"fault", 500, 0),
        (b" " * (BODY_MAX + 1), 413, 0),
    ],
    ids=["good", "garbage", "another", "fault", "oversized"],
)
async def test_a_callback_is_answered_by_what_became_of_it(body: bytes, status: int, told: int) -> None:
    async with running(NOWHERE) as world:
        instruction = given()
        assert await called(world.runner.make_callback_url(instruction), body) == (status, "")
        outcomes = await world.heard()
        assert len(outcomes) == told
        assert all(each.reference == instruction.reference for each in outcomes)


async def test_a_callback_is_to_be_repeated_while_the_bus_is_unsure() -> None:
    async with running(NOWHERE) as world:
        url = world.runner.make_callback_url(given())
        world.bus.is_unsure = True
        assert await called(url, GOOD) == (503, "5")
        world.bus.is_unsure = False
        assert await called(url, GOOD) == (204, "")
        assert brief(await world.heard()) == [(ACCEPTED, None, CALLBACK)]


def other_reference(url: str) -> str:
    head, subject, signature = url.rsplit("/", 2)
    return f"{head}/{subject[:-1]}{'0' if subject[-1] != '0' else '1'}/{signature}"


@pytest.mark.parametrize(
    "forged",
    [
        other_reference,
        lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"),
        lambda url: url[:-1],
        lambda url: url.rsplit("/", 1)[0] + "/%C3%A9%FF",
        lambda url: url.replace("/callbacks/alpha/", "/callbacks/beta/"),
        lambda url: url.replace(".credit.", ".refund."),
        lambda url: url.rsplit("/", 2)[0],
    ],
    ids=["reference", "signature", "short", "not ascii", "connection", "operation", "shared"],
)
async def test_a_forged_callback_is_not_found_and_nothing_is_published(forged: Callable[[str], str]) -> None:
    async with running(NOWHERE) as world:
        url = world.runner.make_callback_url(given())
        assert await called(forged(url), GOOD) == (404, "")
        assert await world.heard() == []


@pytest.mark.parametrize(
    ("authorization", "body", "status", "told"),
    [
        (f"Bearer {SECRET}", GOOD, 204, 1),
        (f"Bearer {SECRET}", b"nothing", 204, 0),
        ("Bearer guess", GOOD, 404, 0),
        ("", GOOD, 404, 0),
        (SECRET, GOOD, 404, 0),
    ],
)
async def test_a_rail_with_one_address_shows_its_secret(
    authorization: str, body: bytes, status: int, told: int
) -> None:
    async with running(NOWHERE, callbacks="shared_secret") as world:
        url = world.runner.make_callback_url(given())
        assert url.endswith("/callbacks/alpha")
        assert await called(url, body, Authorization=authorization) == (status, "")
        assert len(await world.heard()) == told


async def test_a_rail_without_callbacks_has_no_address() -> None:
    async with running(NOWHERE) as world, running(NOWHERE, callbacks="none") as deaf:
        assert deaf.runner.make_callback_url(given()) == ""
        path = world.runner.make_callback_url(given()).partition("/callbacks/")[2]
        assert await called(str(deaf.inbox.make_url(f"/callbacks/{path}")), GOOD) == (404, "")


async def test_a_short_callback_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Runner(LocalBus(), [], callback_base_url=NOWHERE, callback_key=b"short")
