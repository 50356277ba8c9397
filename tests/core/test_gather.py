"""What is loaded for a batch: the market only where prices may be made, and one batch at a time where quotes are."""

from collections.abc import Sequence

import msgspec
import pytest

from hub.core.command import Due, Heard, Word
from hub.core.facts import gather
from hub.core.instrument import Named
from hub.core.record import Entering
from hub.core.transfer import State
from routing.message import Operation, Resource, Verdict
from routing.money import Money
from routing.party import Identifier
from tests.cash import Fund
from tests.core.corridor import UGANDA, opened, paying, publishes, quotation, quoted, reversing, sending
from tests.core.stage import ALPHA, BRAVO, Hub, errand, outcome, submit, transfer_id
from tests.ruled import Ruled

HOME = submit(1)
MADE = quoted(opened())
HEARD = Heard(outcome=outcome(Hub().begun(submit(1)), Operation.CREDIT, Verdict.ACCEPTED))
RULING = Ruled(transfer=transfer_id(1), state=State.IN_REVIEW, verdict=Verdict.ACCEPTED, by="operations", why="x")
CHANGE = errand(1, Resource.QUOTATION, {"changes": []}, reference="unheard")
BILL = msgspec.structs.replace(
    HOME, body=msgspec.structs.replace(HOME.body, errand=errand(1, Resource.BILL_PAYMENT).body.errand)
)

# What is wanted of the market: whether it is read, and whether batches that read it wait for each other.
MARKET: dict[str, tuple[Sequence[Entering], bool, bool]] = {
    "nothing": ([], False, False),
    "a transfer at home": ([HOME], False, False),
    "a transfer abroad": ([sending(1)], True, False),
    "a transfer that says what is to arrive": ([sending(1, kind="transfer", receivingCurrency="UGX")], True, False),
    "a transfer that names a quote": ([paying(2, MADE)], False, False),
    "a paid bill": ([BILL], False, False),
    "a reversal": ([reversing(3, transfer_id(1))], True, False),
    "a quotation": ([quotation(1)], True, True),
    "the change of a quotation": ([CHANGE], False, False),
    "another errand": ([errand(1, Resource.MANDATE)], False, False),
    "a rate": ([publishes()], True, True),
    "words": ([HEARD, RULING, Word(transfer=transfer_id(1), caller="alpha", verdict=Verdict.REFUSED)], False, False),
    "time": ([Due(transfer=transfer_id(1))], False, False),
    "cash": ([Fund(participant="delta", money=Money(1, "UGX"), reference="bank-1", by="x")], False, False),
    "one among many": ([HOME, HEARD, quotation(2), RULING], True, True),
}


@pytest.mark.parametrize(("commands", "market", "quoting"), MARKET.values(), ids=MARKET)
def test_the_market_is_read_where_a_price_may_be_made(
    commands: Sequence[Entering], *, market: bool, quoting: bool
) -> None:
    wanted = gather(commands)
    assert (wanted.market, wanted.quoting) == (market, quoting)


def test_everything_is_listed_once_and_in_one_order() -> None:
    commands: list[Entering] = [
        paying(4, MADE),
        reversing(3, transfer_id(9)),
        RULING,
        HEARD,
        quotation(2),
        submit(1, payee=BRAVO),
        RULING,
    ]
    wanted, again = gather(commands), gather(commands[::-1])
    assert wanted._replace(claims=()) == again._replace(claims=()), (
        "whatever order they came in, locks are taken in one"
    )
    assert wanted.transfers == [transfer_id(1)]
    assert wanted.originals == [transfer_id(1), transfer_id(9)]
    assert wanted.instruments == [Named(Resource.QUOTATION, MADE.reference)]
    assert wanted.identifiers == [Identifier("msisdn", each) for each in (ALPHA, BRAVO, UGANDA)]
    assert len(wanted.claims) == 4


def test_what_is_no_id_is_not_looked_up() -> None:
    wanted = gather([Due(transfer="x"), Due(transfer="A" * 32), reversing(1, "' OR 1=1")])
    assert (wanted.transfers, wanted.originals) == ([], [])
