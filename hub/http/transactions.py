"""Transactions: create, view, patch, reverse; each write becomes one command for the one door."""

from typing import Any, Final

import msgspec
from aiohttp import web
from pydantic import BaseModel, TypeAdapter, ValidationError

from hub.core.command import Body, Refusal, Submit, Transfer, Word
from hub.core.transfer import Flow
from hub.http.api import Api, Call
from hub.http.credentials import sealed
from hub.http.errors import ApiError, answer, bad_amount, bad_body, invalid, refused, unknown_object
from hub.http.ids import new_id, undashed
from hub.http.operation import Operation
from hub.http.qr import code_in
from hub.http.resources import transaction
from hub.http.schema import TYPES, PatchItem, Reversal, Transaction, TransactionType
from hub.http.taking import taken
from routing.message import Errand, Resource, Verdict
from routing.money import Money, MoneyError
from routing.party import Party, PartyError, party
from routing.table import INSTITUTION_KEYS

_VERDICTS: Final = {"completed": Verdict.ACCEPTED, "failed": Verdict.REFUSED}
_PATCH: Final = TypeAdapter(list[PatchItem])
_PATCH_MAX: Final = 10
# What the hub keeps in columns of its own, so it is not kept a second time.
_CONSUMED: Final = frozenset({"amount", "currency", "debitParty", "creditParty", "type"})


async def create(api: Api, call: Call) -> web.Response:
    """Answer POST /transactions."""
    data = await api.body(call)
    model: Transaction = _validated(Transaction, data)
    return await _submit(api, call, model, model.type, model.plain())


async def create_of_type(api: Api, call: Call) -> web.Response:
    """Answer POST /transactions/type/{transactionType}; the type in the path wins over one in the body."""
    kind = call.part("transactionType").lower()
    if kind not in TYPES:
        raise ApiError("businessRule", "transactionTypeError", f"Use one of {', '.join(TYPES)}.")
    data = await api.body(call)
    model: TransactionType = _validated(TransactionType, data)
    return await _submit(api, call, model, kind, model.plain())


async def reverse(api: Api, call: Call) -> web.Response:
    """Answer POST /transactions/{transactionReference}/reversals."""
    original = undashed(call.part("transactionReference"))
    data = await api.body(call)
    model: Reversal = _validated(Reversal, data)
    if not is_id(original):
        raise unknown_object()
    money = None
    if model.amount is not None:
        if model.currency is None:
            raise invalid("currency", "mandatoryValueNotSupplied", "An amount needs its currency.")
        money = _money(model.amount, model.currency)
    noted = {name: value for name, value in model.plain().items() if name in Reversal.model_fields}
    transfer = new_id()
    body = await _body(api, call, ((), ()), model.type, noted, transfer=transfer)
    submit = Submit(
        transfer=transfer,
        caller=call.caller,
        body=body,
        money=money,
        original=original,
    )
    return await taken(api, submit)


async def view(api: Api, call: Call) -> web.Response:
    """Answer GET /transactions/{transactionReference}; only for its caller and the two FSPs."""
    return answer(200, transaction(await _payment(api, call, call.part("transactionReference"))))


async def patch(api: Api, call: Call) -> web.Response:
    """Answer PATCH /transactions/{transactionReference}: the instructed participant says what became of it."""
    data = await api.body(call)
    verdict = word(validated_patch(data if isinstance(data, list) else [data]), "transactionStatus")
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


def _validated(model: type[BaseModel], data: Any) -> Any:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise bad_body(error) from None


def validated(model: type[BaseModel], data: Any) -> dict[str, Any]:
    """Return a body in the API's own spelling, with what it has beyond the API; raises an ApiError."""
    return _validated(model, data).model_dump(mode="json", exclude_none=True)  # type: ignore[no-any-return]


def validated_patch(data: list[Any]) -> list[PatchItem]:
    """Return the operations of a PATCH; raises an ApiError."""
    if not 1 <= len(data) <= _PATCH_MAX:
        raise invalid("body", "lengthError", f"Send 1 to {_PATCH_MAX} operations.")
    try:
        return _PATCH.validate_python(data)
    except ValidationError as error:
        raise bad_body(error) from None


def _money(amount: str, currency: str) -> Money:
    try:
        return Money.parse(amount, currency)
    except MoneyError as error:
        raise bad_amount("amount", error) from None


async def _submit(api: Api, call: Call, model: TransactionType, kind: str, data: dict[str, Any]) -> web.Response:
    money = _money(model.amount, model.currency)
    region = await api.country(call)
    payer = _party("debitParty", data.get("debitParty"), region)
    payee = _party("creditParty", data.get("creditParty"), region)
    if not payer and not payee:
        raise invalid("debitParty", "mandatoryValueNotSupplied", "Name the debit party or the credit party.")
    own = party([("organisationid", call.caller)])
    if data.get("oneTimeCode"):
        data = data | {"oneTimeCode": code_in(data["oneTimeCode"])}
    # Without a payer, a code says who pays; taking the caller for the payer would let it pay itself.
    payer = payer or (() if data.get("oneTimeCode") else own)
    transfer = new_id()
    body = await _body(api, call, (payer, payee or own), kind, data, transfer=transfer)
    body = msgspec.structs.replace(body, errand=_bill(kind, payee, data))
    submit = Submit(
        transfer=transfer,
        caller=call.caller,
        body=body,
        money=money,
        institution=await api.institution(call),
    )
    return await taken(api, submit)


async def _body(
    api: Api, call: Call, parties: tuple[Party, Party], kind: str, data: dict[str, Any], *, transfer: str
) -> Body:
    return Body(
        request=new_id(),
        correlation=api.correlation(call),
        callback_url=await api.callback_url(call),
        payer=parties[0],
        payee=parties[1],
        type=kind,
        channel=call.request.headers.get("X-Channel", "")[:256],
        sealed=sealed(api, call, transfer),
        details={name: value for name, value in data.items() if name not in _CONSUMED},
    )


def _bill(kind: str, payee: Party, data: dict[str, Any]) -> Errand | None:
    """Find the bill that a payment of type billpay names; the API has no field for it but the caller's own pairs."""
    pairs = [*(data.get("metadata") or ()), *(data.get("customData") or ())]
    reference = next((each["value"] for each in pairs if each["key"].lower() == "billreference"), "")
    if kind != "billpay" or not reference:
        return None
    account = tuple(each for each in payee if each.key not in INSTITUTION_KEYS)
    return Errand(resource=Resource.BILL_PAYMENT, account=account, reference=reference)


def _party(name: str, pairs: Any, region: str | None) -> Party:
    if not pairs:
        return ()
    try:
        return party([(each["key"], each["value"]) for each in pairs], region)
    except PartyError as error:
        raise invalid(name, "formatError", str(error)) from None


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
