"""The seal: what only an adapter may read, encrypted from the API to there; it must never log what it seals.

A sealed text names its key, so that keys can be changed while texts are under way, and is bound to its transfer:
under another transfer it does not open. Credentials and identities have keys of their own, derived from the same
ones: neither opens as the other.
"""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES_MIN: Final = 32
SEALED_MAX: Final = 32_768  # characters; the API's headers cannot make it longer
SEALED_OBJECT_MAX: Final = 65_536
_NONCE_BYTES: Final = 12
_HEADERS_INFO: Final = b"makutano customers' credentials v1"
_OBJECT_INFO: Final = b"makutano customers' identities v1"

_headers: Final = msgspec.json.Decoder(dict[str, str]).decode
_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


class SealError(Exception):
    """A text cannot be sealed or opened; says why, never what is in it."""


class _Keys:
    """The keys of one kind of text: seals with the first, opens with any."""

    def __init__(self, keys: Sequence[bytes], info: bytes, longest: int) -> None:
        derived = [HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key) for key in keys]
        self.by_name = {hashlib.sha256(key).hexdigest()[:8]: AESGCM(key) for key in derived}
        self._first = next(iter(self.by_name))
        self._longest = longest

    def sealed(self, secret: bytes, transfer: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        whole = nonce + self.by_name[self._first].encrypt(nonce, secret, transfer.encode())
        return f"{self._first}.{base64.urlsafe_b64encode(whole).decode()}"

    def opened(self, text: str, transfer: str) -> bytes:
        name, _, rest = text.partition(".")
        key = self.by_name.get(name)
        if key is None or len(text) > self._longest:
            raise SealError("sealed under a key that is not here")
        try:
            whole = base64.urlsafe_b64decode(rest)
            return key.decrypt(whole[:_NONCE_BYTES], whole[_NONCE_BYTES:], transfer.encode())
        except (InvalidTag, ValueError):
            # Without the cause, whose traceback would hold the text.
            raise SealError("changed on the way, or sealed for another transfer") from None


class Seal:
    """Seals with the first of its keys, opens with any of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Derive the keys; raises ValueError for none at all and for one that is too short."""
        if not keys or any(len(key) < KEY_BYTES_MIN for key in keys):
            raise ValueError(f"a key that seals credentials has at least {KEY_BYTES_MIN} characters")
        self._headers = _Keys(keys, _HEADERS_INFO, SEALED_MAX)
        self._objects = _Keys(keys, _OBJECT_INFO, SEALED_OBJECT_MAX)

    def __repr__(self) -> str:
        """Show which keys, never what they are."""
        return f"Seal({', '.join(self._headers.by_name)})"

    def sealed(self, headers: Mapping[str, str], *, transfer: str) -> str:
        """Seal credentials for one transfer."""
        return self._headers.sealed(msgspec.json.encode(dict(headers)), transfer)

    def opened(self, text: str, *, transfer: str) -> dict[str, str]:
        """Open what was sealed for this transfer; raises SealError."""
        return _headers(self._headers.opened(text, transfer))

    def sealed_object(self, obj: Mapping[str, Any], *, transfer: str) -> str:
        """Seal who sends, who receives and why, for one transfer; raises SealError for more than could be opened."""
        text = self._objects.sealed(msgspec.json.encode(dict(obj)), transfer)
        if len(text) > SEALED_OBJECT_MAX:
            raise SealError(f"an object has at most {SEALED_OBJECT_MAX} characters when it is sealed")
        return text

    def opened_object(self, text: str, *, transfer: str) -> dict[str, Any]:
        """Open what `sealed_object` sealed for this transfer; raises SealError."""
        return _object(self._objects.opened(text, transfer))
