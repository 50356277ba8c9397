"""A credit that pays a bill at a biller: how it is told, and what a bill payment says; no silence pays a bill."""

from typing import Any, Final

from adapters.contract import FailureClass, Instruction, Said, Verdict
from adapters.gsma_mmapi.errands import Order
from adapters.gsma_mmapi.paths import account_at, segment
from adapters.gsma_mmapi.words import CLIENTS, PENDING, failed, priced, text_at, transaction_told
from routing.party import Party

_RELAYED: Final = ("paymentType", "customerReference", "requestDate", "metadata")
_RELAYED_WITH_A_BILL: Final = ("supplementaryBillReferenceDetails",)
# The status is free text, and "unpaid" was seen on payments that were taken. So the object itself, which stands for
# success as an error object stands for failure, decides - but for these words. The last ones leave doubt.
_FAILED: Final = frozenset({"failed", "rejected"})
_DOUBTFUL: Final = frozenset({"declined", "cancelled", "canceled", "reversed", "refunded", "expired", "error"})
PAIRS_MAX: Final = 20


def order_of(instruction: Instruction) -> Order | None:
    """Return the request that pays the bill; None where neither the account nor the bill is named."""
    errand = instruction.errand
    if errand is None or not (errand.account or errand.reference):
        return None
    relayed = (*_RELAYED, *_RELAYED_WITH_A_BILL) if errand.reference else _RELAYED
    body = {name: errand.body[name] for name in relayed if errand.body.get(name)} | {
        "amountPaid": str(instruction.money),
        "currency": instruction.money.currency,
        CLIENTS: instruction.transfer,
        "requestingOrganisation": instruction.payer_fsp,
    }
    if custom := custom_data(errand.body):
        body["customData"] = custom
    return Order("POST", payments_at(errand.account, errand.reference), body)


def payments_at(account: Party, bill: str) -> str:
    """Return where the payments of a bill, or of an account without one, are."""
    return f"{account_at(account) if account else ''}/bills/{segment(bill) + '/' if bill else ''}payments"


def found_in(answer: Any, transfer: str) -> dict[str, Any]:
    """Return what an inquiry found: of payments only the one that repeats our transfer, whatever else as it is."""
    if isinstance(answer, dict) and "amountPaid" not in answer:
        return answer
    rows = answer if isinstance(answer, list) else [answer]
    ours = [row for row in rows if isinstance(row, dict) and text_at(row, CLIENTS) == transfer]
    return ours[0] if len(ours) == 1 else {}


def said_of(body: dict[str, Any]) -> Said:
    """Read a bill payment; of a biller that keeps payments as transactions, a transaction: its status is clearer."""
    reference = text_at(body, "serviceProviderPaymentReference")
    if "transactionStatus" in body:
        said = transaction_told(body)
        kept = said.verdict is Verdict.ACCEPTED and "amountPaid" in body
        return said._replace(provider_reference=reference or said.provider_reference, resource=body if kept else {})
    if "amountPaid" not in body or "currency" not in body:
        return Said()
    status = text_at(body, "billPaymentStatus")
    said = Said(code=status, provider_reference=reference)
    match status.lower():
        case word if word in _FAILED:
            return failed(said, body)
        case word if word in PENDING:
            return said._replace(failure=FailureClass.PENDING)
        case word if word in _DOUBTFUL or ("billPaymentStatus" in body and not word):
            return said
    paid = priced(said, body, "amountPaid")
    return paid._replace(resource=body) if paid.verdict is Verdict.ACCEPTED else paid


def custom_data(details: dict[str, Any]) -> list[Any]:
    """Return the caller's pairs, and the caller's own reference, which ours has taken the place of."""
    given = details.get("customData")
    pairs = list(given) if isinstance(given, list) else []
    if theirs := details.get(CLIENTS):
        pairs = [*pairs[: PAIRS_MAX - 1], {"key": CLIENTS, "value": theirs}]
    return pairs
