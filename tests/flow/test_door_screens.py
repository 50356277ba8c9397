"""What the door has screened: also the accounts that nobody names, and when the screening fails, everybody waits."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from hub.core.command import Body, Done, Submit
from hub.core.instrument import Instrument
from hub.core.screening import NameList, Screened, Screening, ScreeningError, entry
from hub.core.transfer import State
from hub.flow import Door
from hub.store.contract import UnavailableError
from hub.store.memory import MemoryStore
from routing.local import LocalBus
from routing.message import Operation, Resource, Verdict
from routing.money import Money
from routing.party import Identifier
from tests.cash import Fund
from tests.store.house import BRAVO, House, msisdn, said, submit, transfer_id

LISTED, OTHER = "+254700000066", "+254700000067"
KEYS = {Resource.MANDATE: "mandatereference", Resource.LINK: "linkref"}


class Lists:
    """A list that has one account on it."""

    def __init__(self) -> None:
        self._names = NameList([entry("msisdn", LISTED, "entry 7", "list one")])

    async def hits(self, submissions: Sequence[Screened]) -> Mapping[str, str]:
        return {each.transfer: why for each in submissions if (why := self._names.hit(each))}


class Broken:
    """Somebody's service that fails in its own way."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def hits(self, submissions: Sequence[Screened]) -> Mapping[str, str]:  # noqa: ARG002 - the port's
        raise self._error


class Away(MemoryStore):
    """A store that loses its database when it is asked what was issued."""

    async def instruments(self, kind: Resource, reference: str) -> list[Instrument]:
        raise UnavailableError(f"the database went away before {kind} {reference} was found")


def screened_by(house: House, screening: Screening) -> Door:
    return Door(house.store, LocalBus(), house.delivered.extend, screening=screening)


def issued(kind: Resource, account: str) -> Instrument:
    """What alpha issued for its customer, asked by bravo."""
    return Instrument(
        id=transfer_id(99),
        kind=kind,
        reference="1234567890123456",
        participant="alpha",
        connection="alpha-1",
        own="1",
        owner="bravo",
        account=msisdn(account),
        terms={"mode": "both"},
        created_ms=0,
        updated_ms=0,
    )


def naming(number: int, found: Instrument, *, as_payee: bool = False) -> Submit:
    """Bravo asks for money of whoever stands behind what was issued, or sends it there."""
    asked = submit(number, caller="bravo", payer=BRAVO, payee=BRAVO)
    fields: dict[str, object] = {"payer": ()}
    if found.kind is Resource.CODE:
        fields["details"] = {"oneTimeCode": found.reference}
    else:
        fields = {"payee" if as_payee else "payer": (Identifier(KEYS[found.kind], found.reference),)}
    body: Body = msgspec.structs.replace(asked.body, **fields)
    return msgspec.structs.replace(asked, body=body)


@pytest.mark.parametrize("account", [LISTED, OTHER], ids=["on the list", "on no list"])
@pytest.mark.parametrize(
    ("kind", "as_payee"),
    [(Resource.MANDATE, False), (Resource.LINK, False), (Resource.LINK, True), (Resource.CODE, False)],
    ids=["a mandate", "the payer's link", "the payee's link", "a code"],
)
async def test_the_account_behind_what_was_issued_is_screened_though_nobody_names_it(
    kind: Resource, account: str, *, as_payee: bool
) -> None:
    async with House("") as house:
        made = issued(kind, account)
        await house.store.remember([made])
        result = await screened_by(house, Lists()).handle(naming(1, made, as_payee=as_payee))
        kept = await house.transfer(result.transfer)
        begun = State.RESERVED if as_payee else State.ASKED
        assert (kept.reason, kept.state) == ("", State.IN_REVIEW if account == LISTED else begun)
        assert bool(house.delivered) is (account != LISTED), "nobody is told before somebody has looked"


FAILURES: list[Exception] = [
    ScreeningError("the list is broken"),
    TimeoutError(),
    ConnectionResetError("its other end"),
    KeyError("hits"),
    RuntimeError("nobody foresaw this"),
]


@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
async def test_when_the_screening_fails_every_submission_waits_and_everything_else_goes_on(error: Exception) -> None:
    async with House("") as house:
        waiting, original = await house.begun(submit(1)), await house.completed(2)
        told = len(house.delivered)
        money = Money(5, "KES")
        results = await screened_by(house, Broken(error)).handle_all(
            [
                submit(3),
                said(waiting, Operation.CREDIT, Verdict.ACCEPTED),
                submit(4, caller="bravo"),
                Fund(participant="alpha", money=money, reference="bank-1", by="treasury"),
                submit(5, original=original.id),
            ]
        )
        assert [isinstance(each, Done) for each in results] == [True] * 5, results
        states = [(await house.transfer(transfer_id(number))).state for number in (1, 3, 4, 5)]
        assert states == [State.COMMITTED, State.IN_REVIEW, State.IN_REVIEW, State.ASKED]
        cases = await house.store.open_cases(10)
        assert [each.transfer for each in cases] == [transfer_id(3), transfer_id(4)]
        assert all(each.detail.endswith("screening: the screening could not say") for each in cases)
        assert {each.transfer for each in house.delivered[told:]} == {transfer_id(1), transfer_id(5)}


async def test_without_its_database_nothing_is_screened_and_nobody_is_let_through() -> None:
    store = Away(lambda: 0)
    door = Door(store, LocalBus(), lambda _: None, screening=Lists())
    made = issued(Resource.MANDATE, OTHER)
    with pytest.raises(UnavailableError):
        await door.handle(naming(1, made))
    assert store.transfers == {}


async def test_who_is_named_is_screened_and_only_who_is_on_the_list_waits() -> None:
    async with House("") as house:
        door = screened_by(house, Lists())
        await door.handle_all([submit(1), submit(2, payer=LISTED), submit(3, caller="bravo", payer=LISTED)])
        states = [(await house.transfer(transfer_id(number))).state for number in (1, 2, 3)]
        assert states == [State.RESERVED, State.IN_REVIEW, State.IN_REVIEW]
        (first, _) = await house.store.open_cases(10)
        assert LISTED not in first.detail
        assert "is entry 7 of list one" in first.detail
