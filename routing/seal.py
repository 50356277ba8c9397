"""The seal: customers' own credentials, encrypted from the API to the adapter that uses them; it must never log them.

A sealed text names its key, so that keys can be changed while texts are under way, and is bound to its transfer:
under another transfer it does not open.
"""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES_MIN: Final = 32
SEALED_MAX: Final = 32_768  # characters; the API's headers cannot make it longer
_NONCE_BYTES: Final = 12
_INFO: Final = b"makutano customers' credentials v1"

_open: Final = msgspec.json.Decoder(dict[str, str]).decode


class SealError(Exception):
    """A sealed text cannot be opened; says why, never what is in it."""


class Seal:
    """Seals with the first of its keys, opens with any of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Derive the keys; raises ValueError for none at all and for one that is too short."""
        if not keys or any(len(key) < KEY_BYTES_MIN for key in keys):
            raise ValueError(f"a key that seals credentials has at least {KEY_BYTES_MIN} characters")
        derived = [HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(key) for key in keys]
        self._keys = {hashlib.sha256(key).hexdigest()[:8]: AESGCM(key) for key in derived}
        self._first = next(iter(self._keys))

    def __repr__(self) -> str:
        """Show which keys, never what they are."""
        return f"Seal({', '.join(self._keys)})"

    def sealed(self, headers: Mapping[str, str], *, transfer: str) -> str:
        """Seal credentials for one transfer."""
        nonce = os.urandom(_NONCE_BYTES)
        secret = self._keys[self._first].encrypt(nonce, msgspec.json.encode(dict(headers)), transfer.encode())
        return f"{self._first}.{base64.urlsafe_b64encode(nonce + secret).decode()}"

    def opened(self, text: str, *, transfer: str) -> dict[str, str]:
        """Open what was sealed for this transfer; raises SealError."""
        name, _, rest = text.partition(".")
        key = self._keys.get(name)
        if key is None or len(text) > SEALED_MAX:
            raise SealError("sealed under a key that is not here")
        try:
            secret = base64.urlsafe_b64decode(rest)
            return _open(key.decrypt(secret[:_NONCE_BYTES], secret[_NONCE_BYTES:], transfer.encode()))
        except (InvalidTag, ValueError):
            # Without the cause, whose traceback would hold the text.
            raise SealError("changed on the way, or sealed for another transfer") from None
