"""What scenarios across borders do over and over: have rates, ask for quotes, send by one of them."""

from typing import Any

from hub.core.command import Done, NewRate, Publish
from hub.ledger.account import Kind
from hub.ledger.position import balance
from hub.trial.client import Reply
from hub.trial.plays import BAOBAB, party
from hub.trial.world import World
from tests.scenario.acting import result, until

NILE, HILL, KILIMA = "+256770000001", "HB0012345678", "+255760000001"
KYC: dict[str, Any] = {
    "senderKyc": {
        "subjectName": {"fullName": "A Sender"},
        "idDocument": [{"idType": "nationalidcard", "idNumber": "11900077"}],
    },
    "recipientKyc": {"subjectName": {"fullName": "A Receiver"}},
}
PURPOSE = "family support"


async def sold(stage: World, **rates: str) -> None:
    """Have Mizani publish its rates (KES_UGX="28.6"), and wait until Kivuko has been asked for its own."""
    new = tuple(
        NewRate(source=pair[:3], target=pair[4:], rate=rate)
        for pair, rate in ({"KES_UGX": "28.6", "KES_USD": "0.00775"} | rates).items()
    )
    published = await stage.hub.door.handle(Publish(provider="mizani", rates=new, by="its dealer"))
    assert isinstance(published, Done), published

    async def is_asked() -> bool:
        return any(each.provider == "kivuko" for each in await stage.hub.store.rates())

    await until(is_asked)


async def quoted(
    stage: World, payee: str, amount: str, *, payer: str = BAOBAB, caller: str = "baobab", **more: Any
) -> dict[str, Any]:
    """Ask for a quotation and return it, the best quote first."""
    asked = {
        "creditParty": party(payee),
        "debitParty": party(payer),
        "type": "inttransfer",
        "requestAmount": amount,
        "requestCurrency": "KES",
        "originCountry": "KE",
    } | more
    found = await result(stage, await stage.clients[caller].post("/quotations", asked))
    assert "errorCode" not in found, found
    return found


def by(quotation: dict[str, Any], provider: str) -> dict[str, Any]:
    """Return the quote that is converted by this FX provider."""
    whys = {pair["key"].removeprefix("why "): pair["value"] for pair in quotation["customData"]}
    return next(each for each in quotation["quotes"] if f"{provider} at" in whys[each["quoteId"]])


async def sent(
    stage: World, quotation: dict[str, Any], quote: dict[str, Any], *, caller: str = "baobab", **changes: Any
) -> Reply:
    """Send what was quoted, with everything that the corridor requires."""
    body = {
        "amount": quote["sendingAmount"],
        "currency": quote["sendingCurrency"],
        "debitParty": quotation["debitParty"],
        "creditParty": quotation["creditParty"],
        "internationalTransferInformation": {
            "originCountry": "KE",
            "quotationReference": quotation["quotationReference"],
            "quoteId": quote["quoteId"],
            "remittancePurpose": PURPOSE,
        },
    }
    return await stage.clients[caller].submit("inttransfer", body | KYC | changes)


async def positions(stage: World) -> dict[tuple[str, str], int]:
    """Return every position that is not zero, in minor units; the scheme's own fees under no name."""
    accounts = await stage.hub.store.accounts()
    assert all(not each.debits_pending for each in accounts), "something is still held"
    return {
        (each.participant, each.currency): balance(each)
        for each in accounts
        if each.kind in (Kind.POSITION, Kind.FEES) and balance(each)
    }
