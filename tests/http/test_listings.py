"""Lists from the hub's own books, on a real PostgreSQL: an account's transactions, its statement, one's own balance."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from hub.core.instrument import Instrument
from hub.roles.credentials import admit
from routing.message import Resource
from routing.party import party
from tests.http import batch_desk
from tests.http.batch_desk import Desk
from tests.http.front import ALPHA, BRAVO, Json, Reply, basic, payment

ALPHAS, BRAVOS = f"/accounts/msisdn/{ALPHA}", f"/accounts/msisdn@{BRAVO}"
OWN: Final = "/accounts/organisationid/{}"
CODE: Final = "4711471147114711"
SECRET_ACCOUNT: Final = "+254700999888"


@pytest.fixture
async def desk(migrated_url: str) -> AsyncIterator[Desk]:
    """The application, with a third party beside the two FSPs."""
    async with batch_desk.opened(migrated_url) as running:
        for client, participant in (("alpha", "alpha"), ("market", "market")):
            issued = await admit(running.store, participant, client)
            proof = {"Authorization": basic(issued.client_id, issued.secret), "X-API-Key": issued.api_key}
            running.proofs[client] = proof
        yield running


async def begun(desk: Desk, who: str = "alpha", **changes: Any) -> str:
    reply = await desk.call("POST", "/transactions", who, json=payment(**changes))
    assert reply.status == 202, reply.raw
    return reply.reference


async def listed(desk: Desk, path: str, who: str = "alpha", **query: Any) -> Reply:
    reply = await desk.call("GET", path, who, params=query)
    assert reply.status == 200, reply.raw
    assert reply.headers["X-Records-Returned-Count"] == str(len(reply.body))
    return reply


def references(reply: Reply) -> list[str]:
    return [each["transactionReference"] for each in reply.body]


async def test_a_transaction_is_listed_as_it_is_viewed_for_both_sides_and_in_both_forms(desk: Desk) -> None:
    first, second = await begun(desk), await begun(desk, amount="20")
    viewed = [(await desk.call("GET", f"/transactions/{each}", "alpha")).body for each in (second, first)]
    for who in ("alpha", "bravo"):
        for account in (ALPHA, BRAVO):
            for path in (f"/accounts/msisdn/{account}", f"/accounts/msisdn@{account}", f"/accounts/MSISDN/{account}"):
                reply = await listed(desk, f"{path}/transactions", who)
                assert (reply.body, reply.headers["X-Records-Available-Count"]) == (viewed, "2")
        assert references(await listed(desk, OWN.format(who) + "/transactions", who)) == [second, first]


async def test_others_lists_are_empty_whether_or_not_there_is_such_an_account(desk: Desk) -> None:
    await begun(desk)
    await desk.answered()
    paths = (ALPHAS, BRAVOS, OWN.format("alpha"), OWN.format("market"), "/accounts/msisdn/+254799999999")
    for path in paths:
        for rest in ("/transactions", "/statemententries"):
            reply = await listed(desk, path + rest, "market")
            assert (reply.body, reply.headers["X-Records-Available-Count"]) == ([], "0")
    assert (await listed(desk, OWN.format("bravo") + "/transactions", "alpha")).body == []


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"limit": "0"}, "formatError"),
        ({"limit": "-1"}, "formatError"),
        ({"limit": "1001"}, "formatError"),
        ({"limit": "1.5"}, "formatError"),
        ({"limit": "many"}, "formatError"),
        ({"limit": "\u0661"}, "formatError"),
        ({"LIMIT": "0"}, "formatError"),
        ({"offset": "-1"}, "invalidOffset"),
        ({"offset": "some"}, "invalidOffset"),
        ({"Offset": "9" * 30}, "invalidOffset"),
        ({"fromDateTime": "yesterday"}, "formatError"),
        ({"todatetime": "2026-13-01T00:00:00Z"}, "formatError"),
        ({"transactionStatus": "done"}, "formatError"),
        ({"transactionType": "gift"}, "formatError"),
        ({"displayType": "both"}, "formatError"),
    ],
)
async def test_a_bad_query_is_named(desk: Desk, query: dict[str, str], error: str) -> None:
    lists = {"transactionType": ["transactions"], "displayType": ["statemententries"]}
    for rest in lists.get(next(iter(query)), ["transactions", "statemententries"]):
        reply = await desk.call("GET", f"{ALPHAS}/{rest}", "alpha", params=query)
        assert reply.error == (400, "validation", error)
        assert reply.parameters["property"].lower() == next(iter(query)).lower()


async def test_pages_follow_each_other(desk: Desk) -> None:
    made = [await begun(desk, amount=str(10 + number)) for number in range(5)]
    pages = [await listed(desk, f"{ALPHAS}/transactions", limit=2, OFFSET=start) for start in (0, 2, 4, 6)]
    assert [each for page in pages for each in references(page)] == made[::-1]
    assert {page.headers["X-Records-Available-Count"] for page in pages[:3]} == {"5"}


async def test_dates_are_those_of_creation_and_included(desk: Desk) -> None:
    made = [await begun(desk) for _ in range(3)]
    dates = [(await desk.call("GET", f"/transactions/{each}", "alpha")).body["creationDate"] for each in made]
    for number, date in enumerate(dates):
        since = references(await listed(desk, f"{ALPHAS}/transactions", fromDateTime=date))
        until = references(await listed(desk, f"{ALPHAS}/transactions", toDateTime=date))
        assert (made[number] in since, made[number] in until) == (True, True)
        assert {*since, *until} == set(made)
    assert references(await listed(desk, f"{ALPHAS}/transactions", fromDateTime="2100-01-01")) == []
    assert references(await listed(desk, f"{ALPHAS}/transactions", toDateTime="2000-01-01")) == []


async def test_filters_say_which(desk: Desk) -> None:
    paid, refused = await begun(desk, amount="11"), await begun(desk, amount="17", type="merchantpay")
    await desk.answered()
    waiting = await begun(desk)
    for query, found in (
        ({"transactionStatus": "completed"}, [paid]),
        ({"transactionstatus": "FAILED"}, [refused]),
        ({"transactionStatus": "pending"}, [waiting]),
        ({"transactionType": "merchantpay"}, [refused]),
        ({"transactionType": "transfer"}, [waiting, paid]),
        ({"transactionType": "transfer", "transactionStatus": "failed"}, []),
    ):
        reply = await listed(desk, f"{ALPHAS}/transactions", **query)
        assert (references(reply), reply.headers["X-Records-Available-Count"]) == (found, str(len(found)))


async def test_a_statement_holds_what_was_posted_as_the_account_sees_it(desk: Desk) -> None:
    paid = await begun(desk, amount="11", descriptionText="rent")
    await begun(desk, amount="17")
    await desk.answered()
    await begun(desk)
    entry = {
        "transactionReference": paid,
        "transactionStatus": "completed",
        "amount": "11",
        "currency": "KES",
        "descriptionText": "rent",
        "transactionReceipt": "PROVIDER-1",
        "debitParty": [{"key": "msisdn", "value": ALPHA}],
        "creditParty": [{"key": "msisdn", "value": BRAVO}],
    }
    for who in ("alpha", "bravo"):
        for path, display in ((ALPHAS, "debit"), (BRAVOS, "credit")):
            (found,) = (await listed(desk, f"{path}/statemententries", who)).body
            assert {**found, **entry, "displayType": display} == found
            (same,) = (await listed(desk, f"{path}/statemententries", who, displaytype=display.upper())).body
            assert same == found
            other = "credit" if display == "debit" else "debit"
            for query in ({"displayType": other}, {"transactionStatus": "pending"}):
                assert (await listed(desk, f"{path}/statemententries", who, **query)).body == []
        (of_position,) = (await listed(desk, OWN.format(who) + "/statemententries", who)).body
        one = await desk.call("GET", f"/statemententries/{paid}", who)
        assert one.body == of_position
        assert of_position["displayType"] == ("debit" if who == "alpha" else "credit")


async def test_an_entry_of_another_or_of_nothing_looks_like_none(desk: Desk) -> None:
    paid, refused = await begun(desk, amount="11"), await begun(desk, amount="17")
    await desk.answered()
    waiting = await begun(desk)
    cases = [("market", paid), ("alpha", refused), ("alpha", waiting), ("alpha", "f" * 32), ("alpha", "nothing")]
    for who, reference in cases:
        reply = await desk.call("GET", f"/statemententries/{reference}", who)
        assert reply.error == (404, "identification", "identifierError")


async def test_what_failed_at_once_is_listed_for_its_caller_alone(desk: Desk) -> None:
    stranger = [{"key": "msisdn", "value": "+255700000001"}]
    failed = await begun(desk, creditParty=stranger)
    for path in (ALPHAS, "/accounts/msisdn/+255700000001", OWN.format("alpha")):
        (found,) = (await listed(desk, f"{path}/transactions")).body
        assert (found["transactionReference"], found["transactionStatus"]) == (failed, "failed")
        assert (await listed(desk, f"{path}/transactions", "bravo")).body == []
        assert (await listed(desk, f"{path}/statemententries")).body == []


async def test_who_redeems_a_code_does_not_find_the_account_behind_it(desk: Desk) -> None:
    await desk.store.remember([_code()])
    body = payment(type="merchantpay", debitParty=None, oneTimeCode=CODE)
    reply = await desk.call("POST", "/transactions/type/merchantpay", "bravo", json=body)
    assert reply.status == 202, reply.raw
    behind = f"/accounts/msisdn/{SECRET_ACCOUNT}/transactions"
    assert references(await listed(desk, behind, "alpha")) == [reply.reference]
    assert references(await listed(desk, behind, "bravo")) == []
    assert references(await listed(desk, f"{BRAVOS}/transactions", "bravo")) == [reply.reference]


async def test_errands_are_in_no_list(desk: Desk) -> None:
    link: Json = {"sourceAccountIdentifiers": [{"key": "msisdn", "value": ALPHA}], "mode": "both", "status": "active"}
    reply = await desk.call("POST", f"/accounts/msisdn/{BRAVO}/links", "alpha", json=link)
    assert reply.status == 202, reply.raw
    for who, path in (("alpha", OWN.format("alpha")), ("bravo", OWN.format("bravo")), ("alpha", BRAVOS)):
        assert (await listed(desk, f"{path}/transactions", who)).body == []


async def test_the_balance_is_that_of_the_callers_position(desk: Desk) -> None:
    await desk.fund("1000")
    await begun(desk, amount="11")
    await desk.answered()
    await begun(desk, amount="20")
    mine = {
        "accountStatus": "available",
        "currentBalance": "989",
        "availableBalance": "1000969",
        "reservedBalance": "20",
        "currency": "KES",
    }
    for query in ({}, {"currency": "KES"}, {"Currency": "kes"}):
        reply = await desk.call("GET", "/accounts/balance", "alpha", params=query)
        assert (reply.status, reply.body) == (200, mine)
    theirs = (await desk.call("GET", "/accounts/balance", "bravo")).body
    assert (theirs["currentBalance"], theirs["reservedBalance"]) == ("11", "0")


async def test_what_is_owed_is_no_balance_of_the_api(desk: Desk) -> None:
    await begun(desk, amount="11")
    await desk.answered()
    found = (await desk.call("GET", "/accounts/balance", "alpha")).body
    assert found == {
        "accountStatus": "available",
        "availableBalance": "999989",
        "reservedBalance": "0",
        "currency": "KES",
    }


@pytest.mark.parametrize(
    ("who", "query"), [("market", {}), ("alpha", {"currency": "USD"}), ("alpha", {"currency": "?"})]
)
async def test_who_holds_no_position_has_no_balance(desk: Desk, who: str, query: dict[str, str]) -> None:
    reply = await desk.call("GET", "/accounts/balance", who, params=query)
    assert reply.error == (404, "identification", "identifierError")


async def test_strangers_are_shown_nothing(desk: Desk) -> None:
    desk.proofs["nobody"] = {}
    for path in (f"{ALPHAS}/transactions", f"{ALPHAS}/statemententries", "/accounts/balance"):
        assert (await desk.call("GET", path, "nobody")).status == 401


def _code() -> Instrument:
    return Instrument(
        id="c" * 32,
        kind=Resource.CODE,
        reference=CODE,
        participant="alpha",
        connection="alpha",
        own=CODE,
        owner="alpha",
        account=party([("msisdn", SECRET_ACCOUNT)]),
        terms={"codeState": "active", "amount": "150.50", "currency": "KES"},
        created_ms=1,
        updated_ms=1,
    )
