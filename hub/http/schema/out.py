"""What leaves the hub: any JSON becomes the API's object by its own schema, or is refused; nothing is made up.

Cutting a text that people read keeps its sense. A reference that is cut names something else, so it is left out.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from hub.http.schema.objects import OBJECTS, Schema, words
from hub.http.schema.words import AMOUNT, ENUMS, day, in_utc, number, word

_PROSE: Final = words(
    "errorDescription pendingReason descriptionText batchTitle batchDescription rejectionReason billDescription"
    " serviceProviderComment serviceProviderNotification companyName remittancePurpose relationshipSender"
    " recipientBlockingReason senderBlockingReason title firstName middleName lastName fullName nativeName"
    " addressLine1 addressLine2 addressLine3 city stateProvince occupation employerName otherIdDescription"
)
# The enumeration of each list of words: a schema holds only the list.
_NAMES: Final = {known: name for name, known in reversed(ENUMS.items())}
_PREFIX: Final = "#/components/schemas/"


class OutgoingError(ValueError):
    """What was to be sent cannot be the API's object: a required field is missing or says nothing the API knows."""


class _No(Exception):  # noqa: N818 - it ends the reading of one value, and is no error outside
    """A value is not what the schema wants."""


def outgoing(name: str, data: Any) -> dict[str, Any]:
    """Return the object of this name, as strict as the API; raises OutgoingError where it cannot be one."""
    try:
        found: dict[str, Any] = _object(OBJECTS[name], data)
    except _No as no:
        raise OutgoingError(f"{name}: {no}") from None
    return found


def _read(schema: Schema, value: Any, field: str = "") -> Any:
    if value is None:
        raise _No("absent")
    if "$ref" in schema:
        return _object(OBJECTS[schema["$ref"].removeprefix(_PREFIX)], value)
    return _READERS[schema["type"]](schema, value, field)


def _object(schema: Schema, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _No("not an object")
    spelled = {str(name).lower(): each for name, each in value.items()}
    found: dict[str, Any] = {}
    required = schema.get("required", ())
    for name, kind in schema["properties"].items():
        given = value.get(name, spelled.get(name.lower()))
        try:
            found[name] = _read(kind, given, name)
        except _No as no:
            if name in required:
                raise _No(f"{name}: {no}") from None
    return found


def _text(schema: Schema, value: Any, field: str) -> str:
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or "\0" in text or not _is_unicode(text):
        raise _No("not a text")
    if "enum" in schema:
        text = str(word(_NAMES[tuple(schema["enum"])], text))
        if text not in schema["enum"]:
            raise _No("not a word of the API")
    if written := _FORMATS.get(schema.get("format", "")):
        try:
            text = written(text)
        except ValueError as error:
            raise _No(str(error)) from None
    if "pattern" in schema and re.fullmatch(schema["pattern"], text) is None:
        raise _No("not of the API's form")
    if schema.get("pattern") == AMOUNT and "." in text:  # without zeros every version takes it
        text = text.rstrip("0").removesuffix(".")
    most = schema.get("maxLength", len(text))
    if len(text) > most and field in _PROSE:
        text = text[:most]
    if not schema.get("minLength", 0) <= len(text) <= most:
        raise _No("too long or too short")
    return text


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)


def _number(schema: Schema, value: Any, _: str) -> int:
    value = number(value)
    if type(value) is not int:
        raise _No("not a whole number")
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    if not least <= value <= schema.get("maximum", 2**53):
        raise _No("out of range")
    return value


def _truth(_schema: Schema, value: Any, _: str) -> bool:
    if not isinstance(value, bool):
        raise _No("neither true nor false")
    return value


def _list(schema: Schema, value: Any, _: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _No("not a list")
    found: list[Any] = []
    for each in value:
        if len(found) == schema["maxItems"]:
            break
        try:
            found.append(_read(schema["items"], each))
        except _No:
            continue
    if not found:  # An empty list says nothing, and where one item is the least it is not the API's.
        raise _No("empty")
    return found


_FORMATS: Final[dict[str, Callable[[str], str]]] = {"date-time": in_utc, "date": day}
_READERS: Final[dict[str, Callable[[Schema, Any, str], Any]]] = {
    "string": _text,
    "integer": _number,
    "boolean": _truth,
    "array": _list,
}
