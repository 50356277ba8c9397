"""Errands: who is told, with which words, and what is kept; nothing is made up, and nothing is made twice."""

from typing import Any

import msgspec
import pytest

from hub.core.change import Notice
from hub.core.command import AT_THE_DOOR, Body, Done, Due, Heard, Reason, Submit, Transfer, Word
from hub.core.instrument import Instrument
from hub.core.participant import SchemeFile, Status
from hub.core.transfer import Flow, State
from hub.ledger.account import counters
from routing.message import FailureClass, Instruction, Operation, Resource, Verdict
from routing.money import NOTHING
from tests.core.stage import (
    ALPHA,
    BRAVO,
    CORAL,
    RAIL,
    Hub,
    errand,
    msisdn,
    outcome,
    reason_of,
    refused,
    scheme_file,
    submit,
    transfer_id,
)
from tests.ruled import Ruled

A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN
ISSUE = Operation.ISSUE
NOBODY = "+255700000001"
NEW = (Resource.MANDATE, Resource.LINK, Resource.CODE, Resource.QUOTATION)
ASKED_QUOTE = {"requestAmount": "10", "requestCurrency": "KES"}


def with_resources(*resources: Resource, **status: Status) -> SchemeFile:
    file, rail = scheme_file(**status), msgspec.structs.replace(RAIL, resources=resources)
    return msgspec.structs.replace(
        file, connection=tuple(msgspec.structs.replace(each, rail=rail) for each in file.connection)
    )


def issued(hub: Hub, number: int, resource: Resource, terms: dict[str, Any] | None = None, **more: str) -> Instrument:
    """Have something made, to the end."""
    asked = hub.begun(errand(number, resource, terms, **more))
    hub.hear(asked, ISSUE, A)
    return hub.instruments[asked.id]


def told(hub: Hub) -> Instruction:
    """Decode what the last batch told a participant."""
    return msgspec.json.decode(hub.told[-1].body, type=Instruction)


@pytest.mark.parametrize(
    ("command", "participant"),
    [
        (errand(1, Resource.MANDATE), "bravo"),
        (errand(1, Resource.CODE, caller="third", account=ALPHA), "alpha"),
        (errand(1, Resource.LINK, account=NOBODY, institution="bravo"), "bravo"),
        (errand(1, Resource.ACCOUNT, account=NOBODY), "alpha"),
        (errand(1, Resource.QUOTATION, ASKED_QUOTE), "bravo"),
    ],
    ids=["the account's holder", "of any account", "whom the header names", "an FSP opens its own", "quotes"],
)
def test_the_participant_that_keeps_the_account_is_told_and_no_money_is_held(command: Submit, participant: str) -> None:
    hub = Hub()
    asked = hub.begun(command)
    assert (asked.flow, asked.state, asked.payee_fsp) == (Flow.ERRAND, State.TOLD, participant)
    assert (asked.payer_fsp, asked.money) == (command.caller, NOTHING)
    words = told(hub)
    assert (words.operation, words.connection, words.errand) == (ISSUE, f"{participant}-1", command.body.errand)
    assert all(not any(counters(each)) for each in hub.accounts.values())
    assert hub.instruments == {}, "nothing is made before its maker says so"


@pytest.mark.parametrize(
    ("file", "command", "reason"),
    [
        (scheme_file(), errand(1, Resource.MANDATE, account=CORAL), Reason.UNSUPPORTED),
        (with_resources(Resource.LINK), errand(1, Resource.MANDATE), Reason.UNSUPPORTED),
        (scheme_file(), errand(1, Resource.MANDATE, account=NOBODY), Reason.PAYEE_UNKNOWN),
        (scheme_file(), errand(1, Resource.ACCOUNT, account=NOBODY, caller="third"), Reason.PAYEE_UNKNOWN),
        (scheme_file(), errand(1, Resource.MANDATE, institution="nobody"), Reason.INSTITUTION_UNKNOWN),
        (scheme_file(bravo=Status.SUSPENDED), errand(1, Resource.MANDATE), Reason.PARTICIPANT_SUSPENDED),
        (scheme_file(), errand(1, Resource.MANDATE, reference="unheard"), Reason.INSTRUMENT_UNKNOWN),
        (scheme_file(), errand(1, Resource.MANDATE, caller="stranger"), Reason.CALLER_SUSPENDED),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
def test_what_speaks_against_an_errand_is_said_where_it_belongs(
    file: SchemeFile, command: Submit, reason: Reason
) -> None:
    hub = Hub(file)
    result = hub.one(command)
    assert reason_of(result) == reason
    if reason in AT_THE_DOOR:
        assert refused(result, reason)
        assert (hub.transfers, hub.said, hub.first) == ({}, [], {})
        return
    assert result == Done(transfer=command.transfer, state=State.ABORTED, reason=reason)
    assert hub.transfers[command.transfer].flow is Flow.ERRAND
    assert hub.said == [("callbacks", command.transfer)]


@pytest.mark.parametrize("resource", [each for each in NEW if each is not Resource.QUOTATION])
def test_what_its_maker_names_is_kept_under_the_hubs_reference(resource: Resource) -> None:
    hub = Hub()
    asked = hub.begun(errand(1, resource, {"said": "by the caller"}))
    hub.hear(asked, ISSUE, A, resource={"also": "by the maker"}, own="theirs")
    made = hub.instruments[asked.id]
    assert (made.kind, made.reference, made.own, made.owner) == (resource, asked.id, "theirs", "alpha")
    assert (made.participant, made.connection, made.account) == ("bravo", "bravo-1", msisdn(BRAVO))
    assert made.terms.items() >= {"said": "by the caller", "also": "by the maker"}.items()
    assert asked.id in made.terms.values(), "shown under the hub's reference"
    assert hub.transfers[asked.id].payee_reference == "theirs"
    said = msgspec.json.decode(hub.told[-1].body, type=Notice)
    assert (hub.told[-1].queue, said.transfer.state, said.resource) == ("callbacks", State.COMMITTED, made.terms)


def test_a_quotation_is_the_hubs_and_the_payee_fsp_names_it_for_itself() -> None:
    hub = Hub()
    asked = hub.begun(errand(1, Resource.QUOTATION, ASKED_QUOTE | {"said": "by the caller"}))
    hub.hear(asked, ISSUE, A, resource={"also": "by the payee FSP", "quoteReference": "theirs"}, own="theirs")
    made = hub.instruments[asked.id]
    assert (made.kind, made.reference, made.own, made.owner) == (Resource.QUOTATION, asked.id, "theirs", "alpha")
    assert (made.participant, made.connection, made.account) == ("bravo", "bravo-1", msisdn(BRAVO))
    assert made.terms.items() >= ASKED_QUOTE.items() | {"said": "by the caller", "quotationReference": asked.id}.items()
    assert "also" not in made.terms, "what is offered are the hub's words alone"
    assert hub.transfers[asked.id].payee_reference == "theirs"
    said = msgspec.json.decode(hub.told[-1].body, type=Notice)
    assert (hub.told[-1].queue, said.transfer.state, said.resource) == ("callbacks", State.COMMITTED, made.terms)


@pytest.mark.parametrize("resource", NEW)
def test_an_acceptance_that_does_not_name_what_was_made_is_no_answer(resource: Resource) -> None:
    hub = Hub()
    asked = hub.begun(errand(1, resource, ASKED_QUOTE))
    doubted = hub.hear(asked, ISSUE, A, own="")
    assert (doubted.state, hub.instruments) == (State.TOLD_IN_DOUBT, {})
    assert hub.hear(doubted, ISSUE, A, own="theirs").state is State.COMMITTED
    assert hub.instruments[asked.id].own == "theirs"


def test_an_account_and_a_change_need_no_name() -> None:
    hub = Hub()
    account = hub.begun(errand(1, Resource.ACCOUNT))
    assert hub.hear(account, ISSUE, A, own="").state is State.COMMITTED
    link = issued(hub, 2, Resource.LINK)
    change = hub.begun(errand(3, Resource.LINK, {"changes": []}, reference=link.reference))
    assert hub.hear(change, ISSUE, A, own="").state is State.COMMITTED


@pytest.mark.parametrize("verdict", [A, R])
def test_a_word_said_again_makes_nothing_again_and_a_word_against_it_is_a_case(verdict: Verdict) -> None:
    hub = Hub()
    asked = hub.hear(hub.begun(errand(1, Resource.CODE)), ISSUE, A)
    before, spoken = dict(hub.instruments), list(hub.said)
    hub.hear(asked, ISSUE, verdict, own="another")
    assert (hub.instruments, hub.said) == (before, spoken)
    assert hub.cases == ([] if verdict is A else [("contradicted", asked.id)])


def changes(**terms: str) -> dict[str, Any]:
    return {"changes": [{"op": "replace", "path": f"/{path}", "value": value} for path, value in terms.items()]}


def test_a_change_goes_to_the_issuer_by_its_own_name_and_amends_what_is_kept() -> None:
    hub = Hub()
    mandate = issued(hub, 1, Resource.MANDATE, {"mandateStatus": "active", "amountLimit": "10"})
    # The path names whatever account it likes: the issuer is told about its own.
    change = hub.begun(
        errand(2, Resource.MANDATE, changes(mandateStatus="inactive"), account=ALPHA, reference=mandate.reference)
    )
    words = told(hub).errand
    assert (change.payee_fsp, change.payee_connection) == ("bravo", "bravo-1")
    assert words is not None
    assert (words.reference, words.account) == (mandate.own, msisdn(BRAVO))
    assert hub.instruments[mandate.id] == mandate, "not before the issuer agrees"
    hub.now_ms += 1000
    hub.hear(change, ISSUE, A)
    amended = hub.instruments[mandate.id]
    assert amended.terms == mandate.terms | {"mandateStatus": "inactive"}
    assert (amended.own, amended.owner, amended.updated_ms) == (mandate.own, mandate.owner, hub.now_ms)
    assert list(hub.instruments) == [mandate.id], "a change makes nothing new"


@pytest.mark.parametrize(
    ("caller", "may"), [("alpha", True), ("bravo", True), ("coral", False), ("third", False)], ids=str
)
@pytest.mark.parametrize("resource", [Resource.MANDATE, Resource.LINK, Resource.CODE])
def test_only_who_asked_for_it_and_who_issued_it_may_change_it(resource: Resource, caller: str, *, may: bool) -> None:
    hub = Hub()
    made = issued(hub, 1, resource)
    command = errand(2, resource, changes(status="inactive"), caller=caller, reference=made.reference)
    result = hub.one(command)
    assert (reason_of(result) == "") is may
    if not may:
        unheard = errand(3, resource, changes(status="inactive"), caller=caller, reference="unheard")
        assert result == hub.one(unheard), "to strangers it does not exist"


def redeemed(hub: Hub, code: Instrument) -> Transfer:
    """Have alpha collect with a code of bravo's customer."""
    plain = submit(90, payer="", payee=ALPHA)
    body: Body = msgspec.structs.replace(plain.body, details={"oneTimeCode": code.reference})
    return hub.begun(msgspec.structs.replace(plain, body=body))


@pytest.mark.parametrize(
    ("ending", "reason"),
    [(None, Reason.CODE_FORBIDS), (A, Reason.CODE_FORBIDS), (R, "")],
    ids=["while it pays", "when it has paid", "when it did not pay after all"],
)
def test_a_code_is_changed_only_while_it_is_not_spent(ending: Verdict | None, reason: str) -> None:
    hub = Hub()
    code = issued(hub, 1, Resource.CODE, {"codeState": "active"})
    payment = redeemed(hub, code)
    if ending is not None:
        hub.hear(payment, Operation.DEBIT, ending)
    command = errand(2, Resource.CODE, changes(codeState="cancelled"), reference=code.reference)
    assert reason_of(hub.one(command)) == reason


def test_a_code_redeemed_while_its_issuer_cancels_it_pays_or_not_as_the_issuer_says_and_stays_bound() -> None:
    hub = Hub()
    code = issued(hub, 1, Resource.CODE, {"codeState": "active"})
    cancelling = hub.begun(errand(2, Resource.CODE, changes(codeState="cancelled"), reference=code.reference))
    payment = redeemed(hub, code)
    hub.batch([Heard(outcome=outcome(cancelling, ISSUE, A)), Heard(outcome=outcome(payment, Operation.DEBIT, R))])
    after = hub.instruments[code.id]
    assert (after.terms["codeState"], after.used_by) == ("cancelled", payment.id)
    assert reason_of(hub.one(again(code))) == Reason.CODE_FORBIDS


def again(code: Instrument) -> Submit:
    plain = submit(91, payer="", payee=ALPHA)
    return msgspec.structs.replace(
        plain, body=msgspec.structs.replace(plain.body, details={"oneTimeCode": code.reference})
    )


def test_where_nobody_quotes_the_hub_quotes_itself_and_the_quote_can_be_paid() -> None:
    hub = Hub(with_resources())
    asked = hub.begun(errand(1, Resource.QUOTATION, ASKED_QUOTE))
    assert (asked.state, [queue for queue, _ in hub.said]) == (State.COMMITTED, ["callbacks"])
    (made,) = hub.instruments.values()
    (quote,) = made.terms["quotes"]
    assert (made.reference, made.owner, made.terms["quotationStatus"]) == (asked.id, "alpha", "completed")
    assert (quote["sendingAmount"], quote["receivingAmount"], quote["receivingServiceProvider"]) == (
        "10",
        "10",
        "bravo",
    )
    assert msgspec.json.decode(hub.told[-1].body, type=Notice).resource == made.terms
    plain = submit(2)
    named = {"internationalTransferInformation": {"quotationReference": asked.id}}
    body = msgspec.structs.replace(plain.body, details=named)
    assert hub.begun(msgspec.structs.replace(plain, body=body)).state is State.RESERVED


@pytest.mark.parametrize(
    "asked",
    [{}, {"requestAmount": "10.001", "requestCurrency": "KES"}, {"requestAmount": "1", "requestCurrency": "nothing"}],
    ids=["nothing", "too many decimals", "no currency"],
)
def test_what_cannot_be_quoted_is_said_and_takes_no_other_member_along(asked: dict[str, str]) -> None:
    hub = Hub(with_resources())
    results = hub.batch([submit(1), errand(2, Resource.QUOTATION, asked)])
    assert [reason_of(each) for each in results] == ["", Reason.CURRENCY_UNSUPPORTED]
    assert hub.instruments == {}


def test_of_an_errand_an_operator_rules_only_that_it_was_not_run_and_a_participants_word_counts_for_nothing() -> None:
    hub = Hub()
    asked = hub.begun(errand(1, Resource.CODE))
    hub.now_ms = asked.due_ms or 0
    hub.one(Due(transfer=asked.id))
    told = State.TOLD_IN_DOUBT
    said: list[Ruled | Word] = [Ruled(transfer=asked.id, state=told, verdict=A, by="operations", why="it says so")]
    said += [Word(transfer=asked.id, caller=who, verdict=verdict) for who in ("alpha", "bravo") for verdict in (A, R)]
    for command in said:
        assert refused(hub.one(command), Reason.STATE_FORBIDS)
    hub.one(Ruled(transfer=asked.id, state=told, verdict=R, by="operations", why="undone there"))
    assert (hub.transfers[asked.id].state, hub.instruments) == (State.ABORTED, {})
    hub.hear(asked, ISSUE, A)
    assert (hub.instruments, hub.cases) == ({}, [("contradicted", asked.id)]), "a late yes is an operator's matter"


def test_an_errand_never_received_is_sent_again_within_the_lease_and_lapses_after_it() -> None:
    hub = Hub()
    asked = hub.begun(errand(1, Resource.CODE))
    hub.now_ms = asked.due_ms or 0
    hub.one(Due(transfer=asked.id))
    doubted = hub.transfers[asked.id]
    again_ = hub.hear(doubted, ISSUE, U, failure=FailureClass.ABSENT, asked_ms=hub.now_ms)
    assert again_.state is State.TOLD
    assert {told.reference for told in map(instruction, hub.told)} == {told(hub).reference}
    hub.now_ms = again_.lease_ends_ms + 60_000
    lapsed = hub.hear(again_, ISSUE, U, failure=FailureClass.ABSENT, asked_ms=hub.now_ms)
    assert (lapsed.state, lapsed.reason, hub.instruments) == (State.ABORTED, FailureClass.LAPSED, {})


def instruction(each: Any) -> Instruction:
    return msgspec.json.decode(each.body, type=Instruction)


def test_no_errand_is_reversed() -> None:
    hub = Hub()
    made = issued(hub, 1, Resource.CODE)
    assert refused(hub.one(submit(2, original=made.id, amount=None)), Reason.ORIGINAL_UNKNOWN)
    assert transfer_id(2) not in hub.transfers
