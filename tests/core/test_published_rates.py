"""Published rates: who may publish what, all or none; and the breaker that holds a rate which jumped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.books import VALID_MAX_S
from hub.core.command import Done, NewRate, Publish, Reason, Refusal
from hub.core.participant import SchemeFile, Status
from hub.core.pricing.market import RateState, jumped
from hub.core.pricing.rules import FxOffer
from hub.core.transfer import State
from tests.core.corridor import OFFERS, corridor_file, opened, publishes, quotation, quoted, rate_of, why
from tests.core.stage import START_MS, Hub

PAIR = ("delta", "KES", "UGX")


def breaking(percent: str = "5", **change: object) -> SchemeFile:
    """Build the scheme in which delta alone sells, and its rate may not jump."""
    offer = {"provider": "delta", "source": "KES", "target": "UGX", "jump_max_percent": percent} | change
    return corridor_file(fx=(FxOffer(**offer),))  # type: ignore[arg-type]


def in_force(hub: Hub) -> str:
    """Say at which rate delta is quoted now; empty: not at all."""
    number = 1000 + len(hub.transfers)
    made = hub.begun(quotation(number))
    return hub.instruments[made.id].quotes[0].price.rate if made.state is State.COMMITTED else ""


def test_a_rate_is_kept_with_who_said_it_and_until_when() -> None:
    hub = opened(breaking(valid_s=60), {})
    assert in_force(hub) == ""
    assert hub.one(publishes(rate="28.50")) == Done()
    found = rate_of(hub)
    assert (found.rate, found.state, found.last, found.by) == ("28.50", RateState.IN_FORCE, "", "delta-software")
    assert (found.at_ms, found.until_ms) == (START_MS, START_MS + 60_000)
    hub.one(publishes(rate="28.6", valid_s=10))
    assert rate_of(hub).until_ms == START_MS + 10_000
    assert in_force(hub) == "28.6"


@pytest.mark.parametrize("valid_s", [1, VALID_MAX_S])
def test_a_rate_may_hold_from_a_second_to_a_month(valid_s: int) -> None:
    hub = opened(breaking(), {})
    assert hub.one(publishes(valid_s=valid_s)) == Done()
    assert rate_of(hub).until_ms == START_MS + valid_s * 1000
    assert VALID_MAX_S == 31 * 24 * 60 * 60


@pytest.mark.parametrize(("later_ms", "rate"), [(9_999, "28.6"), (10_000, "")])
def test_a_rate_is_used_until_it_ends(later_ms: int, rate: str) -> None:
    hub = opened(breaking(), {})
    hub.one(publishes(rate="28.6", valid_s=10))
    hub.now_ms += later_ms
    assert in_force(hub) == rate


def test_a_rate_that_says_it_holds_for_long_is_stale_all_the_same() -> None:
    hub = opened(breaking(stale_after_s=30), {})
    hub.one(publishes(rate="28.6", valid_s=3600))
    hub.now_ms += 30_000
    assert in_force(hub) == "28.6"
    hub.now_ms += 1
    assert in_force(hub) == ""


WRONG: dict[str, tuple[Publish, Reason]] = {
    "a pair it does not sell": (publishes(source="UGX", target="KES"), Reason.CURRENCY_UNSUPPORTED),
    "a pair that another sells": (publishes("alpha"), Reason.CURRENCY_UNSUPPORTED),
    "nobody": (publishes("nobody"), Reason.PARTICIPANT_SUSPENDED),
    "nothing": (publishes(rate="0"), Reason.RATE_INVALID),
    "below zero": (publishes(rate="-28"), Reason.RATE_INVALID),
    "a float's spelling": (publishes(rate="2.8e1"), Reason.RATE_INVALID),
    "no number": (publishes(rate="NaN"), Reason.RATE_INVALID),
    "no time": (publishes(valid_s=0), Reason.RATE_INVALID),
    "time that was": (publishes(valid_s=-5), Reason.RATE_INVALID),
    "for ever": (publishes(valid_s=VALID_MAX_S + 1), Reason.RATE_INVALID),
    "one pair twice": (
        Publish(
            provider="delta",
            rates=(NewRate(source="KES", target="UGX", rate="28"), NewRate(source="KES", target="UGX", rate="29")),
            by="x",
        ),
        Reason.RATE_INVALID,
    ),
}


@pytest.mark.parametrize(("command", "reason"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_taken_is_refused_and_changes_nothing(command: Publish, reason: Reason) -> None:
    hub = opened(breaking(), {PAIR: "28.5"})
    before = dict(hub.rates)
    result = hub.one(command)
    assert isinstance(result, Refusal)
    assert result.reason is reason
    assert hub.rates == before


def test_the_rates_of_one_message_are_taken_all_or_none() -> None:
    hub = opened(rates={})
    good = NewRate(source="KES", target="UGX", rate="28")
    for bad in (NewRate(source="UGX", target="KES", rate="0"), NewRate(source="KES", target="TZS", rate="20")):
        assert isinstance(hub.one(Publish(provider="delta", rates=(good, bad), by="x")), Refusal)
        assert hub.rates == {}
    both = (good, NewRate(source="UGX", target="KES", rate="0.035"))
    hub.one(Publish(provider="delta", rates=both, by="x"))
    assert {key: each.rate for key, each in hub.rates.items()} == {
        ("delta", "KES", "UGX"): "28",
        ("delta", "UGX", "KES"): "0.035",
    }


def test_who_is_suspended_publishes_nothing_and_its_last_rate_is_not_used() -> None:
    hub = opened(corridor_file(members={"delta": {"status": Status.SUSPENDED}}), {})
    assert why(hub.one(publishes())) == Reason.PARTICIPANT_SUSPENDED
    assert hub.rates == {}
    assert in_force(hub) == ""


def test_a_bad_rate_takes_no_other_member_of_its_batch_along() -> None:
    hub = opened(rates={})
    results = hub.batch([publishes(rate="much"), publishes("echo", rate="28"), quotation(1)])
    assert [why(each) for each in results] == [Reason.RATE_INVALID, "", ""]
    assert [each.price.providers for each in hub.instruments[results[2].transfer].quotes] == [("echo",)]


# The breaker: from 28.50, where 5 percent are 1.425.
JUMPS = {
    "29.925": False,
    "29.92501": True,
    "27.075": False,
    "27.07499": True,
    "28.5": False,
    "285": True,
    "2.85": True,
    "0.00000000001": True,
    "999999999999": True,
}


@pytest.mark.parametrize(("rate", "held"), JUMPS.items())
def test_a_rate_that_jumps_is_held_and_one_within_bounds_is_not(rate: str, *, held: bool) -> None:
    hub = opened(breaking(), {PAIR: "28.50"})
    result = hub.one(publishes(rate=rate))
    assert result == Done(reason=f"held: KES-UGX 28.50 to {rate}" if held else "")
    assert rate_of(hub).state is (RateState.HELD if held else RateState.IN_FORCE)
    assert in_force(hub) == ("" if held else rate), "neither a held rate nor the one before it is used"


def test_the_first_rate_is_measured_by_nothing() -> None:
    hub = opened(breaking("1"), {})
    hub.one(publishes(rate="123456"))
    assert rate_of(hub).state is RateState.IN_FORCE


def test_where_no_bound_is_set_nothing_is_held() -> None:
    hub = opened(breaking(""), {PAIR: "28.5"})
    hub.one(publishes(rate="1"))
    assert in_force(hub) == "1"


def test_a_bound_of_nothing_holds_every_change() -> None:
    hub = opened(breaking("0"), {PAIR: "28.5"})
    assert hub.one(publishes(rate="28.500")) == Done()
    assert why(hub.one(publishes(rate="28.50000001"))) != ""
    assert rate_of(hub).state is RateState.HELD


def test_a_jump_is_measured_from_the_last_good_rate_however_many_are_held_after_it() -> None:
    """Step by step nobody walks away from what was good."""
    hub = opened(breaking(), {PAIR: "28.5"})
    for rate in ("31", "31.5", "32", "30.2"):
        hub.one(publishes(rate=rate))
        assert (rate_of(hub).state, rate_of(hub).last) == (RateState.HELD, "28.5")
        assert in_force(hub) == ""


def test_the_next_rate_near_the_last_good_one_is_in_force_again() -> None:
    hub = opened(breaking(), {PAIR: "28.5"})
    hub.one(publishes(rate="285"))
    hub.one(publishes(rate="28.6"))
    assert (rate_of(hub).state, rate_of(hub).last) == (RateState.IN_FORCE, "")
    assert in_force(hub) == "28.6"


def test_what_an_operator_confirms_is_in_force_and_is_measured_from_then_on() -> None:
    hub = opened(breaking(), {PAIR: "28.5"})
    hub.one(publishes(rate="40"))
    assert hub.one(publishes(rate="40", confirmed=True)) == Done()
    assert in_force(hub) == "40"
    assert hub.one(publishes(rate="41")) == Done()
    assert why(hub.one(publishes(rate="28.5"))) == "held: KES-UGX 41 to 28.5"


def test_confirmed_or_not_a_rate_is_a_rate() -> None:
    hub = opened(breaking(), {PAIR: "28.5"})
    assert why(hub.one(publishes(rate="0", confirmed=True))) == Reason.RATE_INVALID
    assert why(hub.one(publishes("alpha", confirmed=True))) == Reason.CURRENCY_UNSUPPORTED


def test_one_that_is_held_holds_no_other_pair_and_no_other_provider() -> None:
    fx = tuple(
        FxOffer(provider=each.provider, source=each.source, target=each.target, jump_max_percent="5") for each in OFFERS
    )
    hub = opened(corridor_file(fx=fx))
    hub.one(publishes(rate="40"))
    assert [each.price.providers for each in quoted(hub, 5).quotes] == [("echo",)]
    assert {key for key, each in hub.rates.items() if each.state is RateState.HELD} == {PAIR}


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_in_one_batch_each_rate_is_measured_from_the_one_before_it(*, together: bool) -> None:
    hub = opened(breaking(), {PAIR: "28.5"})
    commands = [publishes(rate=rate) for rate in ("29.5", "30.5", "33", "31")]
    results = hub.batch(commands) if together else [hub.one(each) for each in commands]
    assert [why(each) for each in results] == ["", "", "held: KES-UGX 30.5 to 33", ""]
    assert in_force(hub) == "31"


DIGITS = st.integers(1, 10**9).map(lambda digits: f"{digits // 10**4}.{digits % 10**4:04}")


@given(DIGITS, DIGITS, st.integers(0, 30_000))
def test_a_jump_is_exactly_what_is_over_the_bound(last: str, rate: str, hundredths: int) -> None:
    percent = f"{hundredths // 100}.{hundredths % 100:02}"
    was, now = (int(each.replace(".", "")) for each in (last, rate))
    if was and now:
        assert jumped(last, rate, percent) is (abs(now - was) * 10_000 > was * hundredths)
