"""A made-up provider's JSON API: the shortest whole adapter; it must never make an outcome out of silence or doubt."""

from typing import Any, Final

import msgspec

from adapters.contract import (
    Answer,
    Connection,
    Consultation,
    Context,
    Execution,
    FailureClass,
    Finding,
    Instruction,
    Login,
    Money,
    Operation,
    Outcome,
    Question,
    Request,
    Response,
    Said,
    Subject,
    UnreadableError,
    Verdict,
    outcome_heard,
    outcome_of,
    unknown,
)
from routing.money import MoneyError

PATHS: Final = {Operation.CREDIT: "/payouts", Operation.DEBIT: "/collections"}

# The provider's reasons for a refusal, in our words. A reason that is not here stays UNKNOWN: nobody has said yet
# what it means for the money.
FAILURES: Final = {
    "NO_SUCH_ACCOUNT": FailureClass.PARTY_NOT_FOUND,
    "ACCOUNT_BLOCKED": FailureClass.PARTY_BLOCKED,
    "NOT_ENOUGH_FUNDS": FailureClass.INSUFFICIENT_FUNDS,
    "LIMIT_REACHED": FailureClass.PAYEE_LIMIT,
    "DECLINED_BY_CUSTOMER": FailureClass.REJECTED_BY_PARTY,
}
# A number keeps the digits it was written with: amounts never pass through a float.
_decoder: Final = msgspec.json.Decoder(float_hook=str)


class Adapter:
    """One connection to the provider."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection, and no secret anywhere else."""
        self._connection = connection

    def login(self, context: Context) -> Login:  # noqa: ARG002 - the contract's
        """Do nothing: an API key goes with every request. Where there are tokens: yield a Request, return a Token."""
        yield from ()
        return None

    def execute(self, instruction: Instruction, context: Context) -> Execution:
        """Tell the provider to pay out or to collect; None when it says that it is at work."""
        if instruction.operation not in PATHS:
            return unknown(instruction, text="not sent: the provider has no such request")
        party = instruction.payee if instruction.operation is Operation.CREDIT else instruction.payer
        response = yield self._request(
            "POST",
            PATHS[instruction.operation],
            id=instruction.reference,  # the same on every retry, so that the provider recognises it
            account=party[0].value,
            amount=str(instruction.money),
            currency=instruction.money.currency,
            note=instruction.description[:100],
            notify_url=context.callback_url,
        )
        said = _said(_object(response), instruction.reference) if response.status in {200, 201, 202} else Said()
        return None if said.failure is FailureClass.PENDING else outcome_of(instruction, **said._asdict())

    def inquire(self, instruction: Instruction, context: Context) -> Execution:  # noqa: ARG002 - the contract's
        """Ask by our reference: the provider's own was perhaps never heard."""
        response = yield self._request("GET", f"{PATHS[instruction.operation]}/{instruction.reference}")
        body = _object(response)
        if response.status == 404 and body.get("error") == "NO_SUCH_PAYMENT":
            return unknown(instruction, FailureClass.ABSENT)
        said = _said(body, instruction.reference) if response.status == 200 else Said()
        return outcome_of(instruction, **said._asdict())

    def consult(self, question: Question, context: Context) -> Consultation:  # noqa: ARG002 - the contract's
        """Say that this provider answers no questions."""
        yield from ()
        return Answer(finding=Finding.UNSUPPORTED)

    def heard(self, request: Request, subject: Subject | None) -> Outcome | None:
        """Read a callback; its signed address says what it is about."""
        if subject is None or (said := _said(_object(request), subject.reference)) == Said():
            raise UnreadableError("not a payment of ours")
        if said.failure is FailureClass.PENDING:
            return None
        return outcome_heard(subject, self._connection.name, **said._asdict())

    def _request(self, method: str, path: str, **fields: str) -> Request:
        headers = {"Content-Type": "application/json", "X-API-Key": self._connection.secrets["api_key"]}
        if merchant := self._connection.settings.get("merchant"):
            headers["X-Merchant"] = merchant
        return Request(method=method, path=path, headers=headers, body=msgspec.json.encode(fields) if fields else b"")


def _said(body: dict[str, Any], reference: str) -> Said:
    """Read a payment. Only these three words decide anything."""
    if body.get("id") != reference:
        return Said()
    status, reason = str(body.get("status")), str(body.get("reason"))
    match status:
        case "WORKING":
            return Said(failure=FailureClass.PENDING)
        case "REFUSED" if reason in FAILURES:
            return Said(Verdict.REFUSED, FAILURES[reason], code=reason)
        case "PAID":
            try:
                money = Money.parse(str(body.get("amount")), str(body.get("currency")))
            except MoneyError:
                return Said(code=status)
            return Said(Verdict.ACCEPTED, None, money=money, provider_reference=str(body.get("receipt", "")))
    return Said(code=reason if status == "REFUSED" else status)


def _object(message: Request | Response) -> dict[str, Any]:
    try:
        body = _decoder.decode(message.body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
