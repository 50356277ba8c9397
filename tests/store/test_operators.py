"""Operators on both stores: two admins admit the others, each does what its roles allow, and a disabled one nothing."""

from collections.abc import Sequence
from hashlib import sha256

import msgspec
import pytest

from hub.core.command import Done, Result
from hub.core.office.liquidity import Block
from hub.core.office.operators import AdmitOperator, ChangeRoles, DisableOperator, FoundOffice
from hub.core.office.proposal import Approve, Dismiss, Propose
from hub.core.office.records import Operator, OperatorRole
from hub.core.record import Deed
from tests.store.house import House, reason_of
from tests.store.office import fresh, kept, moving

VIEWER, MAKER, CHECKER, ADMIN = OperatorRole
SECRET = sha256(b"a secret").hexdigest()


def founding(name: str, roles: Sequence[OperatorRole] = (ADMIN,)) -> FoundOffice:
    return FoundOffice(by="owner", operator=name, roles=tuple(roles), secret_hash=SECRET, why="the office opens")


def admitting(name: str, *roles: OperatorRole, by: str = "head-1") -> AdmitOperator:
    return AdmitOperator(by=by, operator=name, roles=roles, secret_hash=SECRET, why="hired")


def disabling(name: str, by: str = "head-1") -> DisableOperator:
    return DisableOperator(by=by, operator=name, why="left")


def changing(name: str, *roles: OperatorRole, by: str = "head-1") -> ChangeRoles:
    return ChangeRoles(by=by, operator=name, roles=roles, why="another desk")


async def by_two(house: House, deed: Deed, checker: str = "head-2") -> Result:
    proposal = fresh()
    result = await house.door.handle(Propose(by=deed.by, proposal=proposal, deed=deed, why="x"))
    return result if result.reason else await house.door.handle(Approve(by=checker, proposal=proposal, deed=deed))


async def opened(house: House) -> None:
    """Two admins, who admit a viewer, a maker and a checker."""
    for name in ("head-1", "head-2"):
        assert isinstance(await house.door.handle(founding(name)), Done)
    for name, role in (("view-1", VIEWER), ("desk-1", MAKER), ("desk-2", CHECKER)):
        assert isinstance(await by_two(house, admitting(name, role)), Done)


async def test_the_first_two_are_admins_and_everybody_after_them_is_admitted_by_two(house: House) -> None:
    assert reason_of(await house.door.handle(founding("desk-1", [MAKER]))) == "terms_invalid"
    await opened(house)
    assert reason_of(await house.door.handle(founding("head-3"))) == "checker_needed"
    assert reason_of(await house.door.handle(admitting("head-3", ADMIN))) == "checker_needed"
    found = await kept(house, Operator, "desk-1")
    assert (found.roles, found.by, found.approved_by, found.secret_hash) == ((MAKER,), "head-1", "head-2", SECRET)


async def test_an_operator_is_admitted_once(house: House) -> None:
    await opened(house)
    assert reason_of(await by_two(house, admitting("desk-1", ADMIN))) == "record_forbids"


# Who is refused what: a deed, and whether it is proposed, done alone or approved.
ALONE = Block(by="", change=fresh(), participant="alpha", currency="KES", why="x")
MAY: list[tuple[str, str, bool]] = [
    ("view-1", "propose", False),
    ("desk-1", "propose", True),
    ("desk-2", "propose", False),
    ("head-1", "propose", False),
    ("view-1", "block", False),
    ("desk-1", "block", True),
    ("desk-2", "block", True),
    ("head-1", "block", True),
    ("view-1", "approve", False),
    ("desk-1", "approve", False),
    ("desk-2", "approve", True),
    ("head-2", "approve", False),
    ("view-1", "admit", False),
    ("desk-1", "admit", False),
    ("desk-2", "admit", False),
    ("head-1", "admit", True),
    ("desk-2", "approve an admission", False),
    ("head-2", "approve an admission", True),
    ("view-1", "reject", False),
    ("desk-2", "reject", True),
    ("head-2", "reject", True),
]


async def tried(house: House, who: str, what: str) -> Result:
    """Have somebody try something, on what a maker or an admin has proposed where that is needed."""
    deed: Deed = moving("5")
    proposal = fresh()
    if what == "propose":
        deed = msgspec.structs.replace(deed, by=who)
        return await house.door.handle(Propose(by=who, proposal=proposal, deed=deed, why="x"))
    if what == "block":
        return await house.door.handle(msgspec.structs.replace(ALONE, by=who, change=fresh()))
    if what == "admit":
        deed = admitting("new", VIEWER, by=who)
        return await house.door.handle(Propose(by=who, proposal=proposal, deed=deed, why="x"))
    is_admission = what == "approve an admission"
    deed = admitting("new", VIEWER) if is_admission else msgspec.structs.replace(deed, by="desk-1")
    assert isinstance(await house.door.handle(Propose(by=deed.by, proposal=proposal, deed=deed, why="x")), Done)
    if what == "reject":
        return await house.door.handle(Dismiss(by=who, proposal=proposal, why="no"))
    return await house.door.handle(Approve(by=who, proposal=proposal, deed=deed))


async def test_each_does_what_its_roles_allow_and_nothing_else(house: House) -> None:
    await opened(house)
    results = {(who, what): reason_of(await tried(house, who, what)) for who, what, _ in MAY}
    assert results == {(who, what): "" if may else "role_forbids" for who, what, may in MAY}


async def test_a_disabled_operator_can_do_nothing_nor_can_what_it_proposed_be_approved(house: House) -> None:
    await opened(house)
    deed, proposal = msgspec.structs.replace(moving("5"), by="desk-1"), fresh()
    await house.door.handle(Propose(by="desk-1", proposal=proposal, deed=deed, why="x"))
    assert isinstance(await by_two(house, disabling("desk-1")), Done)
    assert reason_of(await tried(house, "desk-1", "block")) == "role_forbids"
    assert reason_of(await house.door.handle(Dismiss(by="desk-1", proposal=proposal))) == "role_forbids"
    assert reason_of(await house.door.handle(Approve(by="desk-2", proposal=proposal, deed=deed))) == "role_forbids"


async def test_who_was_disabled_is_admitted_again_with_another_secret(house: House) -> None:
    await opened(house)
    await by_two(house, disabling("desk-1"))
    assert reason_of(await by_two(house, disabling("desk-1"))) == "record_forbids", "it would change nothing"
    assert reason_of(await by_two(house, changing("desk-1", CHECKER))) == "record_forbids"
    again = msgspec.structs.replace(admitting("desk-1", CHECKER), secret_hash="0" * 64)
    assert isinstance(await by_two(house, again), Done)
    found = await kept(house, Operator, "desk-1")
    assert (found.enabled, found.roles, found.secret_hash) == (True, (CHECKER,), "0" * 64)


async def test_other_roles_count_at_once(house: House) -> None:
    await opened(house)
    assert isinstance(await by_two(house, changing("view-1", MAKER)), Done)
    assert isinstance(await tried(house, "view-1", "block"), Done)


async def test_two_admins_are_always_left(house: House) -> None:
    await opened(house)
    await by_two(house, admitting("head-3", ADMIN))
    assert isinstance(await by_two(house, disabling("head-3")), Done)
    await by_two(house, admitting("head-3", ADMIN))
    assert isinstance(await by_two(house, changing("head-2", CHECKER), checker="head-3"), Done)
    assert reason_of(await by_two(house, changing("head-3", VIEWER), checker="head-3")) == "record_forbids"
    await by_two(house, admitting("head-4", ADMIN), checker="head-3")
    assert reason_of(await by_two(house, changing("head-3", VIEWER), checker="head-3")) == "same_person"
    assert reason_of(await by_two(house, disabling("head-1", by="head-3"), checker="head-1")) == "same_person"


async def test_the_second_admin_stays(house: House) -> None:
    await opened(house)
    await by_two(house, admitting("head-3", ADMIN, CHECKER))
    await by_two(house, disabling("head-2"), checker="head-3")
    # Two others are needed for it, and only one is left.
    for deed in (disabling("head-3"), changing("head-3", CHECKER)):
        for checker in ("head-1", "head-2", "desk-2", "head-3", "nobody known"):
            assert reason_of(await by_two(house, deed, checker)) in {"record_forbids", "role_forbids", "same_person"}
    admins = await house.store.records.found(Operator, admin="yes")
    assert {each.id for each in admins} == {"head-1", "head-3"}


WRONG: dict[str, tuple[Deed, str]] = {
    "a name with capitals": (admitting("Max", MAKER), "terms_invalid"),
    "a name of one letter": (admitting("m", MAKER), "terms_invalid"),
    "the calendar's name": (admitting("calendar", MAKER), "terms_invalid"),
    "no roles": (admitting("new"), "terms_invalid"),
    "a role twice": (admitting("new", MAKER, MAKER), "terms_invalid"),
    "a secret in clear": (msgspec.structs.replace(admitting("new", MAKER), secret_hash="secret"), "terms_invalid"),
    "no reason": (msgspec.structs.replace(admitting("new", MAKER), why=" "), "terms_invalid"),
    "roles of nobody": (changing("nobody", MAKER), "record_unknown"),
    "nobody": (disabling("nobody"), "record_unknown"),
    "no roles any more": (changing("view-1"), "terms_invalid"),
}


@pytest.mark.parametrize(("deed", "reason"), WRONG.values(), ids=WRONG)
async def test_what_cannot_be_said_of_operators_is_refused(house: House, deed: Deed, reason: str) -> None:
    await opened(house)
    assert reason_of(await by_two(house, deed)) == reason
