"""Speech: what a transition says, to whom; it only writes messages, and says nothing that was not decided."""

from typing import Any, Final

import msgspec

from hub.core.admit import body_of
from hub.core.change import CALLBACKS, NOTICES, Notice, Outgoing
from hub.core.command import CONVERSIONS, Body, Transfer
from hub.core.meaning import connection_for, reference
from hub.core.participant import Scheme
from hub.core.terms import international
from hub.core.transfer import AWAITED, OPERATION_OF, Message, Row, State
from routing import topology
from routing.message import Act, Errand, Instruction, Operation, Resource, encoded

_TOLD_THE_RATE: Final = CONVERSIONS | {Operation.CREDIT}


def words_of(transfer: Transfer, row: Row, *, scheme: Scheme, now_ms: int, resource: dict[str, Any]) -> list[Outgoing]:
    """Write what this transition says; `resource` is what an errand or a paid bill came to."""
    if row.message in (Message.NOBODY, Message.TELL_OPERATOR):
        return []
    body = body_of(transfer)
    if row.message is Message.TELL_CALLER:
        return _endings(transfer, body, scheme, resource)
    act = Act.ASK if row.message is Message.ASK_FSP else Act.DO
    operation = AWAITED[transfer.state] if act is Act.ASK else OPERATION_OF[row.message]
    connection = connection_for(transfer, operation)
    price = transfer.price
    payer, payee = body.payer_account or body.payer, body.payee_account or body.payee
    if operation in CONVERSIONS:  # an FX provider learns nothing of whose money it is
        body = Body(request=body.request, payer=(), payee=(), type=body.type)
        payer = payee = ()
    instruction = Instruction(
        transfer=transfer.id,
        operation=operation,
        act=act,
        reference=reference(transfer.id, operation),
        connection=connection,
        payer_fsp=transfer.payer_fsp,
        payee_fsp=transfer.payee_fsp,
        money=transfer.money_of(operation),
        payer=payer,
        payee=payee,
        type=body.type,
        created_ms=transfer.created_ms,
        lease_ends_ms=transfer.lease_ends_ms,
        asked_ms=now_ms if act is Act.ASK else 0,
        original=_original(transfer, body, operation),
        description=str(body.details.get("descriptionText", "")),
        details=_details(body),
        errand=_errand(body, operation, connection, scheme),
        own=body.own,
        sealed=body.sealed if operation in (Operation.DEBIT, Operation.ISSUE) else "",
        kyc=body.kyc,
        target=price.hops[-1].target if price is not None and operation in CONVERSIONS else None,
        sent=price.sent if price is not None and price.hops and operation is Operation.CREDIT else None,
        rate=price.rate if price is not None and operation in _TOLD_THE_RATE else "",
        quote=price.quote if price is not None and operation is not Operation.REFUND else "",
    )
    return [_outgoing(transfer, topology.instructions(connection), encoded(instruction))]


def _details(body: Body) -> dict[str, Any]:
    """Return what of the request a provider may want; a quote by the name that its own provider gave it."""
    told = international(body.details)
    if "quoteId" not in told:
        return body.details
    own = {name: value for name, value in told.items() if name != "quoteId"}
    own |= {"quoteId": body.own_quote} if body.own_quote else {}
    return body.details | {"internationalTransferInformation": own}


def _endings(transfer: Transfer, body: Body, scheme: Scheme, resource: dict[str, Any]) -> list[Outgoing]:
    """Tell the caller how it ended, and others that money moved."""
    said = []
    if body.callback_url:
        notice = Notice(transfer=transfer, resource=resource)
        said.append(_outgoing(transfer, CALLBACKS, encoded(notice)))
    return said + notices_of(transfer, body, scheme, resource)


def notices_of(transfer: Transfer, body: Body, scheme: Scheme, resource: dict[str, Any]) -> list[Outgoing]:
    """Tell of money that moved, at once, those it moved between, and the biller it is for, who did not ask for it."""
    if transfer.state is not State.COMMITTED or not transfer.minor:
        return []
    said = []
    providers = transfer.price.providers if transfer.price is not None else ()
    for id_ in sorted({transfer.payer_fsp, transfer.payee_fsp, body.biller, *providers} - {transfer.caller, ""}):
        participant = scheme.participants.get(id_)
        if participant is not None and participant.notify_url:
            notice = Notice(transfer=transfer, to=id_, resource=resource)
            said.append(_outgoing(transfer, f"{NOTICES}:{id_}", encoded(notice)))
    return said


def _original(transfer: Transfer, body: Body, operation: Operation) -> str:
    """Return what the connection's participant calls that which is undone."""
    if operation is Operation.UNWIND:  # what it undoes is known by our own reference
        return reference(transfer.id, Operation.CONVERT)
    if operation is Operation.CONVERT:  # at the rate of the original conversion, which is turned round
        is_turned = transfer.original and transfer.price is not None and transfer.price.expires_ms is None
        return reference(transfer.original, Operation.CONVERT) if is_turned else ""
    if operation is Operation.REFUND:  # what it undoes is this transfer's own debit
        return transfer.payer_reference
    return body.payee_original if operation is Operation.CREDIT else body.payer_original


def _errand(body: Body, operation: Operation, connection: str, scheme: Scheme) -> Errand | None:
    """Return what is to be made, changed or paid; where the rail knows no bills, money is just credited."""
    errand = body.errand
    if errand is None or errand.resource is not Resource.BILL_PAYMENT:
        return errand
    found = scheme.rails.by_name.get(connection)
    knows_bills = found is not None and Resource.BILL_PAYMENT in found.rail.resources
    if operation is not Operation.CREDIT or not knows_bills:
        return None
    return errand


def _outgoing(transfer: Transfer, queue: str, body: bytes) -> Outgoing:
    return Outgoing(transfer=transfer.id, seq=transfer.seq, queue=queue, body=msgspec.Raw(body))
