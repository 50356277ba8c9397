"""`hub quote`, `hub explain` and what `hub transfer` says of prices, on a real database; nobody is named in clear."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from hub.core.change import Case
from hub.core.command import Done, Heard
from hub.core.meaning import reference as named
from hub.core.transfer import State
from hub.flow import Door
from hub.roles.scheme import read_scheme
from hub.trial.crossings import HILL, KILIMA, NILE
from hub.trial.plays import BAOBAB, SAVANNA
from routing.message import Heard as HeardBy
from routing.message import Operation, Outcome, Resource, Verdict
from routing.money import Money
from tests.trial.command import ROOT, hub, proposal_in
from tests.trial.market import committed, explained, opened_market, published, quoted, reversed_by, sent

KES_10_000 = Money(10_000_00, "KES")

pytestmark = pytest.mark.postgres


@pytest.fixture
async def door(migrated_url: str) -> AsyncIterator[Door]:
    async with opened_market(migrated_url) as opened:
        yield opened


def line_with(text: str, *parts: str) -> str:
    """The one line that has all the parts."""
    found = [each for each in text.splitlines() if all(part in each for part in parts)]
    assert len(found) == 1, text
    return found[0]


async def test_what_a_transfer_would_cost_binds_nobody(door: Door, migrated_url: str) -> None:
    ask = ("quote", "10000", "KES", "UGX", "--from", "baobab", "--to", "hillbank")
    said = hub(*ask, database=migrated_url)
    best, other = line_with(said, " kivuko", "283600 UGX"), line_with(said, " mizani", "283070 UGX")
    assert said.index(best) < said.index(other)
    assert all(part in best for part in (" 57.5 ", "10057.5 KES", " 1500 ", "(confirms)"))
    assert said.count("; payer: crossing 50 + excise 7.5 KES; payee: incoming 1500 UGX") == 2
    assert "the corridor requires senderKyc.subjectName.fullName" in said
    assert not any((await door.store.market()).open_minor.values())
    received = hub(*ask[:1], "100000", *ask[2:], "--receive", database=migrated_url)
    assert all(" KES " in line_with(received, name, "100000 UGX") for name in ("kivuko", "mizani"))


async def test_who_is_left_out_is_said_with_why(door: Door, migrated_url: str) -> None:
    await published(door, "mizani", "KES", "UGX", "31.2")
    said = hub("quote", "250000", "KES", "UGX", "--from", "baobab", "--to", "nile", database=migrated_url, code=1)
    assert "kivuko: left out, it sells up to 200000 KES" in said
    assert "mizani: left out, its rate jumped from 28.60 to 31.2: an operator must confirm it" in said
    assert "nobody carries it now: rate_unavailable" in said


@pytest.mark.usefixtures("door")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("10", "KES", "UGX", "--from", "baobab", "--to", "nobody"), "no participant 'nobody'; there are baobab, "),
        (("10", "KES", "EUR", "--from", "baobab", "--to", "nile"), "nile does not settle in EUR; it settles in UGX"),
        (("10", "UGX", "TZS", "--from", "nile", "--to", "kilima"), "no corridor from UGX to TZS; there are KES-UGX"),
        (("1.001", "KES", "UGX", "--from", "baobab", "--to", "nile"), "KES has 2 decimals"),
    ],
    ids=["nobody", "a currency it has not", "no corridor", "no amount"],
)
def test_what_cannot_be_quoted_says_what_there_is(migrated_url: str, arguments: tuple[str, ...], says: str) -> None:
    assert says in hub("quote", *arguments, database=migrated_url, code=1)


async def test_a_quotation_says_what_every_part_of_a_price_came_of(door: Door) -> None:
    reference = await quoted(door, "10000")
    said = await explained(door, reference)
    assert (
        "10000 KES to be sent, inttransfer: baobab (msisdn:+254*******01) -> hillbank (bankaccountno:HB00******78)"
        in said
    )
    assert "nobody has used it" in said
    assert "28.60, published" in line_with(said, "mizani ", "by tests, less 50 basis points", "none: it comes out even")
    assert line_with(said, "kivuko ", "28.51, published", "no spread")
    assert said.count("0.5 % of the 10000 KES sent, at least 20, at most 1000") == 2
    assert said.count("15 % of the crossing") == 2
    assert said.count("hillbank    1500 UGX   1500") == 2
    assert said.count("UTC: 300 s, the scheme's") == 1, "a rate of a day lasts longer than the scheme's quotes"
    assert said.count("UTC: then ends the rate of kivuko") == 1
    assert "kivuko is asked over kivuko-fx before the payee is paid" in said
    assert not any(secret in said for secret in (BAOBAB, HILL))


async def test_a_quote_is_explained_by_its_own_id_and_says_who_used_it(door: Door, migrated_url: str) -> None:
    reference = await quoted(door, "10000")
    (kept,) = await door.store.instruments(Resource.QUOTATION, reference)
    best, other = kept.quotes
    transfer = await sent(door, KES_10_000, quotationReference=reference, quoteId=other.id)
    for said in (hub("explain", other.id.upper(), database=migrated_url), await explained(door, transfer)):
        assert f"used by transfer {transfer}, by quote {other.id}, which is reserved" in said
        assert f"quote {other.id}  honoured until" in said
        assert f"quote {best.id}  honoured until" not in said
    shown = hub("transfer", "show", transfer, database=migrated_url)
    assert "sent 10000 KES, the payer pays 10057.5 KES, the payee gets 283070 UGX, at 28.457" in shown
    assert f"hub explain {other.id}" in shown
    assert line_with(shown, "pending", "mizani position", "hillbank position", "284570 UGX")
    assert line_with(shown, "pending", "baobab position", "scheme fees", "50 KES")
    assert BAOBAB not in shown


async def test_what_is_to_arrive_is_rounded_at_the_sender(door: Door) -> None:
    said = await explained(door, await quoted(door, "100000", "UGX", amountType="receive"))
    assert "100000 UGX to arrive" in said
    assert said.count("what is sent, up to the least that is worth it") == 2


async def test_two_conversions_are_explained_one_by_one_and_without_a_quote_too(door: Door) -> None:
    transfer = await sent(door, Money(5_000_00, "KES"), KILIMA, least="100000")
    said = await explained(door, transfer)
    assert line_with(said, "mizani ", "38.46 USD", "0.00775, published", "less 75 basis points", "half to even")
    assert line_with(said, "kivuko ", "102126.68 TZS", "2655.4, published", "no spread")
    assert "said when it was admitted:" in said
    assert KILIMA not in said


async def test_a_reversal_is_at_the_rate_of_then(door: Door) -> None:
    (kept,) = await door.store.instruments(Resource.QUOTATION, await quoted(door, "10000"))
    transfer = await sent(door, KES_10_000, quotationReference=kept.reference, quoteId=kept.quotes[1].id)
    await committed(door, transfer)
    await published(door, "mizani", "KES", "UGX", "28.8")
    said = await explained(door, await reversed_by(door, "hillbank", transfer))
    assert line_with(said, "284570 UGX", "10000 KES", "the rate of the original, turned round")
    assert "reversed at the original rate 28.457" in said


async def test_what_was_left_out_is_remembered_when_the_market_is_another(door: Door) -> None:
    await published(door, "mizani", "KES", "UGX", "31.2")
    reference = await quoted(door, "10000")
    await published(door, "mizani", "KES", "UGX", "28.61")
    assert "mizani: left out, its rate jumped from 28.60 to 31.2" in await explained(door, reference)


async def test_a_price_outlives_the_rules_that_made_it(door: Door) -> None:
    reference = await quoted(door, "10000")
    file = read_scheme(ROOT / "config/scheme.toml")
    offers = tuple(msgspec.structs.replace(each, spread_bps=90) for each in file.fx if each.provider == "mizani")
    await door.store.apply_scheme(msgspec.structs.replace(file, fee=(), fx=offers), "tests")
    said = await explained(door, reference)
    assert "the spread was another then: now it is 90 basis points" in said
    assert "the scheme has no such offer any more" in said
    assert "the scheme in force has no such rule any more" in said


async def test_what_has_no_price_and_what_is_not_there_say_so(door: Door, migrated_url: str) -> None:
    home = await sent(door, Money(150_00, "KES"), SAVANNA, kind="transfer")
    assert "no price: 150 KES moves as it is" in await explained(door, home)
    assert "there is no quotation, quote or transfer" in hub("explain", "f" * 32, database=migrated_url, code=1)
    assert "is no id" in hub("explain", "INV-1", database=migrated_url, code=1)


async def test_what_the_payees_provider_does_not_carry_is_left_out_too(door: Door) -> None:
    reference = await quoted(door, "10000", payee=NILE)
    assert "nile is asked and has not answered yet" in await explained(door, reference)
    fee = {"sendingAmount": "285100", "receivingAmount": "284100"}  # of the best quote's amount, and of no other
    own = {**fee, "quoteId": "own", "sendingCurrency": "UGX", "receivingCurrency": "UGX"}
    outcome = Outcome(
        transfer=reference,
        operation=Operation.ISSUE,
        connection="nile-gsma",
        reference=named(reference, Operation.ISSUE),
        verdict=Verdict.ACCEPTED,
        heard=HeardBy.CALLBACK,
        provider_reference="own",
        resource={"quotationStatus": "completed", "quotes": [own]},
    )
    assert isinstance(await door.handle(Heard(outcome=outcome)), Done)
    said = await explained(door, reference)
    assert line_with(said, "1000 UGX", "nile asks it in its own quote")
    assert "mizani: left out, nile's own quotes do not fit it (mizani at 28.457 (28.60 less 50" in said


async def test_a_quotation_that_came_to_nothing_says_why(door: Door) -> None:
    said = await explained(door, await quoted(door, "0.01"))
    assert "no quote was made" in said
    assert "amount_too_small" in said


async def test_what_was_flagged_waits_is_shown_and_goes_on_or_ends(door: Door, migrated_url: str) -> None:
    released, ended = [await sent(door, Money(minor, "KES"), NILE, least="1") for minor in (35_000_00, 36_000_00)]
    cases = hub("cases", database=migrated_url)
    assert line_with(cases, released, "flagged")
    assert line_with(cases, ended, "flagged")
    shown = hub("transfer", "show", released, database=migrated_url)
    assert f"`hub transfer resolve {released} accepted --state in_review` proposes that it goes on" in shown
    ruling = ("--by", "desk-1", "--why", "papers seen")
    early = hub(
        "transfer", "resolve", released, "accepted", "--state", "in_doubt", *ruling, database=migrated_url, code=1
    )
    assert "it is in_review, not in_doubt any more" in early
    assert await cases_of(door) == {released, ended}
    for transfer, verdict, becomes in (
        (released, "accepted", State.CONVERTING),
        (ended, "refused", f"{State.ABORTED}, not_carried_out"),
    ):
        said = hub("transfer", "resolve", transfer, verdict, "--state", "in_review", *ruling, database=migrated_url)
        assert await cases_of(door) >= {transfer}, "one person's word is only proposed"
        done = hub("proposals", "approve", proposal_in(said), "--by", "desk-2", database=migrated_url)
        assert f"{verdict} for transfer {transfer}, proposed by desk-1, approved by desk-2; {becomes}" in done
    assert await cases_of(door) == set()


async def cases_of(door: Door) -> set[str]:
    found: list[Case] = await door.store.open_cases(10)
    return {each.transfer for each in found}
