"""International transfers: seen before they are agreed to, honoured to the last minor unit, undone as a whole."""

import pytest

from hub.core.office.ruling import Rule
from hub.core.transfer import State
from hub.store.audit import run_audit
from hub.trial.plays import BAOBAB, SAVANNA, party
from hub.trial.world import World
from routing.message import Verdict
from tests.scenario.abroad import HILL, KILIMA, KYC, NILE, by, positions, quoted, sent, sold
from tests.scenario.acting import control, ended, events, failure, result, timeline, until
from tests.store.windows import approved


async def test_the_sender_sees_every_way_best_first_and_gets_exactly_what_was_seen(stage: World) -> None:
    await sold(stage)
    quotation = await quoted(stage, NILE, "10000")
    best, second = quotation["quotes"]
    assert (best["receivingAmount"], second["receivingAmount"]) == ("285100", "284570")
    assert {each["sendingAmount"] for each in quotation["quotes"]} == {"10000"}
    assert best["fees"] == [
        {"feeType": "crossing", "feeAmount": "50", "feeCurrency": "KES"},
        {"feeType": "excise", "feeAmount": "7.5", "feeCurrency": "KES"},
    ]
    assert (best["fxRate"], second["fxRate"]) == ("28.51", "28.457")
    told = await result(stage, await sent(stage, quotation, second))
    assert told["transactionStatus"] == "completed"
    assert stage.simulator.provider("nile").totals()["credited"] == {"UGX": 284_570}
    assert await positions(stage) == {
        ("baobab", "KES"): -10_050_00,
        ("mizani", "KES"): 10_000_00,
        ("mizani", "UGX"): -284_570,
        ("nile", "UGX"): 284_570,
        ("", "KES"): 50_00,
    }


async def test_a_provider_that_must_confirm_is_asked_before_the_payee_is_paid(stage: World) -> None:
    await sold(stage)
    quotation = await quoted(stage, NILE, "10000")
    found = await ended(stage, await sent(stage, quotation, by(quotation, "kivuko")))
    steps = [(str(each.event), str(each.next)) for each in found.transitions]
    assert steps == [("admitted", "converting"), ("accepted", "reserved"), ("accepted", "committed")]
    assert stage.simulator.provider("kivuko").totals()["converted"] == {"KES": 10_000_00}
    assert stage.simulator.provider("nile").totals()["credited"] == {"UGX": 285_100}


async def test_the_sender_may_fix_what_is_received(stage: World) -> None:
    await sold(stage)
    receive = [{"key": "amountType", "value": "receive"}]
    quotation = await quoted(stage, HILL, "250000", customData=receive, requestCurrency="UGX")
    for quote in quotation["quotes"]:
        assert (quote["receivingAmount"], quote["receivingCurrency"]) == ("250000", "UGX")
        assert {"feeType": "incoming", "feeAmount": "1500", "feeCurrency": "UGX"} in quote["fees"]
    cheapest = quotation["quotes"][0]
    assert cheapest["sendingAmount"] == "8821.47"  # the least that is worth 251,500 at 28.51
    assert (await ended(stage, await sent(stage, quotation, cheapest))).transfer.state is State.COMMITTED
    assert stage.simulator.provider("hillbank").totals()["credited"] == {"UGX": 250_000}


async def test_where_nobody_sells_a_pair_two_conversions_join_it(stage: World) -> None:
    await sold(stage)
    quotation = await quoted(stage, KILIMA, "5000")
    (quote,) = quotation["quotes"]
    # 5000 KES at 0.00775 less 75 basis points are 38.46 USD, and these at 2655.4 are what arrives.
    assert (quote["receivingAmount"], quote["receivingCurrency"]) == ("102126.68", "TZS")
    assert (await ended(stage, await sent(stage, quotation, quote))).transfer.state is State.COMMITTED
    held = await positions(stage)
    assert {key: minor for key, minor in held.items() if key[0] in ("mizani", "kivuko")} == {
        ("mizani", "KES"): 5_000_00,
        ("mizani", "USD"): -38_46,
        ("kivuko", "USD"): 38_46,
        ("kivuko", "TZS"): -102_126_68,
    }


async def test_what_the_payee_refuses_is_unwound_and_nothing_has_moved(stage: World) -> None:
    await sold(stage)
    quotation = await quoted(stage, NILE, "10000")
    await control(stage, "nile", "rules", [{"account": "msisdn@" + NILE, "fate": "declined"}], "PUT")
    reply = await sent(stage, quotation, by(quotation, "kivuko"))
    found = await ended(stage, reply)
    assert [str(each.next) for each in found.transitions] == ["converting", "reserved", "unwinding", "refunded"]
    assert stage.simulator.provider("kivuko").totals()["unwound"] == {"KES": 10_000_00}
    assert await positions(stage) == {}
    again = await failure(stage, await sent(stage, quotation, by(quotation, "mizani")))
    assert again == "businessRule/incorrectState", "a quotation is used once, whatever becomes of it"


@pytest.mark.parametrize("lost_at", ["kivuko", "nile"])
@pytest.mark.parametrize("fate", ["answer_lost", "unheard"])
async def test_answers_and_requests_that_are_lost_are_asked_about_until_all_is_clear(
    stage: World, lost_at: str, fate: str
) -> None:
    await sold(stage)
    quotation = await quoted(stage, NILE, "10000")
    account = "pair@KES-UGX" if lost_at == "kivuko" else "msisdn@" + NILE
    await control(stage, lost_at, "rules", [{"account": account, "fate": fate}], "PUT")
    found = await ended(stage, await sent(stage, quotation, by(quotation, "kivuko")))
    assert found.transfer.state is State.COMMITTED, events(found)
    assert stage.simulator.provider("kivuko").totals()["converted"] == {"KES": 10_000_00}
    assert stage.simulator.provider("nile").totals()["credited"] == {"UGX": 285_100}


async def test_a_reversal_takes_back_what_was_given_at_the_rate_of_then(stage: World) -> None:
    await sold(stage)
    quotation = await quoted(stage, NILE, "10000")
    sent_ = await ended(stage, await sent(stage, quotation, by(quotation, "mizani")))
    await sold(stage, KES_UGX="28.9")  # the rate of now is nobody's matter
    for amount, given_back in (("4000", 113_828), (None, 170_742)):
        part = {} if amount is None else {"amount": amount, "currency": "KES"}
        reply = await stage.clients["nile"].post(
            f"/transactions/{sent_.transfer.id}/reversals", {"type": "reversal"} | part
        )
        found = await ended(stage, reply)
        assert found.transfer.state is State.COMMITTED
        assert found.transfer.price is not None
        assert found.transfer.price.taken.minor == given_back
        assert "reversed at the original rate 28.457" in found.transitions[0].detail
    assert stage.simulator.provider("baobab").totals()["credited"] == {"KES": 10_000_00}
    assert await positions(stage) == {("baobab", "KES"): -50_00, ("", "KES"): 50_00}, "the fee is not given back"


async def test_who_confirmed_a_conversion_confirms_that_it_is_turned_round_at_the_rate_of_then(stage: World) -> None:
    await sold(stage)
    quotation = await quoted(stage, NILE, "10000")
    sent_ = await ended(stage, await sent(stage, quotation, by(quotation, "kivuko")))
    kivuko = stage.simulator.provider("kivuko")
    kivuko.book.exchange.rates.clear()  # or what they were would be honoured for a while
    await control(stage, "kivuko", "rates", [{"from": "UGX", "to": "KES", "rate": "0.02"}], "PUT")
    for amount, given_back in (("4000", 114_040), (None, 171_060)):
        part = {} if amount is None else {"amount": amount, "currency": "KES"}
        reply = await stage.clients["nile"].post(
            f"/transactions/{sent_.transfer.id}/reversals", {"type": "reversal"} | part
        )
        found = await ended(stage, reply)
        steps = [(str(each.event), str(each.next)) for each in found.transitions]
        assert steps == [("admitted", "converting"), ("accepted", "reserved"), ("accepted", "committed")]
        assert found.transfer.price is not None
        assert found.transfer.price.taken.minor == given_back
    totals = kivuko.totals()
    assert totals["converted"] == totals["promised"] == {"KES": 10_000_00, "UGX": 285_100}
    assert stage.simulator.provider("baobab").totals()["credited"] == {"KES": 10_000_00}
    assert await positions(stage) == {("baobab", "KES"): -50_00, ("", "KES"): 50_00}, "the fee is not given back"


@pytest.mark.parametrize(("verdict", "ends"), [(Verdict.ACCEPTED, State.COMMITTED), (Verdict.REFUSED, State.ABORTED)])
async def test_what_is_flagged_waits_for_an_operator_and_the_sender_learns_nothing_of_it(
    stage: World, verdict: Verdict, ends: State
) -> None:
    await sold(stage)
    quotation = await quoted(stage, NILE, "50000")  # more than passes without a look
    reply = await sent(stage, quotation, by(quotation, "mizani"))
    found = await timeline(stage, reply)
    assert found.transfer.state is State.IN_REVIEW
    (case,) = await stage.hub.store.open_cases(10)
    assert (case.transfer, str(case.kind)) == (found.transfer.id, "flagged")
    seen = await stage.clients["baobab"].get(f"/transactions/{found.transfer.id}")
    assert seen.body["transactionStatus"] == "pending"
    assert not any(word in str(seen.body) for word in ("flagged", "review", "limit", "large"))
    rule = Rule(by="desk-1", transfer=found.transfer.id, state=State.IN_REVIEW, verdict=verdict, why="looked at")
    await approved(stage.hub.door, rule)
    assert await stage.hub.store.open_cases(10) == []
    assert (await ended(stage, reply)).transfer.state is ends


async def test_without_a_quote_the_hub_prices_within_what_the_caller_takes(stage: World) -> None:
    await sold(stage)
    body = {
        "amount": "2000",
        "currency": "KES",
        "debitParty": party(BAOBAB),
        "creditParty": party(NILE),
        "internationalTransferInformation": {"originCountry": "KE", "remittancePurpose": "school fees"},
    } | KYC
    sender = stage.clients["baobab"]
    takes = {"customData": [{"key": "receivingAmountMin", "value": "57020"}]}
    assert (await ended(stage, await sender.submit("inttransfer", body | takes))).transfer.state is State.COMMITTED
    too_much = {"customData": [{"key": "receivingAmountMin", "value": "57021"}]}
    assert await failure(stage, await sender.submit("inttransfer", body | too_much)) == "businessRule/genericError"
    assert await failure(stage, await sender.submit("inttransfer", body)) == "businessRule/genericError"


async def test_a_rate_that_jumps_is_not_traded_at_until_somebody_has_looked(stage: World) -> None:
    await sold(stage)
    await sold(stage, KES_UGX="31")  # more than three percent
    quotation = await quoted(stage, NILE, "10000")
    assert [each["fxRate"] for each in quotation["quotes"]] == ["28.51"], "the one before it would be wrong as well"
    await sold(stage, KES_UGX="28.7")  # near the last one that was in force
    assert len((await quoted(stage, NILE, "10000"))["quotes"]) == 2


async def test_a_scheme_without_corridor_or_rates_says_so(stage: World) -> None:
    asked = {
        "creditParty": party(NILE),
        "debitParty": party(SAVANNA),
        "type": "inttransfer",
        "requestAmount": "1000",
        "requestCurrency": "KES",
    }
    client = stage.clients["savanna"]

    async def is_asked() -> bool:
        return any(each.provider == "kivuko" for each in await stage.hub.store.rates())

    await until(is_asked)
    assert "errorCode" not in await result(stage, await client.post("/quotations", asked)), "kivuko sells it"
    back = asked | {"creditParty": party(KILIMA)}  # by way of USD, which only Mizani sells
    assert await failure(stage, await client.post("/quotations", back)) == "serviceUnavailable/genericError"
    nowhere = asked | {"creditParty": party(NILE), "debitParty": party(KILIMA), "requestCurrency": "TZS"}
    refused = await failure(stage, await stage.clients["kilima"].post("/quotations", nowhere))
    assert refused == "validation/currencyNotSupported"


async def test_the_books_hold_per_currency_and_the_hub_has_nothing_of_its_own_but_fees(
    stage: World, migrated_url: str
) -> None:
    await sold(stage)
    quotation = await quoted(stage, HILL, "7000")
    await ended(stage, await sent(stage, quotation, quotation["quotes"][0]))
    report = run_audit(migrated_url)
    assert report.findings == []
    totals: dict[str, int] = {}
    for line in report.trial_balance:
        totals[line.account.currency] = totals.get(line.account.currency, 0) + line.balance
    assert set(totals.values()) == {0}
    own = {
        (each.account.kind, each.account.currency): each.balance
        for each in report.trial_balance
        if not each.account.participant and each.balance
    }
    assert own == {("fees", "KES"): 35_00}
