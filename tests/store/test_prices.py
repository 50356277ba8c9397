"""Prices, rates, open quotes and limits over time, on memory and on PostgreSQL: kept as decided, and read back so."""

import asyncio
import time

import msgspec
import pytest

from hub.core.change import Decided
from hub.core.command import Done, Transfer
from hub.core.facts import gather
from hub.core.pricing.market import RateState
from hub.core.pricing.price import HUB
from hub.core.pricing.rules import FxOffer, LimitRule
from hub.core.transfer import State
from hub.ledger.journal import Phase
from hub.ledger.position import balance
from routing.message import Operation, Resource, Verdict
from routing.money import Money
from tests.core.corridor import corridor_file, paying, publishes, quotation, reversing
from tests.core.stage import transfer_id
from tests.store.abroad import DAILY, FEES, OFTEN, open_corridor, paid, quoted, sold_by
from tests.store.house import House, reason_of, said, scheme_file, submit


async def stands(house: House) -> dict[tuple[str, str], int]:
    return {(each.participant, each.currency): balance(each) for each in await house.store.accounts() if balance(each)}


async def committed(house: House, number: int, quotation_number: int) -> Transfer:
    quotation_ = await quoted(house, quotation_number)
    await paid(house, number, quotation_)
    return await house.hear(await house.transfer(transfer_id(number)), Operation.CREDIT, Verdict.ACCEPTED)


async def test_a_price_is_kept_whole_with_its_quotation_its_transfer_and_its_postings(house: House) -> None:
    await open_corridor(house, corridor_file(fee=FEES, limit=(DAILY,)))
    kept = await quoted(house, 1)
    best = kept.quotes[0].price
    assert (best.sent, best.taken) == (Money(1000_00, "KES"), Money(1012_00, "KES"))
    assert best.given == Money(28_500 - 100 - 142, "UGX"), "less 100 and half a percent, half to even"
    await paid(house, 2, kept)
    transfer = await house.transfer(transfer_id(2))
    assert transfer.price is not None
    assert msgspec.structs.replace(transfer.price, counts=()) == best
    assert [(each.key.split("/")[0], each.minor) for each in transfer.price.counts] == [("daily", 1000_00)]
    found = await house.store.timeline(transfer.id)
    assert found is not None
    accounts = {each.id: each for each in await house.store.accounts()}
    shown = [
        (accounts[entry.posting.debit].participant, accounts[entry.posting.credit].participant, entry.posting.minor)
        for entry in found.entries
    ]
    assert shown == [(leg.debit, leg.credit, leg.money.minor) for leg in best.legs]
    assert {str(entry.posting.phase) for entry in found.entries} == {Phase.PENDING}
    assert house.findings() == []


async def test_every_leg_is_posted_with_the_last_word_and_the_hub_keeps_its_fees_alone(house: House) -> None:
    await open_corridor(house, corridor_file(fee=FEES))
    transfer = await committed(house, 2, 1)
    assert transfer.state is State.COMMITTED
    assert await stands(house) == {
        ("alpha", "KES"): -1012_00,
        ("delta", "KES"): 1000_00,
        (HUB, "KES"): 12_00,
        ("delta", "UGX"): -28_500,
        ("bravo", "UGX"): 28_500 - 142,
        (HUB, "UGX"): 142,
    }
    assert house.findings() == []


@pytest.mark.parametrize("parts", [("1000",), ("333.33", "333.33", None), ("0.05", None)], ids=str)
async def test_what_is_reversed_in_parts_is_all_that_was_paid_and_no_more(
    house: House, parts: tuple[str | None, ...]
) -> None:
    await open_corridor(house)
    transfer = await committed(house, 2, 1)
    for number, part in enumerate(parts, 10):
        assert reason_of(await house.door.handle(reversing(number, transfer.id, part, caller="bravo"))) == ""
        back = await house.transfer(transfer_id(number))
        assert (await house.hear(back, Operation.CREDIT, Verdict.ACCEPTED)).state is State.COMMITTED
    assert await stands(house) == {}
    await house.door.handle(reversing(90, transfer.id, "0.01", caller="bravo"))
    assert (await house.transfer(transfer_id(90))).reason == "original_exceeded"
    assert house.findings() == []


async def test_an_original_whose_reversal_failed_is_paid_back_to_the_last_unit_all_the_same(house: House) -> None:
    await open_corridor(house)
    transfer = await committed(house, 2, 1)
    verdicts = [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]
    for number, verdict in enumerate(verdicts, 10):
        part = None if number == 9 + len(verdicts) else "100.01"
        assert reason_of(await house.door.handle(reversing(number, transfer.id, part, caller="bravo"))) == ""
        await house.hear(await house.transfer(transfer_id(number)), Operation.CREDIT, verdict)
    assert await stands(house) == {}


async def test_the_last_rate_is_in_force_and_every_one_is_in_the_history(house: House) -> None:
    offer = FxOffer(provider="delta", source="KES", target="UGX", jump_max_percent="5", valid_s=60)
    await open_corridor(house, corridor_file(fx=(offer,)))
    for rate in ("28.6", "28.7"):
        assert await house.door.handle(publishes(rate=rate)) == Done()
    held = await house.door.handle(publishes(rate="40", valid_s=7))
    assert reason_of(held) == "held: KES-UGX 28.7 to 40"
    (now,) = await house.store.rates()
    assert (now.rate, now.state, now.last, now.by) == ("40", RateState.HELD, "28.7", "delta-software")
    assert now.until_ms - now.at_ms == 7_000
    history = await house.store.rate_history("delta", "KES", "UGX", 10)
    assert [each.rate for each in history] == ["40", "28.7", "28.6", "28.5"]
    assert history[0] == now
    assert [each.rate for each in await house.store.rate_history("delta", "KES", "UGX", 2)] == ["40", "28.7"]
    assert await house.store.rate_history("echo", "KES", "UGX", 10) == []
    assert (await house.store.market()).rates == {now.key: now}
    assert await house.door.handle(publishes(rate="40", confirmed=True)) == Done()
    assert [(each.rate, each.state) for each in await house.store.rates()] == [("40", RateState.IN_FORCE)]


async def test_rates_published_in_one_breath_are_all_in_the_history_and_the_last_is_in_force(house: House) -> None:
    await open_corridor(house, corridor_file(fx=(sold_by("delta"),)))
    rates = [f"28.{number}" for number in range(6, 9)]
    await house.door.handle_all([publishes(rate=rate) for rate in rates])
    assert [each.rate for each in await house.store.rates()] == ["28.8"]
    history = await house.store.rate_history("delta", "KES", "UGX", 10)
    assert [each.rate for each in history] == ["28.8", "28.7", "28.6", "28.5"]


async def test_a_quotation_binds_its_providers_until_it_is_paid(house: House) -> None:
    await open_corridor(house)
    first = await quoted(house, 1)
    assert (await house.store.market()).open_minor == {("delta", "UGX"): 28_500, ("echo", "UGX"): 28_000}
    await quoted(house, 2, amount="100")
    assert (await house.store.market()).open_minor == {("delta", "UGX"): 31_350, ("echo", "UGX"): 30_800}
    await paid(house, 3, first)
    market = await house.store.market()
    assert market.open_minor == {("delta", "UGX"): 2_850, ("echo", "UGX"): 2_800}
    assert market.available["delta", "UGX"] == 30_000_000 - 28_500, "the ledger binds what is paid"


async def test_open_quotes_that_have_expired_bind_nobody_and_are_forgotten(house: House) -> None:
    await open_corridor(house)
    now_ms = time.time_ns() // 1_000_000
    decided = Decided()
    decided.exposures = {("delta", "UGX", now_ms - 90_000): 5, ("delta", "UGX", now_ms + 3_600_000): 7}
    for _ in range(2):
        async with house.store.work() as work:
            facts = await work.load(gather([]))
            await work.apply(decided, await work.lock([]), facts.now_ms)
        assert (await house.store.market()).open_minor["delta", "UGX"] % 7 == 0
    await house.store.forget_expired()
    assert (await house.store.market()).open_minor == {("delta", "UGX"): 14}


async def limited(house: House, *limits: LimitRule) -> None:
    await house.store.apply_scheme(msgspec.structs.replace(scheme_file(cap="1000000"), limit=limits), "test")


async def test_what_a_transfer_counted_is_given_back_when_nothing_moved(house: House) -> None:
    await limited(house, msgspec.structs.replace(DAILY, max_value="15", max_count=2))
    first = await house.begun(submit(1, "10"))
    assert reason_of(await house.door.handle(submit(2, "10"))) == "day_value"
    await house.hear(first, Operation.CREDIT, Verdict.REFUSED)
    for number, reason in ((3, ""), (4, ""), (5, "day_count")):
        assert reason_of(await house.door.handle(submit(number, "5"))) == reason


async def test_two_doors_at_once_never_pass_a_day_limit(house: House) -> None:
    """What was refused counts nothing, and what failed later makes room for others."""
    await limited(house, DAILY, msgspec.structs.replace(DAILY, name="times", max_value="", max_count=99))
    doors = await house.doors(2)

    async def begun(start: int, count: int) -> list[Transfer]:
        sent = [submit(start + number, "100") for number in range(count)]
        await asyncio.gather(*(doors[number % 2].handle(each) for number, each in enumerate(sent)))
        stand = [await house.transfer(each.transfer) for each in sent]
        assert {each.reason for each in stand if each.state is not State.RESERVED} == {"day_value"}
        return [each for each in stand if each.state is State.RESERVED]

    first = await begun(0, 100)
    assert len(first) == 30, "3,000 a day, 100 a time"
    refused = [said(each, Operation.CREDIT, Verdict.REFUSED) for each in first[:10]]
    await asyncio.gather(*(doors[number % 2].handle(each) for number, each in enumerate(refused)))
    assert len(await begun(1000, 40)) == 10
    assert house.findings() == []


async def test_a_limit_on_how_many_holds_at_two_doors_at_once_and_the_rest_waits_for_an_operator(house: House) -> None:
    await limited(house, OFTEN)
    doors = await house.doors(2)
    sent = [submit(number, "1") for number in range(60)]
    await asyncio.gather(*(doors[number % 2].handle(each) for number, each in enumerate(sent)))
    states = [(await house.transfer(each.transfer)).state for each in sent]
    assert (states.count(State.RESERVED), states.count(State.IN_REVIEW)) == (25, 35)
    assert house.findings() == []


async def test_a_quotation_used_at_two_doors_at_once_pays_once(house: House) -> None:
    await open_corridor(house)
    doors = await house.doors(2)
    for number in range(10):
        kept = await quoted(house, number * 100)
        quotes = [each.id for each in kept.quotes]
        sent = [paying(number * 100 + place, kept, quote=quotes[place % 2]) for place in range(1, 9)]
        await asyncio.gather(*(door.handle(each) for door, each in zip(doors * 4, sent, strict=True)))
        stand = [await house.transfer(each.transfer) for each in sent]
        assert sorted(each.reason for each in stand) == ["", *["quote_used"] * 7]
        (used,) = await house.store.instruments(Resource.QUOTATION, kept.reference)
        assert [used.used_by] == [each.id for each in stand if not each.reason]
    assert (await house.store.market()).open_minor in ({}, {("delta", "UGX"): 0, ("echo", "UGX"): 0})
    assert house.findings() == []


async def test_a_quotation_is_used_once_for_good_also_by_a_transfer_that_failed(house: House) -> None:
    await open_corridor(house)
    kept = await quoted(house, 1)
    await paid(house, 2, kept)
    await house.hear(await house.transfer(transfer_id(2)), Operation.CREDIT, Verdict.REFUSED)
    await house.door.handle(paying(3, kept))
    assert (await house.transfer(transfer_id(3))).reason == "quote_used"


async def test_two_doors_quoting_at_once_never_pass_an_fx_providers_exposure(house: House) -> None:
    await open_corridor(house, corridor_file(fx=(sold_by("delta", exposure_max="100000"),)))
    doors = await house.doors(3)
    asked = [quotation(number, amount="100") for number in range(120)]
    await asyncio.gather(*(door.handle(each) for door, each in zip(doors * 40, asked, strict=True)))
    stand = [await house.transfer(each.transfer) for each in asked]
    assert [each.state for each in stand].count(State.COMMITTED) == 35, "100,000 at most, 2,850 each"
    assert {each.reason for each in stand} == {"", "fx_liquidity"}
    assert (await house.store.market()).open_minor == {("delta", "UGX"): 35 * 2_850}


async def test_two_doors_at_once_never_promise_more_than_an_fx_provider_has(house: House) -> None:
    """Quotes may be left unpaid, but those that are paid all hold: none fails for want of liquidity."""
    caps = {"delta": {"net_debit_cap": {"KES": "0", "UGX": "60000"}}}
    await open_corridor(house, corridor_file(fx=(sold_by("delta"),), members=caps))
    doors = await house.doors(2)
    asked = [quotation(number, amount="100") for number in range(60)]
    await asyncio.gather(*(door.handle(each) for door, each in zip(doors * 30, asked, strict=True)))
    stand = [await house.transfer(each.transfer) for each in asked]
    made = [each.id for each in stand if each.state is State.COMMITTED]
    assert len(made) == 21, "60,000 in all, 2,850 each"
    kept = [(await house.store.instruments(Resource.QUOTATION, each))[0] for each in made]
    pays = [paying(100 + number, each, amount="100") for number, each in enumerate(kept)]
    results = await asyncio.gather(*(doors[number % 2].handle(each) for number, each in enumerate(pays)))
    assert {reason_of(each) for each in results} == {""}
    assert house.findings() == []
