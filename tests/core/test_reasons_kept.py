"""What is kept with a transfer: why it went where it went, in the first row of its audit trail."""

import msgspec
import pytest

from hub.core.change import Decided
from hub.core.command import Command, Heard, Submit
from hub.core.decide import Bench, accounts_of, planned
from hub.core.participant import Status
from hub.core.transfer import Event, State
from hub.ledger.journal import Book
from routing.message import Act, Instruction, Operation, Verdict
from tests.core.stage import BRAVO, CORAL, PORTED, Hub, outcome, scheme_file, submit

NOBODY = "+255700000001"


def decided(hub: Hub, command: Command) -> Decided:
    """Decide one command on what the hub holds, without keeping what it comes to."""
    facts = hub.facts([command])
    plans = planned([command], facts)
    book = Book(msgspec.structs.replace(hub.accounts[id_]) for id_ in accounts_of([command], plans, facts))
    return Bench(facts, book).decide([command], plans)


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        (submit(1), ["payer: prefix: msisdn +25470... belongs to alpha", "bravo-1: chosen, priority 100"]),
        (submit(1, payee=PORTED), ["payee: override: msisdn:+254*******99 is at bravo"]),
        (submit(1, payee=NOBODY, institution="bravo"), ["payee: header: the other account is at bravo"]),
        (submit(1, caller="third"), ["alpha-1: chosen, priority 100", "bravo-1: chosen, priority 100"]),
        (submit(1, payee=CORAL), ["payee: prefix: msisdn +25472... belongs to coral", "coral has no connection"]),
    ],
    ids=["prefix", "override", "header", "both connections of a third party", "no route"],
)
def test_why_a_transfer_went_where_it_went_is_kept(command: Submit, kept: list[str]) -> None:
    (step,) = decided(Hub(), command).transitions
    assert step.who == "hub"
    assert [why for why in kept if why not in step.detail.split("; ")] == []


def test_why_a_transfer_was_barred_is_kept() -> None:
    hub = Hub(scheme_file(bravo=Status.SUSPENDED))
    (step,) = decided(hub, submit(1)).transitions
    assert (step.event, step.next) == (Event.BARRED, State.ABORTED)
    assert "bravo is suspended" in step.detail.split("; ")


def test_a_barred_transfer_has_no_connection_and_posts_nothing() -> None:
    hub = Hub(scheme_file(bravo=Status.SUSPENDED))
    transfer = hub.begun(submit(1))
    assert (transfer.payer_connection, transfer.payee_connection, transfer.due_ms) == ("", "", None)
    assert all(account.debits_pending == 0 for account in hub.accounts.values())


def test_a_reversal_names_its_original_and_what_each_side_called_it() -> None:
    hub = Hub()
    original = hub.begun(submit(1, amount="100"))
    said = msgspec.structs.replace(outcome(original, Operation.CREDIT, Verdict.ACCEPTED), provider_reference="theirs")
    hub.one(Heard(outcome=said))
    found = decided(hub, submit(2, caller="alpha", original=original.id, amount=None))
    assert found.transitions[0].detail.startswith(f"reverses {original.id}")
    told = msgspec.json.decode(found.outbox[0].body, type=Instruction)
    assert (told.operation, told.act, told.original) == (Operation.DEBIT, Act.DO, "theirs")
    assert (told.payer_fsp, told.payee_fsp) == ("bravo", "alpha")
    assert (told.payer[0].value, told.money) == (BRAVO, original.money)
