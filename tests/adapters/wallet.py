"""What the tests of the simulator's resources share: a customer, and how a client follows what became of a write."""

import uuid
from typing import Any, Final

from tests.adapters.spoken import Said, World, got, said, token

FIRST: Final = "msisdn@+254700000001"
PAYER: Final = [{"key": "msisdn", "value": "+254700000001"}]
SHOP: Final = [{"key": "organisationid", "value": "SHOP1"}]


async def sown(world: World, **seed: Any) -> None:
    account = {"account": FIRST, "name": "First", "balances": {"KES": "1000"}}
    for name in ("alpha", "prompt"):
        answer = await said(world.client, "PUT", f"{name}/_control/seed", json={"account": [account]} | seed)
        assert answer.status == 200, answer


async def acted(world: World, method: str, path: str, body: Any, /, reference: str = "", **headers: str) -> Said:
    reference = reference or str(uuid.uuid4())
    sent = {
        **await token(world.client, path.partition("/")[0]),
        "X-CorrelationID": reference,
        "X-Callback-URL": world.callbacks_at + reference,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return await said(world.client, method, path, headers=sent, json=body)


async def ended(world: World, method: str, path: str, body: Any, /, **headers: str) -> Any:
    """Write as a client does, then follow the link to what became of it: a resource, a request state, an error."""
    reference = str(uuid.uuid4())
    answer = await acted(world, method, path, body, reference, **headers)
    assert answer.status == 202, answer
    name = path.partition("/")[0]
    link = (await got(world, f"{name}/responses/{reference}")).body["link"]
    return (await got(world, name + link)).body


async def debited(world: World, amount: str = "10", /, **more: Any) -> Any:
    """Take from the customer; return "completed", "pending" or the error's code."""
    body = {"amount": amount, "currency": "KES", "debitParty": PAYER, "creditParty": SHOP, **more}
    type_ = body.pop("type", "merchantpay")
    end = await ended(world, "POST", f"alpha/transactions/type/{type_}", body)
    return end.get("transactionStatus") or end["errorCode"]


async def balance(world: World, name: str = "alpha") -> str:
    body = (await got(world, f"{name}/accounts/{FIRST}/balance")).body
    return str(body["currentBalance"])
