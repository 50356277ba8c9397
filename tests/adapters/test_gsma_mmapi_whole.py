"""The GSMA adapter, the runner and the simulator over real HTTP: one errand, payment and question of each kind."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from adapters.contract import Answer, Connection, Errand, Finding, Kind, Operation, Outcome, Question, Resource
from adapters.gsma_mmapi.adapter import Adapter
from adapters.simulator.app import Simulator
from routing.message import encoded
from routing.money import NOTHING, Money
from routing.party import Identifier, Party
from routing.topology import inquiries
from tests.adapters.plain import ACCEPTED, NOWHERE, REFUSED, World, asked, brief, called, given, running, simulated

ME = (Identifier("msisdn", "+254700333444"),)
SHOP = {"payee": [{"key": "organisationid", "value": "SHOP"}]}
IBAN = [{"key": "iban", "value": "KE00"}]
NEW = [{"key": "msisdn", "value": "+254700999000"}]
WHO = [{"accountRelationship": "accountholder", "identityKyc": {"subjectName": {"fullName": "A New One"}}}]
QUOTED = {"debitParty": [{"key": "msisdn", "value": "+254700333444"}], "creditParty": NEW}
MADE: dict[Resource, dict[str, Any]] = {
    Resource.MANDATE: SHOP | {"startDate": "2026-01-01", "amountLimit": "1000", "currency": "KES"},
    Resource.LINK: {"sourceAccountIdentifiers": IBAN, "mode": "both", "status": "active"},
    Resource.CODE: {"amount": "100", "currency": "KES", "amountType": "maximum", "codeLifetime": 600},
    Resource.QUOTATION: QUOTED | {"requestAmount": "100", "requestCurrency": "KES"},
    Resource.ACCOUNT: {"accountIdentifiers": NEW, "identity": WHO},
}
NAMES = {
    Resource.MANDATE: "mandateReference",
    Resource.LINK: "linkReference",
    Resource.CODE: "authorisationCode",
    Resource.QUOTATION: "quotationReference",
}
CHANGED = {
    Resource.MANDATE: {"op": "replace", "path": "/mandateStatus", "value": "inactive"},
    Resource.LINK: {"op": "replace", "path": "/status", "value": "inactive"},
    Resource.CODE: {"op": "replace", "path": "/codeState", "value": "cancelled"},
    Resource.ACCOUNT: {"op": "replace", "path": "/accountStatus", "value": "unavailable"},
}
BILL = {"billReference": "B1", "account": "msisdn@+254700333444", "amountDue": "30", "currency": "KES"}
each_provider = pytest.mark.parametrize("provider", ["alpha", "prompt"])


class Whole(Adapter):
    """The adapter, with the credentials that the simulator knows."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(msgspec.structs.replace(connection, secrets=connection.secrets | {"client_id": "makutano"}))


@pytest.fixture
async def simulator() -> AsyncIterator[tuple[Simulator, str]]:
    async with simulated() as both:
        yield both


async def seeded(url: str, provider: str, **content: Any) -> None:
    status, _ = await called(f"{url}{provider}/_control/seed", msgspec.json.encode(content))
    assert status == 200


async def done(world: World, simulator: Simulator, **given_: Any) -> tuple[Outcome, Outcome]:
    """Have something done: what came of it, by answer or by callback, and what an inquiry finds."""
    instruction = given(**given_)
    before = len(world.bus.outcomes)
    await world.carry_out(instruction)
    await simulator.callbacks.drained()
    heard = list(await world.heard())[before:]
    assert len(heard) == 1, brief(heard)
    found = (await world.carry_out(asked(instruction)))[-1]
    return heard[0], found


async def issued(world: World, simulator: Simulator, errand: Errand) -> Outcome:
    outcome, found = await done(world, simulator, operation=Operation.ISSUE, errand=errand, money=NOTHING)
    assert (outcome.verdict, found.verdict) == (ACCEPTED, ACCEPTED), (outcome, found)
    if not errand.change:
        assert outcome.resource == found.resource
        assert outcome.provider_reference == found.provider_reference
    return outcome


async def answer_to(world: World, kind: Kind, party: Party = ME, **more: Any) -> Answer:
    question = Question(kind=kind, connection="alpha", party=party, asker="one", correlation="c", **more)
    said = await world.bus.ask(inquiries("alpha"), encoded(question), timeout_s=10)
    return msgspec.json.decode(said, type=Answer)


@each_provider
@pytest.mark.parametrize("resource", MADE)
async def test_each_thing_is_made_found_shown_and_changed(
    simulator: tuple[Simulator, str], provider: str, resource: Resource
) -> None:
    made, url = simulator
    account = () if resource in {Resource.QUOTATION, Resource.ACCOUNT} else ME
    async with running(url + provider, Whole) as world:  # type: ignore[arg-type]
        outcome = await issued(world, made, Errand(resource=resource, account=account, body=MADE[resource]))
        reference = outcome.provider_reference
        assert outcome.resource
        assert outcome.resource.get(NAMES.get(resource, ""), "") == reference
        if resource not in CHANGED:
            return
        account = account or (Identifier("msisdn", "+254700999000"),)
        change = CHANGED[resource]
        body = {"changes": [change]}
        await issued(
            world, made, Errand(resource=resource, account=account, reference=reference, change=True, body=body)
        )
        answer = await answer_to(world, Kind(resource), account, reference=reference)
        assert answer.finding is Finding.FOUND
        assert answer.body[change["path"][1:]] == change["value"]


@each_provider
async def test_an_identity_is_changed(simulator: tuple[Simulator, str], provider: str) -> None:
    made, url = simulator
    async with running(url + provider, Whole) as world:  # type: ignore[arg-type]
        new = await issued(world, made, Errand(resource=Resource.ACCOUNT, body=MADE[Resource.ACCOUNT]))
        account = (Identifier("msisdn", "+254700999000"),)
        body = {"changes": [{"op": "replace", "path": "/kycVerificationStatus", "value": "verified"}]}
        name = new.resource["identity"][0]["identityId"]
        await issued(
            world, made, Errand(resource=Resource.IDENTITY, account=account, reference=name, change=True, body=body)
        )
        answer = await answer_to(world, Kind.ACCOUNT, account)
        assert answer.body["identity"][0]["kycVerificationStatus"] == "verified"


@each_provider
async def test_a_bill_is_paid_once_and_its_token_is_told(simulator: tuple[Simulator, str], provider: str) -> None:
    made, url = simulator
    paying = {"operation": Operation.CREDIT, "money": Money(3000, "KES"), "type": "billpay"}
    async with running(url + provider, Whole) as world:  # type: ignore[arg-type]
        await seeded(url, provider, bill=[BILL])
        errand = Errand(resource=Resource.BILL_PAYMENT, account=ME, reference="B1")
        outcome, found = await done(world, made, errand=errand, **paying)
        for each in (outcome, found):
            assert (each.verdict, each.money) == (ACCEPTED, Money(3000, "KES"))
            assert each.resource["serviceProviderNotification"].startswith("Token ")
            assert each.provider_reference == each.resource["serviceProviderPaymentReference"]
        again, _ = await done(world, made, errand=errand, **paying)
        assert again.verdict is REFUSED
        alone = Errand(resource=Resource.BILL_PAYMENT, reference="nowhere")
        assert (await done(world, made, errand=alone, **paying))[0].code == "identifierError"
        payments = await answer_to(world, Kind.BILL_PAYMENTS, reference="B1")
        assert [row["amountPaid"] for row in payments.rows] == ["30"]
        bills = await answer_to(world, Kind.BILLS)
        assert [(row["billReference"], row["billStatus"]) for row in bills.rows] == [("B1", "paid")]
    assert made.provider(provider).totals()["credited"] == {"KES": 3000}


async def test_a_wrong_amount_of_a_bill_payment_is_told_as_it_was_said(simulator: tuple[Simulator, str]) -> None:
    made, url = simulator
    errand = Errand(resource=Resource.BILL_PAYMENT, account=ME, reference="B1")
    async with running(url + "alpha", Whole) as world:  # type: ignore[arg-type]
        await seeded(url, "alpha", bill=[BILL | {"amountDue": "10.05"}])
        outcome, found = await done(world, made, errand=errand, money=Money(1005, "KES"))
    assert (outcome.money, found.money) == (Money(1006, "KES"), Money(1005, "KES"))


async def test_the_address_of_a_callback_says_what_it_is_about() -> None:
    errand = Errand(resource=Resource.MANDATE, account=ME, body=MADE[Resource.MANDATE])
    mandate, link = b'{"mandateReference":"DM1"}', b'{"linkReference":"LK1"}'
    async with running(NOWHERE, Whole) as world:  # type: ignore[arg-type]
        url = world.runner.make_callback_url(given(operation=Operation.ISSUE, errand=errand))
        for forged in (url.replace(".debitmandate.", ".link."), url.replace(".make/", ".change/")):
            assert forged != url
            assert (await called(forged, link))[0] == 404
        assert (await called(url, link))[0] == 400
        assert (await called(url, b'{"result":"success"}'))[0] == 400
        assert (await called(url, mandate))[0] == 204
        heard = [(each.operation, each.verdict, each.provider_reference) for each in await world.heard()]
    assert heard == [(Operation.ISSUE, ACCEPTED, "DM1")]


@pytest.mark.parametrize(
    ("operation", "type_", "resource"),
    [
        (Operation.DEBIT, "merchantpay", Resource.MANDATE),
        (Operation.DEBIT, "merchantpay", Resource.LINK),
        (Operation.DEBIT, "withdrawal", Resource.CODE),
        (Operation.CREDIT, "transfer", Resource.LINK),
    ],
)
async def test_money_moves_by_what_the_provider_issued(
    simulator: tuple[Simulator, str], operation: Operation, type_: str, resource: Resource
) -> None:
    made, url = simulator
    async with running(url + "alpha", Whole) as world:  # type: ignore[arg-type]
        thing = await issued(world, made, Errand(resource=resource, account=ME, body=MADE[resource]))
        own = {resource: thing.provider_reference}
        outcome, found = await done(world, made, operation=operation, type=type_, own=own, money=Money(5000, "KES"))
        assert (outcome.verdict, found.verdict) == (ACCEPTED, ACCEPTED)
    totals = made.provider("alpha").totals()
    moved = "debited" if operation is Operation.DEBIT else "credited"
    assert totals[moved] == {"KES": 5000}


async def test_a_code_is_used_once_without_a_payer_and_never_logged(simulator: tuple[Simulator, str]) -> None:
    made, url = simulator
    with capture_logs() as logs:
        async with running(url + "alpha", Whole) as world:  # type: ignore[arg-type]
            code = await issued(world, made, Errand(resource=Resource.CODE, account=ME, body=MADE[Resource.CODE]))
            using: dict[str, Any] = {
                "operation": Operation.DEBIT,
                "type": "merchantpay",
                "payer": (),
                "own": {Resource.CODE: code.provider_reference},
            }
            first, _ = await done(world, made, **using)
            second, _ = await done(world, made, **using)
            shown = await answer_to(world, Kind.CODE, reference=code.provider_reference)
    assert (first.verdict, second.verdict, shown.finding) == (ACCEPTED, REFUSED, Finding.FOUND)
    assert code.provider_reference not in repr(logs)


@pytest.mark.parametrize("kind", [Kind.HEARTBEAT, Kind.BALANCE, Kind.BILL_COMPANIES])
async def test_a_question_without_an_account_is_about_the_provider(
    simulator: tuple[Simulator, str], kind: Kind
) -> None:
    made, url = simulator
    async with running(url + "alpha", Whole) as world:  # type: ignore[arg-type]
        company = {"serviceProvider": "POWERCO", "companyName": "Power"}
        await seeded(url, "alpha", billcompany=[company])
        answer = await answer_to(world, kind, ())
        assert answer.finding is Finding.FOUND
        assert answer.body or answer.rows == [company]
    assert made.provider("alpha").totals()["executed_twice"] == 0


async def test_pages_say_how_many_rows_there_are_and_an_unknown_name_is_not_found(
    simulator: tuple[Simulator, str],
) -> None:
    made, url = simulator
    async with running(url + "prompt", Whole) as world:  # type: ignore[arg-type]
        for _ in range(3):
            await issued(world, made, Errand(resource=Resource.CODE, account=ME, body=MADE[Resource.CODE]))
        codes = await answer_to(world, Kind.CODES, query={"limit": "1", "codeState": "active"})
        assert (len(codes.rows), codes.available) == (1, 3)
        assert (await answer_to(world, Kind.LINK, reference="nowhere")).finding is Finding.NOT_FOUND
        two = (*ME, Identifier("accountid", "7"))
        assert (await answer_to(world, Kind.ACCOUNT_NAME, two)).body["name"]["fullName"] == "Customer 3444"
