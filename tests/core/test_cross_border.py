"""Transfers abroad: quoted and not, by whoever asks; every leg in every currency is entered, or none is."""

from typing import Any

import msgspec
import pytest

from hub.core.command import Due, Reason, Transfer
from hub.core.instrument import Instrument
from hub.core.participant import SchemeFile
from hub.core.pricing.price import HUB, Side
from hub.core.pricing.rules import Earner, FeeRule, Unquoted
from hub.core.transfer import AWAITED, Flow, State
from hub.ledger.account import counters
from routing.message import Act, Instruction, Operation, Verdict
from routing.money import Money
from tests.cash import Fund
from tests.core.corridor import (
    OFFERS,
    UGANDA,
    corridor_file,
    flows,
    held,
    net,
    opened,
    owed,
    paying,
    publishes,
    quoted,
    sending,
    why,
)
from tests.core.stage import ALPHA, Hub

A, R = Verdict.ACCEPTED, Verdict.REFUSED
CREDIT, DEBIT, REFUND = Operation.CREDIT, Operation.DEBIT, Operation.REFUND
FEES = (
    FeeRule(name="service", currency="KES", percent="1"),
    FeeRule(name="commission", currency="KES", fixed="3", earned_by=Earner.PAYER_FSP),
    FeeRule(name="margin", currency="UGX", paid_by=Side.PAYEE, fixed="150", earned_by=Earner.FX_PROVIDER),
    FeeRule(name="excise", currency="UGX", paid_by=Side.PAYEE, of=("margin",), percent="20", tax=True),
)
SENT, TAKEN, GIVEN = Money.parse("1000", "KES"), Money.parse("1013", "KES"), Money.parse("28320", "UGX")
GAINED = {
    ("alpha", "KES"): -1_010_00,
    ("delta", "KES"): 1_000_00,
    (HUB, "KES"): 10_00,
    ("delta", "UGX"): -28_500 + 150,
    ("bravo", "UGX"): 28_320,
    (HUB, "UGX"): 30,
}
# Who is told to do what, and with how much, from the beginning to the end.
WORDS: dict[str, tuple[Flow, list[tuple[Operation, str, Money]]]] = {
    "alpha": (Flow.PUSH, [(CREDIT, "bravo-1", GIVEN)]),
    "bravo": (Flow.PULL, [(DEBIT, "alpha-1", TAKEN)]),
    "third": (Flow.THIRD_PARTY, [(DEBIT, "alpha-1", TAKEN), (CREDIT, "bravo-1", GIVEN)]),
}
every_caller = pytest.mark.parametrize("caller", WORDS)


def told(hub: Hub) -> Instruction:
    return msgspec.json.decode(hub.told[-1].body, type=Instruction)


def reserved(transfer: Transfer) -> dict[tuple[str, str], int]:
    """Say what the legs hold of every position."""
    found: dict[tuple[str, str], int] = {}
    for leg in transfer.legs:
        key = (leg.debit, leg.money.currency)
        found[key] = found.get(key, 0) + leg.money.minor
    return found


def begun(hub: Hub, caller: str, number: int = 2) -> Transfer:
    return hub.begun(paying(number, quoted(hub, caller=caller), caller=caller))


@every_caller
def test_a_quoted_transfer_takes_and_gives_what_was_quoted_whoever_asks(caller: str) -> None:
    hub = opened(corridor_file(fee=FEES))
    transfer = begun(hub, caller)
    flow, words = WORDS[caller]
    assert (transfer.flow, transfer.money, transfer.payer_fsp, transfer.payee_fsp) == (flow, SENT, "alpha", "bravo")
    for operation, connection, money in words:
        said = told(hub)
        assert (said.operation, said.act, said.connection, said.money) == (operation, Act.DO, connection, money)
        assert (held(hub), net(hub)) == (reserved(transfer), {})
        transfer = hub.hear(transfer, operation, A, money=money)
    assert transfer.state is State.COMMITTED
    assert (held(hub), net(hub)) == ({}, GAINED)
    assert transfer.price is not None
    assert owed(transfer.price) == flows(transfer.legs) == GAINED


@every_caller
def test_what_is_refused_lets_go_of_every_currency(caller: str) -> None:
    hub = opened(corridor_file(fee=FEES))
    transfer = begun(hub, caller)
    *before, (last, _, _) = WORDS[caller][1]
    for operation, _, _ in before:
        hub.hear(transfer, operation, A)
    transfer = hub.hear(transfer, last, R)
    if caller == "third":
        assert (transfer.state, held(hub)) == (State.OWED, reserved(transfer))
        assert (told(hub).operation, told(hub).money) == (REFUND, TAKEN), "all that was taken is given back"
        transfer = hub.hear(transfer, REFUND, A, money=TAKEN)
    assert transfer.state is (State.REFUNDED if caller == "third" else State.ABORTED)
    assert (held(hub), net(hub)) == ({}, {})


@every_caller
def test_in_doubt_everything_stays_held_and_what_is_asked_about_is_in_its_own_currency(caller: str) -> None:
    hub = opened(corridor_file(fee=FEES))
    transfer = begun(hub, caller)
    for operation, connection, money in WORDS[caller][1]:
        hub.now_ms = transfer.due_ms or 0
        hub.one(Due(transfer=transfer.id))
        said = told(hub)
        assert (said.operation, said.act, said.connection, said.money) == (operation, Act.ASK, connection, money)
        assert (held(hub), net(hub)) == (reserved(transfer), {})
        transfer = hub.hear(hub.transfers[transfer.id], operation, A)
    assert transfer.state is State.COMMITTED


@every_caller
@pytest.mark.parametrize("wrong", [Money(SENT.minor, "KES"), Money(28_500, "UGX"), Money(101_300, "UGX")], ids=str)
def test_a_word_of_another_amount_or_currency_is_a_case_and_moves_nothing(caller: str, wrong: Money) -> None:
    hub = opened(corridor_file(fee=FEES))
    transfer = begun(hub, caller)
    operation = WORDS[caller][1][0][0]
    doubted = hub.hear(transfer, operation, A, money=wrong)
    assert AWAITED.get(doubted.state) is operation
    assert hub.cases == [("mismatched", transfer.id)]
    assert (held(hub), net(hub)) == (reserved(transfer), {})


@pytest.mark.parametrize("number", [0, 1])
def test_of_several_quotes_the_one_that_is_named_is_paid(number: int) -> None:
    hub = opened()
    made = quoted(hub)
    chosen = made.quotes[number]
    transfer = hub.begun(paying(2, made, quote=chosen.id))
    assert transfer.price == chosen.price
    assert transfer.price.providers == (("delta", "echo")[number],)


def test_a_quote_of_what_is_received_is_paid_by_what_it_says_is_sent() -> None:
    hub = opened(corridor_file(fee=FEES))
    made = quoted(hub, amount="28500", currency="UGX", amountType="receive")
    sent = made.quotes[0].price.sent
    assert str(sent) == "1006.32"
    assert why(hub.one(paying(2, made, amount="1006.31"))) == Reason.QUOTE_DIFFERS
    transfer = hub.begun(paying(3, made, amount=str(sent)))
    hub.hear(transfer, CREDIT, A, money=Money(28_500, "UGX"))
    assert net(hub)["bravo", "UGX"] == 28_500


OBSTACLES: dict[str, tuple[dict[str, Any], Reason]] = {
    "of another caller": ({"caller": "bravo"}, Reason.QUOTE_UNKNOWN),
    "of a third party": ({"caller": "third"}, Reason.QUOTE_UNKNOWN),
    "one that was not given": ({"quote": "another"}, Reason.QUOTE_UNKNOWN),
    "less": ({"amount": "999.99"}, Reason.QUOTE_DIFFERS),
    "more": ({"amount": "1000.01"}, Reason.QUOTE_DIFFERS),
    "in the other currency": ({"amount": "28500", "currency": "UGX"}, Reason.QUOTE_DIFFERS),
    "another payer": ({"payer": "+254700000002"}, Reason.QUOTE_DIFFERS),
    "another payee": ({"payee": "+256700000002"}, Reason.QUOTE_DIFFERS),
    "the other way round": ({"payer": UGANDA, "payee": ALPHA}, Reason.QUOTE_DIFFERS),
    "another type": ({"kind": "transfer"}, Reason.QUOTE_DIFFERS),
    "another way of delivery": ({"information": {"deliveryMethod": "agent"}}, Reason.QUOTE_DIFFERS),
}


@pytest.mark.parametrize(("change", "reason"), OBSTACLES.values(), ids=OBSTACLES)
def test_a_quote_is_for_what_was_quoted_and_for_nothing_else(change: dict[str, Any], reason: Reason) -> None:
    hub = opened()
    made = quoted(hub)
    failed = hub.begun(paying(2, made, **change))
    assert (failed.state, failed.reason) == (State.ABORTED, reason)
    assert (held(hub), hub.instruments[made.id].used_by) == ({}, None)
    assert hub.begun(paying(3, made)).state is State.RESERVED, "and it is still there for what it is for"


CASH = FeeRule(name="cash", currency="KES", fixed="15", delivery=("agent",))
# Which quote is named, which way of delivery, and by which the payee FSP is told to give.
DELIVERIES: dict[str, tuple[str, str, str]] = {
    "neither": ("", "", "directtoaccount"),
    "the quote": ("agent", "", "agent"),
    "the way": ("", "agent", "agent"),
    "both": ("agent", "agent", "agent"),
    "both, and they differ": ("agent", "directtoaccount", ""),
    "a way that was not quoted": ("", "homedelivery", ""),
}


@pytest.mark.parametrize(("quote", "method", "told_"), DELIVERIES.values(), ids=DELIVERIES)
def test_what_was_quoted_for_one_way_of_delivery_is_given_in_that_way(quote: str, method: str, told_: str) -> None:
    deliveries = {"bravo": {"deliveries": ("directtoaccount", "agent")}}
    hub = opened(corridor_file(members=deliveries, fee=(CASH,)))
    made = quoted(hub)
    named = next((each.id for each in made.quotes if each.delivery == quote), "")
    pays = paying(2, made, quote=named, information={"deliveryMethod": method} if method else {})
    transfer = hub.begun(pays)
    if not told_:
        assert (transfer.state, transfer.reason) == (State.ABORTED, Reason.QUOTE_DIFFERS)
        assert hub.instruments[made.id].used_by is None
        return
    assert told(hub).details["internationalTransferInformation"]["deliveryMethod"] == told_
    assert transfer.price is not None
    assert str(transfer.price.taken) == {"agent": "1015", "directtoaccount": "1000"}[told_]


@pytest.mark.parametrize(("later_ms", "reason"), [(299_999, ""), (300_000, Reason.QUOTE_EXPIRED)])
def test_a_quote_is_honoured_until_it_expires(later_ms: int, reason: str) -> None:
    hub = opened()
    made = quoted(hub)
    hub.now_ms += later_ms
    assert why(hub.one(paying(2, made))) == reason


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_a_quotation_is_used_once_whichever_of_its_quotes_is_named(*, together: bool) -> None:
    hub = opened()
    made = quoted(hub)
    pair = [paying(2, made, quote=made.quotes[1].id), paying(3, made, quote=made.quotes[0].id)]
    results = hub.batch(pair) if together else [hub.one(each) for each in pair]
    assert [why(each) for each in results] == ["", Reason.QUOTE_USED]
    assert sum(held(hub).values()) == 1_000_00 + 28_000


def test_a_rate_that_changes_later_changes_no_quote() -> None:
    hub = opened()
    made = quoted(hub)
    hub.one(publishes(rate="20"))
    transfer = hub.begun(paying(2, made))
    assert transfer.price == made.quotes[0].price
    assert quoted(hub, 3).quotes[0].price.providers == ("echo",)


# Without a quote: what the scheme, alpha and the request say, and what becomes of it.
QUOTE = {"unquoted": Unquoted.QUOTE}
SPREAD = tuple(msgspec.structs.replace(each, spread_bps=100) for each in OFFERS[:1])
UNQUOTED: dict[str, tuple[dict[str, Any], int | None, dict[str, Any], str]] = {
    "the scheme wants a quote": ({"terms": {}}, 10_000, {"receivingAmountMin": "1"}, Reason.QUOTE_NEEDED),
    "nobody says what is tolerated": ({}, None, {}, Reason.QUOTE_NEEDED),
    "exactly what would arrive": ({}, None, {"receivingAmountMin": "28500"}, ""),
    "one more than would arrive": ({}, None, {"receivingAmountMin": "28501"}, Reason.TOLERANCE_PASSED),
    "half of one more": ({}, None, {"receivingAmountMin": "28500.5"}, Reason.TOLERANCE_PASSED),
    "no amount": ({}, None, {"receivingAmountMin": "much"}, Reason.TOLERANCE_PASSED),
    "the request before the participant": ({}, 10_000, {"receivingAmountMin": "28501"}, Reason.TOLERANCE_PASSED),
    "nothing below the published rate": ({}, 0, {}, ""),
    "exactly the spread": ({"fx": SPREAD}, 100, {}, ""),
    "less than the spread": ({"fx": SPREAD}, 99, {}, Reason.TOLERANCE_PASSED),
    "fees are part of it": ({"fee": FEES}, 60, {}, Reason.TOLERANCE_PASSED),
    "of another type, but it says what is to arrive": ({}, 0, {"kind": "transfer", "receivingCurrency": "ugx"}, ""),
    "of another type": ({}, 0, {"kind": "transfer"}, Reason.QUOTE_NEEDED),
    "what the payee does not settle in": ({}, 0, {"receivingCurrency": "TZS"}, Reason.CURRENCY_UNSUPPORTED),
    "no corridor": ({"corridor": ()}, 0, {}, Reason.CURRENCY_UNSUPPORTED),
    "nobody sells": ({"fx": ()}, 0, {}, Reason.CURRENCY_UNSUPPORTED),
}


def unquoted_file(change: dict[str, Any], tolerance_bps: int | None) -> SchemeFile:
    plain: dict[str, Any] = {"terms": QUOTE, "members": {"alpha": {"tolerance_bps": tolerance_bps}}}
    return corridor_file(**(plain | change))


@pytest.mark.parametrize(("change", "tolerance_bps", "request_", "reason"), UNQUOTED.values(), ids=UNQUOTED)
def test_without_a_quote_it_goes_as_far_as_is_tolerated(
    change: dict[str, Any], tolerance_bps: int | None, request_: dict[str, Any], reason: str
) -> None:
    hub = opened(unquoted_file(change, tolerance_bps))
    transfer = hub.begun(sending(2, **request_))
    assert (transfer.state, transfer.reason) == (State.ABORTED if reason else State.RESERVED, reason)
    assert held(hub) == ({} if reason else reserved(transfer))


@every_caller
def test_without_a_quote_the_best_price_is_taken_whoever_asks(caller: str) -> None:
    hub = opened(unquoted_file({"fee": FEES}, None))
    transfer = hub.begun(sending(2, caller=caller, receivingAmountMin="1"))
    for operation, _, money in WORDS[caller][1]:
        hub.hear(transfer, operation, A, money=money)
    assert net(hub) == GAINED
    assert "priced without a quote: 1 of 2: " in hub.trail[-len(WORDS[caller][1]) - 1].detail


@pytest.mark.parametrize(
    ("later_ms", "cap", "reason"),
    [(300_000, "30000", Reason.RATE_UNAVAILABLE), (0, "28499", Reason.FX_LIQUIDITY), (0, "28500", "")],
)
def test_without_a_rate_or_liquidity_there_is_no_price(later_ms: int, cap: str, reason: str) -> None:
    low = {"net_debit_cap": {"KES": "0", "UGX": cap}}
    file = unquoted_file({}, 10_000)
    file = msgspec.structs.replace(
        file,
        participant=tuple(
            msgspec.structs.replace(each, **low) if each.id in {"delta", "echo"} else each for each in file.participant
        ),
        fx=OFFERS[:1],
    )
    hub = opened(file)
    hub.now_ms += later_ms
    assert why(hub.one(sending(2))) == reason


# Atomic: one cap in one currency bars every leg in every currency.
PREFUNDED = {"delta": {"net_debit_cap": {"KES": "0", "UGX": "0"}}, "alpha": {"net_debit_cap": {"KES": "1010"}}}


def prefunded(caller: str) -> tuple[Hub, Instrument]:
    """Open a hub whose FX provider can give what is quoted, of which it keeps its own margin, and nothing more."""
    hub = opened(corridor_file(members=PREFUNDED, fee=FEES, fx=OFFERS[:1]))
    hub.one(Fund(participant="delta", money=Money(28_500, "UGX"), reference="bank-1", by="test"))
    made = quoted(hub, caller=caller)
    hub.one(Fund(participant="delta", money=Money(-150, "UGX"), reference="bank-2", by="test"))
    return hub, made


@pytest.mark.parametrize(
    ("participant", "currency"),
    [("delta", "UGX"), ("alpha", "KES")],
    ids=["the FX provider's, in the second currency", "the payer FSP's, in the first, by its last leg"],
)
@every_caller
def test_where_one_leg_passes_a_cap_nothing_is_entered_in_any_currency(
    caller: str, participant: str, currency: str
) -> None:
    hub, made = prefunded(caller)
    hub.one(Fund(participant=participant, money=Money(-1, currency), reference="bank-3", by="test"))
    before = {number: counters(each) for number, each in hub.accounts.items()}
    barred = hub.begun(paying(2, made, caller=caller))
    assert (barred.state, barred.reason) == (State.ABORTED, Reason.CAP_EXCEEDED)
    assert {number: counters(each) for number, each in hub.accounts.items()} == before
    assert hub.instruments[made.id].used_by is None
    hub.one(Fund(participant=participant, money=Money(1, currency), reference="bank-4", by="test"))
    assert hub.begun(paying(3, made, caller=caller)).state is not State.ABORTED, "with one minor unit more it goes"
