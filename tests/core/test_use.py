"""Use: what a payment by mandate, link, code or quote may do, as tables of obstacles; and who learns what of whom."""

from typing import Any

import msgspec
import pytest

from hub.core.command import Body, Reason, Submit, Transfer
from hub.core.instrument import Instrument
from hub.core.pricing.price import Side
from hub.core.pricing.rules import FeeRule
from hub.core.transfer import State
from routing.message import Instruction, Operation, Resource, Verdict
from routing.money import Money
from routing.party import Identifier
from tests.core.stage import ALPHA, BRAVO, CORAL, START_MS, Hub, errand, msisdn, reason_of, scheme_file, submit

A, R = Verdict.ACCEPTED, Verdict.REFUSED
OTHER = "+254710000002"  # another customer of bravo
TODAY, YESTERDAY, TOMORROW = "2027-01-15", "2027-01-14", "2027-01-16"  # START_MS is in this day
QUOTE = {
    "quoteId": "q1",
    "sendingAmount": "10",
    "sendingCurrency": "KES",
    "receivingAmount": "10",
    "receivingCurrency": "KES",
    "quoteExpiryTime": "2027-01-15T09:00:00Z",
}


def issued(hub: Hub, kind: Resource, terms: dict[str, Any], caller: str = "alpha") -> Instrument:
    """Have bravo make something for its customer, asked by alpha."""
    asked = hub.begun(errand(1, kind, terms, caller=caller))
    hub.hear(asked, Operation.ISSUE, A, own="theirs")
    return hub.instruments[asked.id]


def quoted(hub: Hub, said: dict[str, Any], type_: str = "transfer") -> Instrument:
    """Have alpha's customer quoted what bravo's would get, to which bravo says something."""
    plain = errand(1, Resource.QUOTATION, {"requestAmount": "10", "requestCurrency": "KES", "type": type_})
    asked = hub.begun(msgspec.structs.replace(plain, body=msgspec.structs.replace(plain.body, payer=msisdn(ALPHA))))
    hub.hear(asked, Operation.ISSUE, A, own="theirs", resource=said)
    return hub.instruments[asked.id]


def naming(kind: Resource, reference: str, number: int = 2, **change: Any) -> Submit:
    """Build a payment to alpha's customer that names an instrument of bravo's customer."""
    keys = {Resource.MANDATE: "mandatereference", Resource.LINK: "linkref"}
    fields = {key: change.pop(key) for key in ("details", "type", "channel", "sealed", "payer") if key in change}
    command = submit(number, payer="", **({"payee": BRAVO if kind is Resource.QUOTATION else ALPHA} | change))
    if kind in keys:
        fields["payer"] = (Identifier(keys[kind], reference),)
    elif kind is Resource.CODE:
        fields["details"] = {"oneTimeCode": reference, "descriptionText": "rent"}
    else:
        information = {"quotationReference": reference} | fields.get("details", {})
        fields["details"] = {"internationalTransferInformation": information}
        fields.setdefault("payer", msisdn(ALPHA))
    body: Body = msgspec.structs.replace(command.body, **fields)
    return msgspec.structs.replace(command, body=body)


def told(hub: Hub) -> Instruction:
    return msgspec.json.decode(hub.told[-1].body, type=Instruction)


PAYEE = {"payee": [{"key": "msisdn", "value": ALPHA}]}
MANDATES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "nothing is said": ({}, {}, True),
    "it is active": ({"mandateStatus": "active"}, {}, True),
    "it is not active": ({"mandateStatus": "inactive"}, {}, False),
    "it begins today": ({"startDate": TODAY}, {}, True),
    "it begins tomorrow": ({"startDate": TOMORROW}, {}, False),
    "it ends today": ({"endDate": TODAY}, {}, True),
    "it ended yesterday": ({"endDate": YESTERDAY}, {}, False),
    "up to its limit": ({"amountLimit": "10", "currency": "KES"}, {}, True),
    "over its limit": ({"amountLimit": "9.99", "currency": "KES"}, {}, False),
    "in another currency": ({"amountLimit": "100", "currency": "TZS"}, {}, False),
    "a limit that cannot be read limits to nothing": ({"amountLimit": "much"}, {}, False),
    "of another participant": ({}, {"caller": "third"}, False),
    "of another participant, for its payee": (PAYEE, {"caller": "third"}, True),
    "of another participant, for another payee": (
        {"payee": [{"key": "msisdn", "value": CORAL}]},
        {"caller": "third"},
        False,
    ),
}
LINKS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "both ways": ({"mode": "both"}, {}, True),
    "pull": ({"mode": "pull", "status": "active"}, {}, True),
    "only to push": ({"mode": "push"}, {}, False),
    "no mode": ({}, {}, False),
    "it is not active": ({"mode": "both", "status": "inactive"}, {}, False),
    "of another participant": ({"mode": "both"}, {"caller": "third"}, False),
}
EXACTLY = {"amount": "10", "currency": "KES", "amountType": "exact"}
CODES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "nothing is said": ({}, {}, True),
    "it is cancelled": ({"codeState": "cancelled"}, {}, False),
    "exactly so much": (EXACTLY, {}, True),
    "exactly more": (EXACTLY | {"amount": "10.01"}, {}, False),
    "exactly less": (EXACTLY | {"amount": "9.99"}, {}, False),
    "exactly, unless it says otherwise": ({"amount": "11", "currency": "KES"}, {}, False),
    "at most": (EXACTLY | {"amount": "11", "amountType": "maximum"}, {}, True),
    "over the most": (EXACTLY | {"amount": "9", "amountType": "maximum"}, {}, False),
    "in another currency": (EXACTLY | {"currency": "TZS"}, {}, False),
    "an amount that cannot be read": (EXACTLY | {"amount": "ten"}, {}, False),
    "for this type": ({"redemptionTransactionTypes": [{"transactionType": "transfer"}]}, {}, True),
    "for another type": ({"redemptionTransactionTypes": [{"transactionType": "billpay"}]}, {}, False),
    "for this channel": ({"redemptionChannels": [{"channelType": "ATM"}]}, {"channel": "atm"}, True),
    "for another channel": ({"redemptionChannels": [{"channelType": "ATM"}]}, {"channel": "pos"}, False),
    "for no channel": ({"redemptionChannels": [{"channelType": "ATM"}]}, {}, False),
    "for this payee": ({"redemptionAccountIdentifiers": PAYEE["payee"]}, {}, True),
    "for another payee": ({"redemptionAccountIdentifiers": [{"key": "msisdn", "value": CORAL}]}, {}, False),
    "for whoever calls": (
        {"redemptionAccountIdentifiers": [{"key": "organisationid", "value": "alpha"}]},
        {},
        True,
    ),
    "its own payer is named": ({}, {"payer": msisdn(BRAVO)}, True),
    "another payer is named": ({}, {"payer": msisdn(OTHER)}, False),
    "any participant redeems it": ({}, {"caller": "third"}, True),
}
CASES = [
    pytest.param(kind, terms, change, may, forbids, id=f"{kind}: {name}")
    for kind, forbids, table in (
        (Resource.MANDATE, Reason.MANDATE_FORBIDS, MANDATES),
        (Resource.LINK, Reason.LINK_FORBIDS, LINKS),
        (Resource.CODE, Reason.CODE_FORBIDS, CODES),
    )
    for name, (terms, change, may) in table.items()
]


@pytest.mark.parametrize(("kind", "terms", "change", "may", "forbids"), CASES)
def test_each_obstacle_is_found_and_nothing_else_is_one(
    kind: Resource, terms: dict[str, Any], change: dict[str, Any], may: bool | Reason, forbids: Reason
) -> None:
    hub = Hub()
    made = issued(hub, kind, terms)
    result = hub.one(naming(kind, made.reference, **change))
    expected: str = ("" if may else forbids) if isinstance(may, bool) else may
    assert reason_of(result) == expected
    kept = hub.transfers[result.transfer]
    assert kept.state is (State.ABORTED if expected else State.ASKED)
    assert hub.instruments[made.id].used_by == (kept.id if kind is Resource.CODE and not expected else None)


# What the payee FSP says to the hub's quote, how the payment differs from what was quoted, and what is said to it.
QUOTES: dict[str, tuple[dict[str, Any], dict[str, Any], Reason | str]] = {
    "it agrees without a word": ({}, {}, ""),
    "as it was quoted": ({"quotes": [QUOTE]}, {}, ""),
    "the one that is named": ({"quotes": [QUOTE | {"quoteId": "q0"}, QUOTE]}, {"details": {"quoteId": "ours"}}, ""),
    "one that was not given": ({"quotes": [QUOTE]}, {"details": {"quoteId": "q9"}}, Reason.QUOTE_UNKNOWN),
    "the payee FSP's own name for it": ({"quotes": [QUOTE]}, {"details": {"quoteId": "q1"}}, Reason.QUOTE_UNKNOWN),
    "no quote at all": ({"quotationStatus": "rejected"}, {}, Reason.QUOTE_UNKNOWN),
    "of another participant": ({"quotes": [QUOTE]}, {"caller": "bravo"}, Reason.QUOTE_UNKNOWN),
    "it speaks of another amount": ({"quotes": [QUOTE | {"sendingAmount": "11"}]}, {}, Reason.QUOTE_UNKNOWN),
    "it speaks of another currency": ({"quotes": [QUOTE | {"sendingCurrency": "TZS"}]}, {}, Reason.QUOTE_UNKNOWN),
    "it would give more": ({"quotes": [QUOTE | {"receivingAmount": "10.01"}]}, {}, Reason.QUOTE_UNKNOWN),
    "it would give nothing": ({"quotes": [QUOTE | {"receivingAmount": "0"}]}, {}, Reason.QUOTE_UNKNOWN),
    "another amount": ({"quotes": [QUOTE]}, {"amount": "10.01"}, Reason.QUOTE_DIFFERS),
    "another payer": ({"quotes": [QUOTE]}, {"payer": msisdn("+254700000002")}, Reason.QUOTE_DIFFERS),
    "another payee": ({"quotes": [QUOTE]}, {"payee": OTHER}, Reason.QUOTE_DIFFERS),
    "another type": ({"quotes": [QUOTE]}, {"type": "merchantpay"}, Reason.QUOTE_DIFFERS),
    "too late": ({"quotes": [QUOTE | {"quoteExpiryTime": "2027-01-15T07:59:00Z"}]}, {}, Reason.QUOTE_EXPIRED),
    "no time that can be read": ({"quotes": [QUOTE | {"quoteExpiryTime": "soon"}]}, {}, ""),
}


@pytest.mark.parametrize(("said", "change", "reason"), QUOTES.values(), ids=QUOTES)
def test_a_quote_is_paid_as_it_was_quoted_or_not_at_all(
    said: dict[str, Any], change: dict[str, Any], reason: Reason | str
) -> None:
    hub = Hub()
    made = quoted(hub, said)
    if change.get("details") == {"quoteId": "ours"}:
        change = change | {"details": {"quoteId": made.quotes[0].id}}
    result = hub.one(naming(Resource.QUOTATION, made.reference, **change))
    assert reason_of(result) == reason
    kept = hub.transfers[result.transfer]
    assert kept.state is (State.ABORTED if reason else State.RESERVED)
    assert hub.instruments[made.id].used_by == (None if reason else kept.id)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_a_quote_is_paid_once(*, together: bool) -> None:
    hub = Hub()
    made = quoted(hub, {"quotes": [QUOTE]})
    pair = [naming(Resource.QUOTATION, made.reference, number) for number in (2, 3)]
    results = hub.batch(pair) if together else [hub.one(each) for each in pair]
    assert [reason_of(each) for each in results] == ["", Reason.QUOTE_USED]
    assert hub.instruments[made.id].used_by == results[0].transfer


@pytest.mark.parametrize("verdict", [A, R], ids=["paid", "refused"])
def test_a_quote_is_used_once_whatever_becomes_of_its_transfer(verdict: Verdict) -> None:
    hub = Hub()
    made = quoted(hub, {"quotes": [QUOTE]})
    payment = hub.begun(naming(Resource.QUOTATION, made.reference))
    assert reason_of(hub.one(naming(Resource.QUOTATION, made.reference, 3))) == Reason.QUOTE_USED
    hub.hear(payment, Operation.CREDIT, verdict)
    assert reason_of(hub.one(naming(Resource.QUOTATION, made.reference, 4))) == Reason.QUOTE_USED


def test_the_payee_fsp_hears_its_own_name_of_the_quote_that_is_paid() -> None:
    hub = Hub()
    made = quoted(hub, {"quotes": [QUOTE]})
    hub.begun(naming(Resource.QUOTATION, made.reference, details={"quoteId": made.quotes[0].id}))
    words = told(hub)
    assert (words.connection, words.own) == ("bravo-1", {Resource.QUOTATION: "theirs"})
    information = {"quotationReference": made.reference, "quoteId": "q1", "deliveryMethod": "directtoaccount"}
    assert words.details["internationalTransferInformation"] == information


@pytest.mark.parametrize(
    ("payer", "reason"), [("", Reason.CODE_UNKNOWN), (BRAVO, "")], ids=["no payer", "the payer's own provider knows it"]
)
def test_an_unknown_code_needs_somebody_who_may_know_it(payer: str, reason: str) -> None:
    hub = Hub()
    named: dict[str, Any] = {"payer": msisdn(payer)} if payer else {}
    assert reason_of(hub.one(naming(Resource.CODE, "123456", **named))) == reason
    if payer:
        assert told(hub).details["oneTimeCode"] == "123456", "so it is passed on"


# What the payer pays for itself is taken of its account as well.
SERVICE = FeeRule(name="service", currency="KES", fixed="1")
WITH_FEES: dict[str, tuple[Resource, dict[str, Any], Reason | str]] = {
    "a code of the amount and the fee": (Resource.CODE, {"amount": "11", "amountType": "maximum"}, ""),
    "a code of less": (Resource.CODE, {"amount": "10.99", "amountType": "maximum"}, Reason.CODE_FORBIDS),
    "a code of anything": (Resource.CODE, {}, ""),
    "a mandate of the amount and the fee": (Resource.MANDATE, {"amountLimit": "11", "currency": "KES"}, ""),
    "a mandate of less": (Resource.MANDATE, {"amountLimit": "10.99"}, Reason.MANDATE_FORBIDS),
    "a mandate without a limit": (Resource.MANDATE, {}, ""),
}


@pytest.mark.parametrize("paid_by", list(Side))
@pytest.mark.parametrize(("kind", "terms", "reason"), WITH_FEES.values(), ids=WITH_FEES)
def test_what_was_agreed_bounds_what_the_account_loses_fees_and_all(
    kind: Resource, terms: dict[str, Any], reason: Reason | str, paid_by: Side
) -> None:
    fee = msgspec.structs.replace(SERVICE, paid_by=paid_by)
    hub = Hub(msgspec.structs.replace(scheme_file(), fee=(fee,)))
    made = issued(hub, kind, terms)
    result = hub.one(naming(kind, made.reference))
    assert reason_of(result) == (reason if paid_by is Side.PAYER else "")
    if not reason:
        assert str(told(hub).money) == ("11" if paid_by is Side.PAYER else "10")


def test_an_unknown_quotation_is_unknown() -> None:
    assert reason_of(Hub().one(naming(Resource.QUOTATION, "unheard"))) == Reason.QUOTE_UNKNOWN


@pytest.mark.parametrize(
    ("lifetime", "after_s", "reason"),
    [("60", 59, ""), ("60", 60, Reason.CODE_FORBIDS), ("", 10**6, ""), ("long", 10**6, "")],
)
def test_a_code_ends_with_its_lifetime(lifetime: str, after_s: int, reason: str) -> None:
    hub = Hub()
    code = issued(hub, Resource.CODE, {"codeLifetime": lifetime})
    hub.now_ms = START_MS + after_s * 1000
    assert reason_of(hub.one(naming(Resource.CODE, code.reference))) == reason


@pytest.mark.parametrize("kind", [Resource.MANDATE, Resource.LINK, Resource.CODE])
def test_the_account_stands_in_the_place_of_its_name_and_the_issuer_hears_its_own(kind: Resource) -> None:
    hub = Hub()
    made = issued(hub, kind, {"mode": "both"})
    payment = hub.begun(naming(kind, made.reference))
    words = told(hub)
    assert (payment.payer_fsp, words.connection, words.operation) == ("bravo", "bravo-1", Operation.DEBIT)
    assert (words.payer, words.payee, words.own) == (msisdn(BRAVO), msisdn(ALPHA), {kind: "theirs"})
    assert f"payer: {kind} issued by bravo" in hub.trail[-1].detail or f"{kind} issued by bravo" in hub.trail[-1].detail


def test_a_link_of_the_payee_is_credited_where_its_account_is() -> None:
    hub = Hub()
    link = issued(hub, Resource.LINK, {"mode": "push"})
    plain = submit(2)
    body = msgspec.structs.replace(plain.body, payee=(Identifier("linkref", link.reference),))
    payment = hub.begun(msgspec.structs.replace(plain, body=body))
    assert (payment.state, payment.payee_fsp, told(hub).payee) == (State.RESERVED, "bravo", msisdn(BRAVO))


def test_who_redeems_a_code_learns_whose_provider_pays_and_not_whose_account() -> None:
    hub = Hub()
    code = issued(hub, Resource.CODE, {})
    payment = hub.begun(naming(Resource.CODE, code.reference, caller="third"))
    body = msgspec.json.decode(payment.body, type=Body)
    assert body.payer == (Identifier("organisationid", "bravo"),)
    assert "oneTimeCode" not in body.details
    assert body.details["descriptionText"] == "rent"
    hub.hear(payment, Operation.DEBIT, A)
    credit = told(hub)
    assert (credit.operation, credit.sealed) == (Operation.CREDIT, "")


@pytest.mark.parametrize(
    ("caller", "operations"),
    [("alpha", [Operation.CREDIT]), ("bravo", [Operation.DEBIT]), ("third", [Operation.DEBIT, Operation.CREDIT])],
)
def test_a_customers_credentials_reach_only_the_account_they_open(caller: str, operations: list[Operation]) -> None:
    hub = Hub()
    plain = submit(2, caller=caller)
    payment = hub.begun(msgspec.structs.replace(plain, body=msgspec.structs.replace(plain.body, sealed="sealed")))
    hub.hear(payment, operations[0], A)
    words = [msgspec.json.decode(each.body, type=Instruction) for each in hub.told if each.queue != "callbacks"]
    assert [(each.operation, each.sealed) for each in words] == [
        (operation, "sealed" if operation is Operation.DEBIT else "") for operation in operations
    ]


def test_credentials_for_an_errand_reach_who_runs_it() -> None:
    hub, plain = Hub(), errand(1, Resource.MANDATE)
    hub.begun(msgspec.structs.replace(plain, body=msgspec.structs.replace(plain.body, sealed="sealed")))
    assert told(hub).sealed == "sealed"


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_of_two_who_redeem_one_code_the_first_is_admitted(*, together: bool) -> None:
    hub = Hub()
    code = issued(hub, Resource.CODE, {})
    pair = [naming(Resource.CODE, code.reference, number) for number in (2, 3)]
    results = hub.batch(pair) if together else [hub.one(each) for each in pair]
    assert [reason_of(each) for each in results] == ["", Reason.CODE_FORBIDS]
    assert hub.instruments[code.id].used_by == results[0].transfer


@pytest.mark.parametrize(
    ("caller", "said", "free"),
    [
        ("alpha", [(Operation.DEBIT, A)], False),
        ("alpha", [(Operation.DEBIT, R)], True),
        ("third", [(Operation.DEBIT, A), (Operation.CREDIT, R)], False),
        ("third", [(Operation.DEBIT, A), (Operation.CREDIT, R), (Operation.REFUND, A)], True),
    ],
    ids=["paid", "refused", "owed back", "given back"],
)
def test_a_code_is_free_again_only_when_nothing_moved(
    caller: str, said: list[tuple[Operation, Verdict]], *, free: bool
) -> None:
    hub = Hub()
    code = issued(hub, Resource.CODE, {})
    payment: Transfer = hub.begun(naming(Resource.CODE, code.reference, caller=caller))
    for operation, verdict in said:
        payment = hub.hear(payment, operation, verdict)
    result = hub.one(naming(Resource.CODE, code.reference, 3))
    assert reason_of(result) == ("" if free else Reason.CODE_FORBIDS)


def test_a_barred_payment_leaves_the_code_free() -> None:
    hub = Hub()
    code = issued(hub, Resource.CODE, {})
    hub.begun(submit(7, caller="bravo", payer=BRAVO, payee=ALPHA, amount="900"))
    over = naming(Resource.CODE, code.reference, amount="200")
    assert reason_of(hub.one(over)) == Reason.CAP_EXCEEDED
    assert hub.instruments[code.id].used_by is None
    fits = naming(Resource.CODE, code.reference, 3, amount="100")
    assert hub.begun(fits).money == Money.parse("100", "KES")


def test_a_quotation_by_link_is_priced_at_whoever_holds_the_account() -> None:
    hub = Hub()
    link = issued(hub, Resource.LINK, {"mode": "both", "status": "active"})
    asked = errand(5, Resource.QUOTATION, {"requestAmount": "10", "requestCurrency": "KES"}, account=CORAL)
    by_link = msgspec.structs.replace(asked.body, payer=(Identifier("linkref", link.reference),))
    quotation = hub.begun(msgspec.structs.replace(asked, body=by_link))
    assert [quote.payer_fsp for quote in hub.instruments[quotation.id].quotes] == ["bravo"]
