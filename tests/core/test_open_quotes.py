"""Open quotes: whatever becomes of a quotation, FX providers are bound to what is really open, and never to less."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.admit import body_of
from hub.core.command import Due
from hub.core.pricing.market import bucket
from hub.core.pricing.price import Quote
from hub.core.transfer import FINAL, Flow, State
from routing.message import FailureClass, Operation, Resource, Verdict
from tests.core.corridor import corridor_file, held, opened, paying, quotation, why
from tests.core.stage import START_MS, Hub

A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN
ISSUE, CREDIT = Operation.ISSUE, Operation.CREDIT
BOTH = {"bravo": {"deliveries": ("directtoaccount", "agent")}}
Open = dict[tuple[str, str], int]


def bound_by(quotations: Iterable[Iterable[Quote]], now_ms: int) -> Open:
    """Add up what these bind everybody to: of each quotation one quote can be paid, so the largest counts."""
    found: Counter[tuple[str, str]] = Counter()
    for quotes in quotations:
        largest: Open = {}
        for quote in quotes:
            for hop in quote.price.hops:
                key = (hop.provider, hop.target.currency)
                ends_ms = max(
                    bucket(each.price.expires_ms or 0) for each in quotes if hop.provider in each.price.providers
                )
                if ends_ms > now_ms:
                    largest[key] = max(largest.get(key, 0), hop.target.minor)
        found.update(largest)
    return dict(found)


def really_open(hub: Hub) -> Open:
    """Look at every quotation there is: those that wait for the payee FSP's word, and those that nobody has used."""
    asked = [each for each in hub.transfers.values() if each.flow is Flow.ERRAND and each.state not in FINAL]
    made = [each for each in hub.instruments.values() if each.kind is Resource.QUOTATION and each.used_by is None]
    return bound_by([*(body_of(each).quotes for each in asked), *(each.quotes for each in made)], hub.now_ms)


def counted(hub: Hub) -> Open:
    return {key: minor for key, minor in hub.market().open_minor.items() if minor}


def their(hub: Hub, id_: str, **change: Any) -> dict[str, Any]:
    """Have the payee FSP say what it was told, and something else about it."""
    arriving = str(body_of(hub.transfers[id_]).quotes[0].price.hops[-1].target)
    plain = {"quoteId": "t", "sendingAmount": arriving, "receivingAmount": arriving}
    return plain | {"sendingCurrency": "UGX", "receivingCurrency": "UGX"} | change


def until(hub: Hub, seconds: int) -> str:
    return f"2027-01-15T08:{(hub.now_ms - START_MS) // 60_000 % 50 + seconds // 60:02}:{seconds % 60:02}Z"


SAYS = ("nothing", "a fee", "sooner", "long ago", "by an agent", "each until its own time", "no", "refused", "unclear")


def answered(hub: Hub, id_: str, says: str) -> None:
    """Have the payee FSP speak of a quotation."""
    transfer = hub.transfers[id_]
    if says in {"refused", "unclear"}:
        hub.hear(
            transfer, ISSUE, R if says == "refused" else U, failure=FailureClass.UNCLEAR if says == "unclear" else None
        )
        return
    words: dict[str, dict[str, Any]] = {
        "nothing": {},
        "a fee": {"quotes": [their(hub, id_, receivingAmount="1")]},
        "sooner": {"quotes": [their(hub, id_, quoteExpiryTime=until(hub, 75))]},
        "long ago": {"quotes": [their(hub, id_, quoteExpiryTime="2020-01-01T00:00:00Z")]},
        "by an agent": {"quotes": [their(hub, id_, deliveryMethod="agent")]},
        "each until its own time": {
            "quotes": [
                their(hub, id_, deliveryMethod="directtoaccount"),
                their(hub, id_, deliveryMethod="agent", quoteExpiryTime=until(hub, 75)),
            ]
        },
        "no": {"quotationStatus": "rejected"},
    }
    hub.hear(transfer, ISSUE, A, own="theirs", resource=words[says])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(["100", "1000", "40000"])),
        st.tuples(st.just("say"), st.sampled_from(SAYS)),
        st.tuples(st.just("pay"), st.integers(0, 3)),
        st.tuples(st.just("end"), st.sampled_from([A, R])),
        st.tuples(st.just("wait"), st.sampled_from([7, 40, 200, 301])),
    ),
    max_size=25,
).map(lambda steps: [("ask", "1000"), *steps])  # without a quotation nothing can be done with one


def carried_out(hub: Hub, number: int, what: str, how: Any) -> None:
    """Carry out one step, as far as there is anything that it could be about."""
    waiting = [id_ for id_, each in hub.transfers.items() if each.flow is Flow.ERRAND and each.state not in FINAL]
    made = sorted(hub.instruments)
    begun = [each for each in hub.transfers.values() if each.state is State.RESERVED]
    if what == "ask":
        hub.one(quotation(number, amount=how))
    elif what == "say" and waiting:
        answered(hub, waiting[0], how)
    elif what == "pay" and made and hub.instruments[made[how % len(made)]].quotes:
        quoted = hub.instruments[made[how % len(made)]]
        hub.one(paying(number, quoted, amount=str(quoted.quotes[0].price.sent)))
    elif what == "end" and begun:
        hub.hear(begun[0], CREDIT, how)
    elif what == "wait":
        hub.now_ms += how * 1000


@settings(max_examples=300)
@given(STEPS)
def test_what_is_counted_is_what_is_really_open_whatever_happens(steps: list[tuple[str, Any]]) -> None:
    hub = opened(corridor_file(quoting=True, members=BOTH))
    for number, (what, how) in enumerate(steps, 1):
        carried_out(hub, number, what, how)
        assert counted(hub) == really_open(hub), (what, how)
        assert all(minor >= 0 for minor in hub.exposures.values()), (what, how)


@pytest.mark.parametrize("verdict", [A, R], ids=["paid", "refused by the payee"])
@pytest.mark.parametrize("says", ["nothing", "sooner", "by an agent", "each until its own time"])
def test_a_quotation_that_was_used_binds_nobody_any_more_whatever_becomes_of_its_transfer(
    says: str, verdict: Verdict
) -> None:
    hub = opened(corridor_file(quoting=True, members=BOTH))
    asked = hub.begun(quotation(1))
    answered(hub, asked.id, says)
    assert counted(hub) == {("delta", "UGX"): 28_500, ("echo", "UGX"): 28_000}, "two ways of delivery are one of these"
    made = hub.instruments[asked.id]
    transfer = hub.begun(paying(2, made))
    assert (counted(hub), sum(held(hub).values())) == ({}, 1_000_00 + 28_500), "the ledger binds what is paid"
    hub.hear(transfer, CREDIT, verdict)
    assert why(hub.one(paying(3, made))) == "quote_used"
    assert (counted(hub), set(hub.exposures.values()), held(hub)) == ({}, {0}, {})


@pytest.mark.parametrize("says", SAYS)
def test_what_the_payee_fsp_says_of_a_quotation_changes_what_is_open(says: str) -> None:
    hub = opened(corridor_file(quoting=True, members=BOTH))
    asked = hub.begun(quotation(1))
    answered(hub, asked.id, says)
    for later_s in (0, 74, 75, 80, 120, 299, 310):
        hub.now_ms = START_MS + later_s * 1000
        assert counted(hub) == really_open(hub), later_s
        if says == "each until its own time":
            assert bool(counted(hub)) is (later_s < 300), "bound as long as one of them can still be paid"
    assert all(minor >= 0 for minor in hub.exposures.values())


def test_what_nobody_answers_is_let_go_of_when_it_expires_and_a_late_word_takes_nothing_off() -> None:
    hub = opened(corridor_file(quoting=True))
    late = hub.begun(quotation(1))
    hub.now_ms = late.due_ms or 0
    hub.one(Due(transfer=late.id))
    hub.now_ms = START_MS + 300_000
    assert counted(hub) == {}
    hub.one(quotation(2))
    before = dict(hub.exposures)
    answered(hub, late.id, "refused")
    assert hub.exposures == before
