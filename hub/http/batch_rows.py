"""Reading a batch as it was sent: its header at once, each row alone; a broken row is rejected and breaks no other.

What comes out is what COPY reads, some hundreds of rows at a time, so a large batch never stands in memory as objects.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import ValidationError

from hub.core.batch import ItemState, Sides, Terms, sealed_name, sides
from hub.core.participant import Scheme
from hub.http import kyc
from hub.http.errors import ApiError, bad_body, invalid
from hub.http.reading import details_of, money_of, party_named
from hub.http.schema.base import Pair
from hub.http.schema.transactions import BatchHeader, Transaction
from hub.http.schema.words import in_utc
from hub.http.terms import check_terms
from routing.money import Money
from routing.party import IDENTIFIER_KEYS, IDENTIFIERS_MAX, Identifier, Party
from routing.seal import Seal

ROWS_MAX: Final = 999_999
ROWS_TOGETHER: Final = 500
REASON_MAX: Final = 256
# What of the header is shown again.
_SHOWN: Final = (
    "batchTitle",
    "batchDescription",
    "scheduledStartDate",
    "requestingOrganisation",
    "requestDate",
    "customData",
)


class Opened(NamedTuple):
    """A batch whose header is read and whose rows are not."""

    header: BatchHeader
    rows: Sequence[msgspec.Raw]


class Row(NamedTuple):
    """A row as it is kept; of a broken one the reason, and who was named as far as that could be read."""

    state: ItemState
    sides: Sides
    currency: str
    minor: int
    terms: Terms
    reason: str


_encode: Final = msgspec.json.Encoder().encode
_parts: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_rows: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def opened(content: bytes) -> Opened:
    """Read the header and find the rows; raises an ApiError for what makes the whole batch unreadable."""
    try:
        parts = _parts(content)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise invalid("body", "formatError", f"This is not a JSON object: {str(error)[:120]}") from None
    raw = next((parts.pop(name) for name in list(parts) if name.lower() == "transactions"), None)
    try:
        header = BatchHeader.model_validate({name: _value(name, each) for name, each in parts.items()})
    except ValidationError as error:
        raise bad_body(error) from None
    if header.batchStatus == "completed":
        raise invalid("batchStatus", "formatError", "A batch begins as created, or as approved.")
    if raw is None:
        raise invalid("transactions", "mandatoryValueNotSupplied", "This property must be given.")
    try:
        rows = _rows(raw)
    except msgspec.DecodeError:
        raise invalid("transactions", "formatError", "Send a list of transactions.") from None
    if not 1 <= len(rows) <= ROWS_MAX:
        raise invalid("transactions", "lengthError", f"Send 1 to {ROWS_MAX} transactions.")
    return Opened(header, rows)


def unix_ms(text: str) -> int:
    """Read a date and time of ISO 8601."""
    return int(datetime.fromisoformat(in_utc(text)).timestamp() * 1000)


def shown_again(header: BatchHeader) -> dict[str, Any]:
    """Return what of the header the API shows again."""
    known = header.model_dump(include=set(_SHOWN), exclude_none=True)
    times = {name: in_utc(known[name]) for name in ("scheduledStartDate", "requestDate") if name in known}
    return known | times


def together(rows: Sequence[msgspec.Raw]) -> Iterator[tuple[int, Sequence[msgspec.Raw]]]:
    """Give the rows some hundreds at a time, each time with the number of the first."""
    for start in range(0, len(rows), ROWS_TOGETHER):
        yield start + 1, rows[start : start + ROWS_TOGETHER]


class Reading(NamedTuple):
    """What reading rows needs to know."""

    batch: str
    caller: str
    scheme: Scheme
    region: str | None  # the caller's country, in which telephone numbers without country code are read
    now_ms: int
    seal: Seal | None = None  # None: a row that says who sends or receives is rejected


def lines(reading: Reading, first: int, rows: Sequence[msgspec.Raw]) -> bytes:
    """Read rows and write them as COPY reads them: the columns of `hub.store.batches.COLUMNS`."""
    return b"".join(_line(reading, number, read(bytes(raw), reading, number)) for number, raw in enumerate(rows, first))


def read(raw: bytes, reading: Reading, number: int) -> Row:
    """Read one row; what is wrong with it is its reason, in the API's words, and no error."""
    data: dict[str, Any] = {}
    try:
        data = _decoded(raw)
        model = Transaction.model_validate(data)
        money = money_of("amount", model.amount, model.currency)
        _some(money)
        payer = party_named("debitParty", _pairs(model.debitParty), reading.region)
        payee = party_named("creditParty", _pairs(model.creditParty), reading.region)
        check_terms(plain := model.plain())
        rest, identities = kyc.parted(details_of(plain))
        sealed = kyc.sealed(reading.seal, identities, sealed_name(reading.batch, number))
    except ValidationError as error:
        return _broken(data, bad_body(error))
    except ApiError as error:
        return _broken(data, error)
    terms = Terms(payer=payer, payee=payee, type=model.type, details=rest, kyc=sealed)
    concerned = sides(reading.scheme, reading.caller, payer, payee)
    return Row(ItemState.WAITING, concerned, money.currency, money.minor, terms, "")


def _decoded(raw: bytes) -> dict[str, Any]:
    if b"\\u0000" in raw:
        raise invalid("body", "formatError", "Text must not contain the character U+0000.")
    try:
        return _object(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise invalid("body", "formatError", "This is not an object.") from None


def _value(name: str, raw: msgspec.Raw) -> Any:
    try:
        if b"\\u0000" not in bytes(raw):
            return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        pass
    raise invalid(name[:64], "formatError", "This cannot be read.")


def _some(money: Money) -> None:
    if money.minor == 0:
        raise ApiError("businessRule", "lessThanTransactionMinValue", "", parameters=[("property", "amount")])


def _pairs(named: list[Pair]) -> list[tuple[str, str]]:
    return [(each.key, each.value) for each in named]


def _broken(data: dict[str, Any], error: ApiError) -> Row:
    named = " ".join(value for key, value in error.parameters if key == "property")
    reason = f"{error.words.category}/{error.words.code} {named}".strip()[:REASON_MAX]
    reference = data.get("requestingOrganisationTransactionReference")
    details = {"requestingOrganisationTransactionReference": reference} if _is_text(reference) else {}
    terms = Terms(payer=_named(data.get("debitParty")), payee=_named(data.get("creditParty")), details=details)
    return Row(ItemState.REJECTED, Sides("", ""), "", 0, terms, reason)


def _named(pairs: Any) -> Party:
    """Say who was meant, as far as that can be shown again."""
    found = [pair for pair in pairs if isinstance(pair, dict)] if isinstance(pairs, list) else []
    known = [(str(pair.get("key")).strip().lower(), pair.get("value")) for pair in found]
    return tuple(Identifier(key, str(value)) for key, value in known if key in IDENTIFIER_KEYS and _is_text(value))[
        :IDENTIFIERS_MAX
    ]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= REASON_MAX


def _line(reading: Reading, number: int, row: Row) -> bytes:
    ended = reading.now_ms if row.state is ItemState.REJECTED else "\\N"
    terms = _encode(row.terms).decode()
    names = (_escaped(row.sides.payer_fsp), _escaped(row.sides.other_fsp))
    columns = (reading.batch, number, row.state, *names, row.currency, row.minor, _escaped(terms))
    return ("\t".join(map(str, (*columns, _escaped(row.reason), ended))) + "\n").encode()


def _escaped(text: str) -> str:
    # JSON holds no tab and no line break as it is; names and reasons are held to the same.
    return text.replace("\\", "\\\\").replace("\t", " ").replace("\n", " ").replace("\r", " ")
