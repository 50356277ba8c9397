"""The open FX protocol, spoken to an FX provider; it must never take a conversion of other amounts for the one asked.

README.md is the protocol's specification.
"""

import re
from datetime import UTC, datetime
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
    Kind,
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
    unanswered,
    unknown,
)
from routing.money import EXPONENTS, MoneyError

PATHS: Final = {Operation.CONVERT: "/conversions", Operation.UNWIND: "/unwindings"}

# The provider's reasons for a refusal, in our words. A reason that is not here, or that belongs to the other
# operation, stays UNKNOWN: nobody has said what it means for the money.
FAILURES: Final = {
    Operation.CONVERT: {
        "RATE_EXPIRED": FailureClass.REFUSED,
        "NO_LIQUIDITY": FailureClass.PARTICIPANT_LIQUIDITY,
        "AMOUNT_OUT_OF_RANGE": FailureClass.AMOUNT_OUT_OF_RANGE,
        "SUSPENDED": FailureClass.PARTICIPANT_CONFIG,
        "DECLINED": FailureClass.REFUSED,
        "UNKNOWN_CONVERSION": FailureClass.REFUSED,  # these two where an earlier conversion is turned round
        "EXCEEDED": FailureClass.AMOUNT_OUT_OF_RANGE,
    },
    Operation.UNWIND: {
        "UNKNOWN_CONVERSION": FailureClass.REFUSED,
        "TOO_LATE": FailureClass.REFUSED,
        "SUSPENDED": FailureClass.PARTICIPANT_CONFIG,
        "DECLINED": FailureClass.REFUSED,
    },
}
NEVER_SEEN: Final = "unknown_reference"
_NOT_SENT: Final = "not sent: an FX provider is told to convert one amount into another, or to let go of that"
_TAKEN_STATUS: Final = frozenset({200, 201})
_RATE: Final = re.compile(r"(?=.*[1-9])[0-9]{1,12}(?:\.[0-9]{1,12})?")
_VALID_MAX_S: Final = 10**9
# A number keeps the digits it was written with: neither rates nor amounts pass through a float.
_decoder: Final = msgspec.json.Decoder(float_hook=str)


class Adapter:
    """One connection to an FX provider."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection

    def login(self, context: Context) -> Login:  # noqa: ARG002 - the contract's
        """Do nothing: the API key goes with every request."""
        yield from ()
        return None

    def execute(self, instruction: Instruction, context: Context) -> Execution:
        """Tell the provider to convert or to unwind; None when it says that its word comes later."""
        order = _order(instruction)
        if order is None:
            # Nothing is sent. It stays unknown, as every silence does, until a person looks.
            return unknown(instruction, text=_NOT_SENT)
        if context.callback_url:
            order["callback_url"] = context.callback_url
        response = yield self._request("PUT", _path(instruction), msgspec.json.encode(order))
        said = _answered(response, instruction)
        return None if said.failure is FailureClass.PENDING else outcome_of(instruction, **said._asdict())

    def inquire(self, instruction: Instruction, context: Context) -> Execution:  # noqa: ARG002 - the contract's
        """Ask by our reference: the provider's own was perhaps never heard."""
        if instruction.operation not in PATHS:
            return unknown(instruction, text=_NOT_SENT)
        response = yield self._request("GET", _path(instruction))
        if response.status == 404 and _object(response).get("error") == NEVER_SEEN:
            return unknown(instruction, FailureClass.ABSENT)
        said = _answered(response, instruction)
        return outcome_of(instruction, **said._asdict())

    def consult(self, question: Question, context: Context) -> Consultation:  # noqa: ARG002 - the contract's
        """Ask for the rates; there is no other question to an FX provider."""
        if question.kind is not Kind.RATES:
            return Answer(finding=Finding.UNSUPPORTED)
        response = yield self._request("GET", "/rates")
        listed = _object(response).get("rates")
        if response.status != 200 or not isinstance(listed, list):
            return unanswered()
        rows = _rows(listed)
        # An empty list says that nothing is sold now; a list of which nothing can be read says nothing.
        return Answer(finding=Finding.FOUND, rows=rows) if rows or not listed else unanswered()

    def heard(self, request: Request, subject: Subject | None) -> Outcome | None:
        """Read a callback; its signed address says what it is about, and what was to be given."""
        if subject is None or subject.operation not in PATHS:
            raise UnreadableError("nothing but the address says what a callback is about")
        said = _said(_object(request), subject.operation, subject.reference, subject.target)
        if said == Said():
            raise UnreadableError("not a conversion of ours")
        if said.failure is FailureClass.PENDING:
            return None
        return outcome_heard(subject, self._connection.name, **said._asdict())

    def _request(self, method: str, path: str, body: bytes = b"") -> Request:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self._connection.secrets['api_key']}"}
        if body:
            headers["Content-Type"] = "application/json"
        return Request(method=method, path=path, headers=headers, body=body, bearer=False)


def _path(instruction: Instruction) -> str:
    return f"{PATHS[instruction.operation]}/{instruction.reference}"


def _order(instruction: Instruction) -> dict[str, Any] | None:
    """Return what is asked for, the same on every retry; None where it is nothing that an FX provider does."""
    target = instruction.target
    if target is None:
        return None
    at = datetime.fromtimestamp(instruction.created_ms // 1000, UTC)
    order = {
        "transfer": instruction.transfer,
        "source": _shown(instruction.money),
        "target": _shown(target),
        "created_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    match instruction.operation:
        case Operation.CONVERT if instruction.rate:
            turned = {"reverses": instruction.original} if instruction.original else {}
            return order | {"rate": instruction.rate} | turned
        case Operation.UNWIND if instruction.original:
            return order | {"conversion": instruction.original}
    return None


def _shown(money: Money) -> dict[str, str]:
    return {"amount": str(money), "currency": money.currency}


def _answered(response: Response, instruction: Instruction) -> Said:
    body = _object(response)
    if response.status not in _TAKEN_STATUS:
        return Said(code=_text(body, "error"))
    return _said(body, instruction.operation, instruction.reference, instruction.target)


def _said(body: dict[str, Any], operation: Operation, reference: str, target: Money | None) -> Said:
    """Read a conversion or an unwinding. Only its three states decide anything, and only of the amounts asked for."""
    if body.get("reference") != reference:
        return Said()
    status, reason, text = (_text(body, name) for name in ("status", "reason", "text"))
    match status:
        case "pending":
            return Said(failure=FailureClass.PENDING)
        case "refused" if reason in FAILURES[operation]:
            return Said(Verdict.REFUSED, FAILURES[operation][reason], code=reason, text=text)
        case "confirmed":
            source, given = _money(body.get("source")), _money(body.get("target"))
            if source is None or given is None or given != target:
                # It binds itself to something, and not to what was asked.
                return Said(code=status, text=text)
            return Said(Verdict.ACCEPTED, None, "", text, source, _text(body, "conversion"))
    return Said(code=reason if status == "refused" and reason else status, text=text)


def _rows(listed: list[Any]) -> list[dict[str, Any]]:
    """Return the rates that can be read; of a pair that is listed twice, none: nobody says which one holds."""
    by_pair: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in listed:
        if (row := _row(each)) is not None:
            by_pair.setdefault((row["source"], row["target"]), []).append(row)
    return [rows[0] for rows in by_pair.values() if len(rows) == 1]


def _row(row: Any) -> dict[str, Any] | None:
    if not isinstance(row, dict):
        return None
    source, target, rate, valid_s = (row.get(name) for name in ("source", "target", "rate", "valid_s"))
    if not (isinstance(source, str) and isinstance(target, str) and {source, target} <= EXPONENTS.keys()):
        return None
    if source == target or not _RATE.fullmatch(str(rate)):
        return None
    read = {"source": source, "target": target, "rate": str(rate)}
    if valid_s is None:
        return read
    # A rate of which it is not clear how long it holds is none.
    return read | {"valid_s": valid_s} if type(valid_s) is int and 0 < valid_s <= _VALID_MAX_S else None


def _money(value: Any) -> Money | None:
    try:
        return Money.parse(str(value["amount"]), str(value["currency"])) if isinstance(value, dict) else None
    except (KeyError, MoneyError):
        return None


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _object(message: Request | Response) -> dict[str, Any]:
    try:
        body = _decoder.decode(message.body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
