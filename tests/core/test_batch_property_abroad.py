"""A batch equals its members one by one also where prices, quotes, limits and the market are among its members."""

from typing import NamedTuple

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from hub.core.admit import body_of
from hub.core.command import Due, Heard, Result
from hub.core.participant import SchemeFile
from hub.core.pricing.market import exposures
from hub.core.pricing.price import Side
from hub.core.pricing.rules import Earner, FeeRule, LimitRule, Period, Then, Unquoted, Whose
from hub.core.record import Entering
from hub.core.transfer import AWAITED, FINAL, Event, Flow, State
from hub.ledger.account import counters
from hub.ledger.position import covers
from routing.message import FailureClass, Operation, Resource, Verdict
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
    paying,
    publishes,
    quotation,
    reversing,
    sending,
)
from tests.core.stage import ALPHA, Hub, outcome, transfer_id
from tests.ruled import Ruled

ENOUGH = "800000"


def world() -> SchemeFile:
    """Build a scheme that is soon at its limits: little liquidity, small exposures, tight limits."""
    fx = tuple(
        msgspec.structs.replace(
            each,
            confirm=(each.provider, each.source) == ("echo", "UGX"),
            jump_max_percent="5",
            exposure_max="60000" if each.target == "UGX" else "",
        )
        for each in OFFERS
    )
    return corridor_file(
        quoting=True,
        fx=fx,
        terms={"unquoted": Unquoted.QUOTE},
        members={
            "alpha": {"net_debit_cap": {"KES": "4000"}, "tolerance_bps": 100},
            "bravo": {"net_debit_cap": {"UGX": "90000"}},
            "delta": {"net_debit_cap": {"KES": "1500", "UGX": "70000"}},
            "echo": {"net_debit_cap": {"KES": "1500", "UGX": "70000"}},
        },
        fee=(
            FeeRule(name="service", currency="KES", percent="1"),
            FeeRule(name="margin", currency="UGX", paid_by=Side.PAYEE, percent="0.5", earned_by=Earner.FX_PROVIDER),
        ),
        limit=(
            LimitRule(name="often", currency="KES", per=Period.DAY, max_count=6, of=Whose.PAYER),
            LimitRule(name="much", currency="KES", per=Period.DAY, max_value="3000", of=Whose.PAYER_FSP),
            LimitRule(
                name="look", currency="UGX", per=Period.WEEK, max_value="60000", of=Whose.PAYEE, then=Then.REVIEW
            ),
        ),
    )


class Step(NamedTuple):
    what: str
    number: int
    units: int
    who: str
    verdict: Verdict


STEPS = st.builds(
    Step,
    st.sampled_from(
        (
            *("quote", "quote", "back", "receive", "pay", "pay", "send", "send", "publish"),
            *("outcome", "outcome", "due", "fund", "reverse", "rule"),
        )
    ),
    st.integers(0, 5),
    st.sampled_from([1, 10, 500, 900, 1200]),
    st.sampled_from(["alpha", "bravo", "third"]),
    st.sampled_from(list(Verdict)),
)
BEGUN = (State.RECEIVED, Event.ADMITTED)
UNDONE = {State.ABORTED, State.REFUNDED}
RATES = ("28", "28.5", "29", "31", "26.5")


def command(hub: Hub, step: Step, serial: int) -> Entering:  # noqa: C901, PLR0911 - one for each kind of step
    """Build a command about what was there before the batch; `serial` makes a submission one of its own."""
    what, number, units, who, verdict = step
    amount = str(units)
    if what == "quote":
        return quotation(serial, caller=who, amount=amount)
    if what == "back":
        return quotation(serial, caller=who, payer=UGANDA, payee=ALPHA, amount=str(units * 20), currency="UGX")
    if what == "receive":
        return quotation(serial, caller=who, amount=str(units * 25), currency="UGX", amountType="receive")
    if what == "send":
        return sending(serial, caller=who, amount=amount, receivingAmountMin="" if number % 2 else "1")
    if what == "publish":
        provider = ("delta", "echo")[number % 2]
        return publishes(provider, rate=RATES[number % len(RATES)], confirmed=verdict is Verdict.ACCEPTED)
    if what == "fund":
        participant = ("alpha", "delta", "echo")[number % 3]
        currency = "KES" if participant == "alpha" else "UGX"
        return Fund(participant=participant, money=Money(units * 100, currency), reference=f"bank-{number}", by="test")
    known = sorted(each.id for each in hub.transfers.values() if each.minor or what == "outcome")
    quotations = sorted(each.id for each in hub.instruments.values() if each.kind is Resource.QUOTATION and each.quotes)
    if what == "pay" and quotations:
        made = hub.instruments[quotations[number % len(quotations)]]
        quote = made.quotes[serial % len(made.quotes)]
        fixed = quote.price.sent if units != 10 else Money(quote.price.sent.minor + 100, quote.price.sent.currency)
        payer, payee = (quote.payer[0].value, quote.payee[0].value)
        return paying(
            serial,
            made,
            quote=quote.id,
            caller=made.owner if units != 1 else who,
            payer=payer,
            payee=payee,
            amount=str(fixed),
            currency=fixed.currency,
        )
    if not known:
        return Due(transfer=transfer_id(9999))
    transfer = hub.transfers[known[number % len(known)]]
    if what == "reverse":
        return reversing(serial, transfer.id, None if units == 1 else amount, caller=("alpha", "bravo")[number % 2])
    if what == "due":
        return Due(transfer=transfer.id)
    if what == "rule":
        return Ruled(transfer=transfer.id, state=transfer.state, verdict=verdict, by="operations", why="looked at")
    operation = AWAITED.get(transfer.state, Operation.CREDIT)
    failure = FailureClass.ABSENT if verdict is Verdict.UNKNOWN else None
    return Heard(outcome=outcome(transfer, operation, verdict, failure, asked_ms=hub.now_ms))


def picture(hub: Hub) -> object:
    """Return everything that the two ways must agree upon."""
    balances = {id_: counters(each) for id_, each in hub.accounts.items()}
    market = (hub.rates, {key: minor for key, minor in hub.exposures.items() if minor})
    counted = {key: tally for key, tally in hub.tallies.items() if any(tally)}
    return hub.transfers, balances, hub.said, hub.cases, hub.funded, hub.instruments, market, counted


def at_the_door(hub: Hub, commands: list[Entering]) -> list[Result]:
    """Decide a batch as the door does: what needs an account or tally that nobody foresaw is decided alone."""
    first = dict(hub.first)
    try:
        return hub.batch(commands)
    except KeyError:
        event("decided one by one after all")
        hub.first = first
        return [hub.one(each) for each in commands]


@settings(max_examples=400)
@given(st.lists(STEPS, max_size=25), st.lists(STEPS, min_size=1, max_size=12), st.sampled_from([0, 0, 5, 400]))
def test_a_batch_abroad_equals_its_members_one_by_one(before: list[Step], batch: list[Step], seconds: int) -> None:
    together, alone = opened(world()), opened(world())
    for serial, step in enumerate(before):
        assert together.one(command(together, step, serial)) == alone.one(command(alone, step, serial))
    for hub in (together, alone):
        hub.now_ms += seconds * 1000
    commands = [command(together, step, 100 + serial) for serial, step in enumerate(batch)]
    results = at_the_door(together, commands)
    assert results == [alone.one(each) for each in commands]
    assert picture(together) == picture(alone)


@settings(max_examples=200)
@given(st.lists(STEPS, max_size=30))
def test_no_position_and_no_exposure_ever_passes_its_bound(steps: list[Step]) -> None:
    hub = opened(world())
    for serial, step in enumerate(steps):
        hub.one(command(hub, step, serial))
        assert all(covers(account, 0) for account in hub.accounts.values())
        market = hub.market()
        assert all(0 <= minor <= 60_000 for (_, currency), minor in market.open_minor.items() if currency == "UGX")
        assert all(tally.minor >= 0 and tally.times >= 0 for tally in hub.tallies.values())
        assert all(tally.minor <= 3_000_00 for key, tally in hub.tallies.items() if key.startswith("much/"))


def counted(hub: Hub) -> dict[str, tuple[int, int]]:
    """Count anew, from the transfers alone, what is under the limits."""
    found: dict[str, tuple[int, int]] = {}
    for transfer in hub.transfers.values():
        if transfer.state not in UNDONE:
            for count in transfer.price.counts if transfer.price is not None else ():
                minor, times = found.get(count.key, (0, 0))
                found[count.key] = (minor + count.minor, times + 1)
    return found


def is_or_was_held(hub: Hub, transfer: str) -> bool:
    """Say whether the transfer began as most do, without waiting for an operator first."""
    return any(each.transfer == transfer and (each.state, each.event) == BEGUN for each in hub.trail)


def open_quotes(hub: Hub) -> dict[tuple[str, str], int]:
    """Add up anew, from what was offered alone, what FX providers are bound to give by quotes that can be paid yet."""
    found: dict[tuple[str, str], int] = {}
    for transfer in hub.transfers.values():
        if transfer.flow is not Flow.ERRAND or transfer.state is State.ABORTED:
            continue
        made = hub.instruments.get(transfer.id)
        quotes = body_of(transfer).quotes if made is None else made.quotes
        user = hub.transfers.get(made.used_by or "") if made is not None else None
        if user is not None and is_or_was_held(hub, user.id):
            continue  # the ledger binds them since
        for (provider, currency, until_ms), minor in exposures(quotes).items():
            if until_ms > hub.now_ms:
                found[provider, currency] = found.get((provider, currency), 0) + minor
    return found


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=30), st.sampled_from([0, 5, 400]))
def test_everything_that_is_kept_is_what_the_transfers_say(steps: list[Step], seconds: int) -> None:
    hub = opened(world())
    funded: dict[tuple[str, str], int] = {}
    for serial, step in enumerate(steps):
        hub.now_ms += seconds * 1000 if serial == len(steps) // 2 else 0
        what = command(hub, step, serial)
        before = set(hub.funded)
        hub.one(what)
        if isinstance(what, Fund) and hub.funded != before:
            key = (what.participant, what.money.currency)
            funded[key] = funded.get(key, 0) + what.money.minor
    holding = [each for each in hub.transfers.values() if each.minor and each.state not in FINAL | {State.IN_REVIEW}]
    moved = [each for each in hub.transfers.values() if each.minor and each.state is State.COMMITTED]
    expected: dict[tuple[str, str], int] = {}
    for leg in (leg for each in holding for leg in each.legs):
        expected[leg.debit, leg.money.currency] = expected.get((leg.debit, leg.money.currency), 0) + leg.money.minor
    assert held(hub) == expected
    gained = flows(leg for each in moved for leg in each.legs)
    owned = {key: gained.get(key, 0) + funded.get(key, 0) for key in {*gained, *funded}}
    assert net(hub) == {key: minor for key, minor in owned.items() if minor}
    assert {key: tuple(each) for key, each in hub.tallies.items() if any(each)} == counted(hub)
    opened_ = {key: minor for key, minor in hub.market().open_minor.items() if minor}
    assert opened_ == open_quotes(hub)
