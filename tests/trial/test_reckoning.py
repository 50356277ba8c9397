"""The demo's own judgement: a play is right only as it says, and providers' books that differ are found both ways."""

import msgspec
import pytest

from adapters.simulator.app import Simulator
from adapters.simulator.provider import Settings
from hub.core.change import Transition
from hub.core.command import Body, Transfer
from hub.core.pricing.price import Hop, priced
from hub.core.transfer import Event, Flow, State
from hub.store.read import Timeline
from hub.trial.client import Reply
from hub.trial.crossings import NILE
from hub.trial.playing import Shown, trail
from hub.trial.plays import BAOBAB
from hub.trial.reckoning import differences
from hub.trial.world import PROVIDERS
from routing.money import Money
from tests.trial.market import account

SENT, GIVEN = Money(10_000_00, "KES"), Money(285_100, "UGX")


def crossing(state: State, reason: str = "") -> Transfer:
    hops = [Hop("kivuko", SENT, GIVEN, "28.51")]
    price = priced(payer_fsp="baobab", payee_fsp="nile", sent=SENT, converted=GIVEN, fees=[], hops=hops, rate="28.51")
    body = Body(request="0" * 32, payer=account(BAOBAB), payee=account(NILE), type="inttransfer")
    return Transfer(
        id="1" * 32,
        flow=Flow.CONVERTED_PUSH,
        caller="baobab",
        payer_fsp="baobab",
        payee_fsp="nile",
        currency="KES",
        minor=SENT.minor,
        payee_connection="nile-gsma",
        created_ms=0,
        lease_ends_ms=0,
        body=msgspec.Raw(msgspec.json.encode(body)),
        state=state,
        reason=reason,
        price=msgspec.structs.replace(price, converter="kivuko-fx"),
    )


def shown(transfer: Transfer, ends: str, *through: State, by_way_of: tuple[State, ...] = ()) -> Shown:
    def step(seq: int, next_: State) -> Transition:
        return Transition(
            transfer=transfer.id,
            seq=seq,
            state=State.RECEIVED,
            event=Event.ACCEPTED,
            next=next_,
            at_ms=5 * seq,
            who="hub",
        )

    steps = [step(seq, state) for seq, state in enumerate((*by_way_of, transfer.state))]
    found = Timeline(transfer=transfer, transitions=steps, entries=[], cases=[])
    reply = Reply(status=202, body={})
    return Shown(
        name="one", caller="baobab", amount="", ends=ends, through=frozenset(through), reply=reply, found=found
    )


@pytest.mark.parametrize(
    ("state", "moved"),
    [
        (State.COMMITTED, ["nile credited 0 UGX", "kivuko converted 0 KES", "kivuko promised 0 UGX"]),
        (State.REFUNDED, ["kivuko converted 0 KES", "kivuko unwound 0 KES"]),
        (State.ABORTED, []),
    ],
)
def test_what_a_provider_did_not_do_is_found(state: State, moved: list[str]) -> None:
    simulator = Simulator([Settings(name=name, dialect=dialect) for name, dialect in PROVIDERS.items()])
    found = differences(simulator, [crossing(state)])
    assert [line.partition(" (minor units)")[0] for line in found] == moved
    assert all(line.endswith((f"says {SENT.minor}", f"says {GIVEN.minor}")) for line in found)


def test_what_the_hub_does_not_know_of_is_found() -> None:
    simulator = Simulator([Settings(name=name, dialect=dialect) for name, dialect in PROVIDERS.items()])
    simulator.provider("kivuko").book.exchange._converted["USD"] = 5
    assert differences(simulator, []) == ["kivuko converted 5 USD (minor units), the hub says 0"]


def test_a_play_is_right_when_it_ends_as_it_must_and_stood_where_it_must() -> None:
    by_way_of = (State.CONVERTING, State.UNWINDING)
    refunded = crossing(State.REFUNDED, "payee_limit")
    assert shown(refunded, "refunded", State.UNWINDING, by_way_of=by_way_of).right
    assert shown(refunded, "refunded payee_limit").right
    assert not shown(refunded, "refunded party_blocked").right
    assert not shown(refunded, "committed").right
    assert not shown(refunded, "refunded", State.IN_REVIEW, by_way_of=by_way_of).right
    assert not shown(crossing(State.CONVERTING), "converting").right, "it has not ended"


def test_a_timeline_says_where_a_transfer_waited_for_somebody_else() -> None:
    found = shown(crossing(State.COMMITTED), "committed", by_way_of=(State.IN_REVIEW, State.CONVERTING)).found
    assert trail(found) == "accepted (in review) 0, accepted (converting) 5, accepted 10"
    assert trail(None) == ""
