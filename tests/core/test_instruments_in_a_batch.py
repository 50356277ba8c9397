"""Codes and links inside one batch: what a member makes, uses, changes or gives back of one, the next member finds."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hub.core.command import Command, Heard, Reason, Result, Submit
from hub.core.instrument import Instrument
from hub.core.transfer import State
from routing.message import Operation, Resource, Verdict
from routing.party import Identifier
from tests.core.corridor import why
from tests.core.stage import ALPHA, BRAVO, Hub, errand, outcome, submit

A, R = Verdict.ACCEPTED, Verdict.REFUSED
ISSUE, DEBIT = Operation.ISSUE, Operation.DEBIT
FORBIDS = Reason.CODE_FORBIDS


def made(hub: Hub, kind: Resource = Resource.CODE, terms: dict[str, Any] | None = None) -> Instrument:
    """Have bravo make something for its customer, asked by alpha."""
    asked = hub.begun(errand(1, kind, terms or {}))
    hub.hear(asked, ISSUE, A)
    return hub.instruments[asked.id]


def redeems(number: int, code: Instrument, amount: str = "10") -> Submit:
    plain = submit(number, payer="", payee=ALPHA, amount=amount)
    return msgspec.structs.replace(
        plain, body=msgspec.structs.replace(plain.body, details={"oneTimeCode": code.reference})
    )


def by_link(number: int, link: Instrument) -> Submit:
    plain = submit(number, payee=ALPHA)
    payer = (Identifier("linkref", link.reference),)
    return msgspec.structs.replace(plain, body=msgspec.structs.replace(plain.body, payer=payer))


def changes(number: int, what: Instrument, field: str, value: str) -> Submit:
    told = {"changes": [{"op": "replace", "path": f"/{field}", "value": value}]}
    return errand(number, what.kind, told, reference=what.reference)


def given_back(hub: Hub) -> tuple[list[Command], list[str]]:
    code = made(hub)
    payment = hub.begun(redeems(2, code))
    return [Heard(outcome=outcome(payment, DEBIT, R)), redeems(3, code), redeems(4, code)], ["", "", FORBIDS]


def paid(hub: Hub) -> tuple[list[Command], list[str]]:
    code = made(hub)
    payment = hub.begun(redeems(2, code))
    return [Heard(outcome=outcome(payment, DEBIT, A)), redeems(3, code)], ["", FORBIDS]


def barred(hub: Hub) -> tuple[list[Command], list[str]]:
    code = made(hub)
    return [redeems(2, code, "900.01"), redeems(3, code), redeems(4, code)], [Reason.AMOUNT_TOO_LARGE, "", FORBIDS]


def cancelled(hub: Hub) -> tuple[list[Command], list[str]]:
    code = made(hub, terms={"codeState": "active"})
    asked = hub.begun(changes(2, code, "codeState", "cancelled"))
    return [Heard(outcome=outcome(asked, ISSUE, A)), redeems(3, code)], ["", FORBIDS]


def paid_before_it_is_cancelled(hub: Hub) -> tuple[list[Command], list[str]]:
    code = made(hub, terms={"codeState": "active"})
    asked = hub.begun(changes(2, code, "codeState", "cancelled"))
    return [redeems(3, code), Heard(outcome=outcome(asked, ISSUE, A)), redeems(4, code)], ["", "", FORBIDS]


def changed_while_it_pays(hub: Hub) -> tuple[list[Command], list[str]]:
    code = made(hub, terms={"codeState": "active"})
    commands: list[Command] = [redeems(2, code), changes(3, code, "codeState", "cancelled")]
    return commands, ["", FORBIDS]


def link_closed(hub: Hub) -> tuple[list[Command], list[str]]:
    link = made(hub, Resource.LINK, {"mode": "both", "status": "active"})
    asked = hub.begun(changes(2, link, "status", "inactive"))
    commands: list[Command] = [by_link(3, link), Heard(outcome=outcome(asked, ISSUE, A)), by_link(4, link)]
    return commands, ["", "", Reason.LINK_FORBIDS]


WORLDS: dict[str, Callable[[Hub], tuple[list[Command], list[str]]]] = {
    "a code that is given back": given_back,
    "a code that is paid": paid,
    "a code whose payment is barred": barred,
    "a code that is cancelled": cancelled,
    "a code that is paid before it is cancelled": paid_before_it_is_cancelled,
    "a code that is changed while it pays": changed_while_it_pays,
    "a link that is closed": link_closed,
}


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_the_next_member_finds_an_instrument_as_the_one_before_left_it(
    world: Callable[[Hub], tuple[list[Command], list[str]]], *, together: bool
) -> None:
    hub = Hub()
    commands, said = world(hub)
    results: list[Result] = hub.batch(commands) if together else [hub.one(each) for each in commands]
    assert [why(each) for each in results] == said


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_what_is_used_and_changed_keeps_both(*, together: bool) -> None:
    hub = Hub()
    code = made(hub, terms={"codeState": "active"})
    asked = hub.begun(changes(2, code, "description", "rent"))
    payment = redeems(3, code)
    commands: list[Command] = [payment, Heard(outcome=outcome(asked, ISSUE, A))]
    if together:
        hub.batch(commands)
    else:
        for each in commands:
            hub.one(each)
    after = hub.instruments[code.id]
    assert (after.used_by, after.terms["description"]) == (payment.transfer, "rent")


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_a_code_that_is_made_is_redeemed_at_once(*, together: bool) -> None:
    """Its accounts are not locked for it, so such a batch is decided one by one; alone it goes."""
    hub = Hub()
    asked = hub.begun(errand(1, Resource.CODE, account=BRAVO))
    code = Instrument(
        id=asked.id,
        kind=Resource.CODE,
        reference=asked.id,
        participant="bravo",
        connection="bravo-1",
        own="",
        owner="alpha",
        account=(),
        terms={},
        created_ms=0,
        updated_ms=0,
    )
    commands: list[Command] = [Heard(outcome=outcome(asked, ISSUE, A)), redeems(2, code)]
    if together:
        with pytest.raises(KeyError):
            hub.batch(commands)
        assert hub.instruments == {}
        return
    results = [hub.one(each) for each in commands]
    assert [why(each) for each in results] == ["", ""]
    assert hub.transfers[results[1].transfer].state is State.ASKED
