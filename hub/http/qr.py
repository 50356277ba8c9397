"""A payer's code as the content of a QR symbol and back; it carries the code and nothing about the payer.

EMVCo consumer-presented mode: BER-TLV in Base64; 85 is the format, 61 the application with its label (50) and, in
its transparent template (63), the code under a tag of our own (C1).
"""

import base64
import binascii
from typing import Any, Final

from routing.message import Resource

QR_KEY: Final = "qrPayload"
_FORMAT: Final = b"CPV01"
# ISO/IEC 7816-5: a name in the proprietary category, which needs no registration.
_APPLICATION: Final = b"\xf0MAKUTANO"
_LABEL: Final = b"MAKUTANO"
_START: Final = base64.b64encode(b"\x85\x05CPV0").decode()[:8]
_PAIRS_MAX: Final = 20


def payload(code: str) -> str:
    """Write the content of the QR symbol for a code."""
    inside = _tlv(0x4F, _APPLICATION) + _tlv(0x50, _LABEL) + _tlv(0x63, _tlv(0xC1, code.encode()))
    return base64.b64encode(_tlv(0x85, _FORMAT) + _tlv(0x61, inside)).decode()


def code_in(text: str) -> str:
    """Return the code in what was scanned; what is no symbol of ours is a code as it was typed."""
    if not text.startswith(_START):
        return text.strip()
    try:
        content = base64.b64decode(text, validate=True)
        return _found(_found(_found(content, 0x61), 0x63), 0xC1).decode()
    except (binascii.Error, LookupError, UnicodeError):
        return text


def with_payload(kind: Resource, resource: dict[str, Any]) -> dict[str, Any]:
    """Show the QR symbol's content beside a code, among the provider's own pairs."""
    code = resource.get("authorisationCode")
    if kind is not Resource.CODE or not isinstance(code, str):
        return resource
    given = resource.get("customData")
    pairs = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return resource | {"customData": [*pairs[: _PAIRS_MAX - 1], {"key": QR_KEY, "value": payload(code)}]}


def _tlv(tag: int, value: bytes) -> bytes:
    if len(value) > 127:
        raise ValueError("too long for a QR symbol")
    return bytes([tag, len(value)]) + value


def _found(content: bytes, wanted: int) -> bytes:
    """Return the value of the first object with this tag; raises LookupError."""
    at = 0
    while at + 2 <= len(content):
        tag, length = content[at], content[at + 1]
        value = content[at + 2 : at + 2 + length]
        if tag == wanted and len(value) == length and length < 128:
            return value
        at += 2 + length
    raise LookupError(wanted)
