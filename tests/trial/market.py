"""A door on a real database with the demo's scheme and rates, and nobody behind it: priced is all, nothing is sent."""

import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from rich.console import Console

from hub.core.command import Body, Done, Heard, NewRate, Publish, Submit
from hub.core.meaning import reference
from hub.core.transfer import State
from hub.flow import Door
from hub.http.ids import new_id
from hub.roles.scheme import read_scheme
from hub.store.sql import SqlStore
from hub.trial.crossings import HILL, KYC
from hub.trial.explain import explanation
from hub.trial.plays import BAOBAB, party
from routing.local import LocalBus
from routing.message import Errand, Operation, Outcome, Resource, Verdict
from routing.message import Heard as HeardBy
from routing.money import NOTHING, Money
from routing.party import Party
from routing.party import party as normalised
from tests.trial.command import ROOT

RATES: Mapping[tuple[str, str, str], str] = {
    ("mizani", "KES", "UGX"): "28.60",
    ("kivuko", "KES", "UGX"): "28.51",
    ("mizani", "KES", "USD"): "0.00775",
    ("kivuko", "USD", "TZS"): "2655.4",
}


@asynccontextmanager
async def opened_market(url: str, rates: Mapping[tuple[str, str, str], str] = RATES) -> AsyncIterator[Door]:
    """Open the door; FX providers have published these rates."""
    store = SqlStore(url)
    await store.open()
    try:
        await store.apply_scheme(read_scheme(ROOT / "config/scheme.toml"), "tests")
        door = Door(store, LocalBus(), lambda _: None)
        for (provider, source, target), rate in rates.items():
            await published(door, provider, source, target, rate)
        yield door
    finally:
        await store.close()


async def published(door: Door, provider: str, source: str, target: str, rate: str) -> None:
    new = NewRate(source=source, target=target, rate=rate)
    assert isinstance(await door.handle(Publish(provider=provider, rates=(new,), by="tests")), Done)


def account(identifier: str) -> Party:
    return normalised([(each["key"], each["value"]) for each in party(identifier)])


async def quoted(door: Door, amount: str, currency: str = "KES", payee: str = HILL, **custom: str) -> str:
    """Ask for quotes to an account whose bank quotes nothing itself, so that the hub does; returns the reference."""
    asked = {"requestAmount": amount, "requestCurrency": currency, "type": "inttransfer"}
    pairs = {"customData": [{"key": key, "value": value} for key, value in custom.items()]} if custom else {}
    errand = Errand(resource=Resource.QUOTATION, body=asked | pairs)
    return await _done(door, payee, NOTHING, type="quotation", errand=errand)


async def sent(
    door: Door, money: Money, payee: str = HILL, *, least: str = "", kind: str = "inttransfer", **told: str
) -> str:
    """Ask for a transfer, by the quotation or quote that is told; returns its reference."""
    details: dict[str, Any] = {
        "internationalTransferInformation": {"originCountry": "KE", "remittancePurpose": "gift"} | told
    }
    if least:
        details["customData"] = [{"key": "receivingAmountMin", "value": least}]
    return await _done(door, payee, money, type=kind, details=details)


async def _done(door: Door, payee: str, money: Money, **more: Any) -> str:
    body = Body(request=new_id(), correlation=str(uuid.uuid4()), payer=account(BAOBAB), payee=account(payee), **more)
    submit = Submit(transfer=new_id(), caller="baobab", body=body, money=money, kyc=KYC)
    result = await door.handle(submit)
    assert isinstance(result, Done), result
    return submit.transfer


async def committed(door: Door, transfer: str) -> None:
    """Have the payee's bank say that it credited."""
    operation = Operation.CREDIT
    outcome = Outcome(
        transfer=transfer,
        operation=operation,
        connection="hillbank-iso",
        reference=reference(transfer, operation),
        verdict=Verdict.ACCEPTED,
        heard=HeardBy.CALLBACK,
    )
    result = await door.handle(Heard(outcome=outcome))
    assert isinstance(result, Done)
    assert result.state is State.COMMITTED


async def reversed_by(door: Door, caller: str, original: str) -> str:
    """Have the whole of a transfer reversed; returns the reversal's reference."""
    body = Body(request=new_id(), payer=(), payee=(), type="reversal")
    submit = Submit(transfer=new_id(), caller=caller, body=body, money=None, original=original)
    assert isinstance(await door.handle(submit), Done)
    return submit.transfer


async def explained(door: Door, id_: str) -> str:
    """Explain as `hub explain` does, on a screen of this width."""
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(await explanation(door.store, id_, time.time_ns() // 1_000_000))
    return capture.get()
