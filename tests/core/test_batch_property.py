"""A batch equals its members one by one, in order; and no prefix of it passes a cap."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.command import Due, Heard
from hub.core.record import Entering
from hub.ledger.account import counters
from hub.ledger.position import covers
from routing.message import FailureClass, Operation, Verdict
from routing.money import Money
from tests.cash import Fund
from tests.core.stage import ALPHA, BRAVO, Hub, outcome, submit, transfer_id

NUMBERS = range(6)
SIDES = {"alpha": (ALPHA, BRAVO), "bravo": (BRAVO, ALPHA)}

Step = tuple[str, int, int, str, Verdict]
STEPS = st.tuples(
    st.sampled_from(["submit", "pull", "third", "again", "outcome", "due", "fund", "reverse"]),
    st.sampled_from(NUMBERS),
    st.integers(1, 900),
    st.sampled_from(["alpha", "bravo"]),
    st.sampled_from(list(Verdict)),
)


KINDS = ("submit", "pull", "third")


def begun(number: int, kind: str, who: str) -> int:
    """Number a submission: the same number is always the same request of the same caller."""
    return number + 10 * KINDS.index(kind) + 100 * list(SIDES).index(who)


def command(hub: Hub, step: Step) -> Entering:  # noqa: PLR0911 - one for each kind of step
    """Build a command; outcomes, timers and reversals are about transfers that were there before the batch."""
    what, number, units, who, verdict = step
    payer, payee = SIDES[who]
    amount = str(units)
    if what in KINDS:
        other = "bravo" if who == "alpha" else "alpha"
        caller = {"submit": who, "pull": other, "third": "third"}[what]
        return submit(begun(number, what, who), caller=caller, payer=payer, payee=payee, amount=amount)
    if what == "again":
        first = begun(number, "submit", "alpha")
        return submit(1000 + first, correlation=f"correlation-{first}", amount=amount)
    if what == "fund":
        return Fund(participant=who, money=Money(units * 100, "KES"), reference=f"bank-{number}", by="test")
    known = sorted(hub.transfers)
    if not known:
        return Due(transfer=transfer_id(9999))
    transfer = hub.transfers[known[number % len(known)]]
    if what == "reverse":
        fresh = 2000 + units + 1000 * list(SIDES).index(who)
        return submit(fresh, caller=who, original=transfer.id, amount=amount)
    if what == "due":
        return Due(transfer=transfer.id)
    operation = Operation.CREDIT if transfer.payee_connection else Operation.DEBIT
    failure = FailureClass.ABSENT if verdict is Verdict.UNKNOWN else None
    return Heard(outcome=outcome(transfer, operation, verdict, failure, asked_ms=hub.now_ms))


def picture(hub: Hub) -> object:
    """Return everything that the two ways must agree upon."""
    balances = {id_: counters(each) for id_, each in hub.accounts.items()}
    return hub.transfers, balances, hub.said, hub.cases, hub.funded


@settings(max_examples=600)
@given(st.lists(STEPS, max_size=12), st.lists(STEPS, min_size=1, max_size=12), st.integers(0, 400))
def test_a_batch_equals_its_members_one_by_one(before: list[Step], batch: list[Step], seconds: int) -> None:
    together, alone = Hub(), Hub()
    for step in before:
        assert together.one(command(together, step)) == alone.one(command(alone, step))
    for hub in (together, alone):
        hub.now_ms += seconds * 1000
    commands = [command(together, step) for step in batch]
    results = together.batch(commands)
    assert results == [alone.one(each) for each in commands]
    assert picture(together) == picture(alone)


@settings(max_examples=200)
@given(st.lists(STEPS, max_size=30))
def test_no_position_ever_passes_its_cap(steps: list[Step]) -> None:
    hub = Hub()
    for step in steps:
        hub.one(command(hub, step))
        assert all(covers(account, 0) for account in hub.accounts.values())
