"""Transactions: create, view, patch, reverse; each write becomes one command for the one door."""

from typing import Any, Final

from aiohttp import web

from hub.core.command import Refusal, Transfer, Word
from hub.core.transfer import Flow
from hub.http.api import Api, Call
from hub.http.errors import ApiError, answer, invalid, refused, unknown_object
from hub.http.ids import undashed
from hub.http.operation import Operation
from hub.http.qr import code_in
from hub.http.reading import changes_in, checked, details_of, money_of, party_in
from hub.http.resources import transaction
from hub.http.schema import TYPES, PatchItem, Reversal, Transaction, TransactionType
from hub.http.taking import taken
from hub.http.terms import check_terms
from routing.message import Errand, Resource, Verdict
from routing.party import Party, party
from routing.table import INSTITUTION_KEYS

_VERDICTS: Final = {"completed": Verdict.ACCEPTED, "failed": Verdict.REFUSED}


async def create(api: Api, call: Call) -> web.Response:
    """Answer POST /transactions."""
    data = await api.body(call)
    model = checked(Transaction, data)
    return await _submit(api, call, model, model.type, model.plain())


async def create_of_type(api: Api, call: Call) -> web.Response:
    """Answer POST /transactions/type/{transactionType}; the type in the path wins over one in the body."""
    kind = call.part("transactionType").lower()
    if kind not in TYPES:
        raise ApiError("businessRule", "transactionTypeError", f"Use one of {', '.join(TYPES)}.")
    data = await api.body(call)
    model = checked(TransactionType, data)
    return await _submit(api, call, model, kind, model.plain())


async def reverse(api: Api, call: Call) -> web.Response:
    """Answer POST /transactions/{transactionReference}/reversals."""
    original = undashed(call.part("transactionReference"))
    data = await api.body(call)
    model = checked(Reversal, data)
    if not is_id(original):
        raise unknown_object()
    money = None
    if model.amount is not None:
        if model.currency is None:
            raise invalid("currency", "mandatoryValueNotSupplied", "An amount needs its currency.")
        money = money_of("amount", model.amount, model.currency)
    noted = {name: value for name, value in model.plain().items() if name in Reversal.model_fields}
    return await taken(api, call, model.type, ((), ()), money, details=details_of(noted), original=original)


async def view(api: Api, call: Call) -> web.Response:
    """Answer GET /transactions/{transactionReference}; only for its caller and the two FSPs."""
    found = await _payment(api, call, call.part("transactionReference"))
    return answer(200, transaction(found, call.caller))


async def patch(api: Api, call: Call) -> web.Response:
    """Answer PATCH /transactions/{transactionReference}: the instructed participant says what became of it."""
    verdict = word(await changes_in(api, call), "transactionStatus")
    return await said(api, call, call.part("transactionReference"), verdict)


async def said(api: Api, call: Call, reference: str, verdict: Verdict) -> web.Response:
    """Hand what the instructed participant says to the door, and answer a PATCH."""
    transfer = await _payment(api, call, reference)
    result = await api.door.handle(Word(transfer=transfer.id, caller=call.caller, verdict=verdict))
    if isinstance(result, Refusal):
        raise refused(result)
    return web.Response(status=204)


async def _payment(api: Api, call: Call, reference: str) -> Transfer:
    transfer = await visible(api, call, reference)
    if transfer.flow is Flow.ERRAND:
        raise unknown_object()
    return transfer


async def visible(api: Api, call: Call, reference: str) -> Transfer:
    """Return a transfer that the caller may see; another's looks like none at all."""
    id_ = undashed(reference)
    transfer = await api.reader.transfer(id_) if is_id(id_) else None
    if transfer is None or call.caller not in (transfer.caller, transfer.payer_fsp, transfer.payee_fsp):
        raise unknown_object()
    return transfer


def is_id(text: str) -> bool:
    """Say whether this could be one of our ids."""
    return len(text) == 32 and not text.strip("0123456789abcdef")


def word(items: list[PatchItem], name: str) -> Verdict:
    """Read what a patch says: it moves money, so all of it must be clear, and all of it the same."""
    if any(item.path != f"/{name}" for item in items):
        raise invalid("path", "formatError", f"Only /{name} can be changed.")
    said = {_VERDICTS.get(item.value) for item in items}
    verdict = said.pop()
    if verdict is None or said:
        raise invalid("value", "formatError", f"Set {name} to completed or to failed, and to one of them only.")
    return verdict


async def _submit(api: Api, call: Call, model: TransactionType, kind: str, data: dict[str, Any]) -> web.Response:
    money = money_of("amount", model.amount, model.currency)
    check_terms(data)
    region = await api.country(call)
    payer = party_in("debitParty", data, region)
    payee = party_in("creditParty", data, region)
    if not payer and not payee:
        raise invalid("debitParty", "mandatoryValueNotSupplied", "Name the debit party or the credit party.")
    own = party([("organisationid", call.caller)])
    if data.get("oneTimeCode"):
        data = data | {"oneTimeCode": code_in(data["oneTimeCode"])}
    # Without a payer, a code says who pays; taking the caller for the payer would let it pay itself.
    payer = payer or (() if data.get("oneTimeCode") else own)
    return await taken(
        api,
        call,
        kind,
        (payer, payee or own),
        money,
        details=details_of(data),
        errand=_bill(kind, payee, data),
        institution=await api.institution(call),
    )


def _bill(kind: str, payee: Party, data: dict[str, Any]) -> Errand | None:
    """Find the bill that a payment of type billpay names; the API has no field for it but the caller's own pairs."""
    pairs = [*(data.get("metadata") or ()), *(data.get("customData") or ())]
    reference = next((each["value"] for each in pairs if each["key"].lower() == "billreference"), "")
    if kind != "billpay" or not reference:
        return None
    account = tuple(each for each in payee if each.key not in INSTITUTION_KEYS)
    return Errand(resource=Resource.BILL_PAYMENT, account=account, reference=reference)


OPERATIONS: Final = (
    Operation("POST", "/transactions", create, "Create a transaction", 202, "responseTransaction", Transaction),
    Operation(
        "POST",
        "/transactions/type/{transactionType}",
        create_of_type,
        "Create a transaction of a type",
        202,
        "responseTransaction",
        TransactionType,
    ),
    Operation("GET", "/transactions/{transactionReference}", view, "View a transaction", 200, "responseTransaction"),
    Operation(
        "PATCH",
        "/transactions/{transactionReference}",
        patch,
        "Say what became of a transaction that the caller was told to carry out",
        204,
        "genericUpdateSuccess",
        PatchItem,
    ),
    Operation(
        "POST",
        "/transactions/{transactionReference}/reversals",
        reverse,
        "Reverse a transaction, whole or in part",
        202,
        "responseReversal",
        Reversal,
    ),
)
