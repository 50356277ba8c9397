"""Signatures of settlement's files: a changed byte, another name or window, an unknown key are refused, never reported.

A detached JWS (RFC 7515, RFC 7797) over the file's exact bytes. Its protected header says besides: `name` of the file,
`sha256` of it in hexadecimal, `window` ('' for a file of none), `iat` when it was signed (Unix seconds). ES256 is what
the hub signs with; of others it takes Ed25519 as well, under either of its names.
"""

import base64
import hashlib
import hmac
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from hub.files.keys import ALGORITHM, CURVE, SigningKey
from hub.files.shapes import FileRefusedError

_EDWARDS: Final = "Ed25519"  # RFC 9864
_CURVES: Final = {ALGORITHM: CURVE, _EDWARDS: _EDWARDS, "EdDSA": _EDWARDS}  # what each algorithm's key is of
_SIGNATURE_MAX: Final = 8192
_KEYS_MAX: Final = 100
_WHERE: Final = "the signature"
_REMEDY: Final = "It is not to be believed: ask its sender for the file and its signature anew"


_KEYS_REMEDY: Final = "Set the sender's keys anew"


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


class SignedHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature says of its file."""

    alg: str
    kid: str
    b64: bool
    crit: tuple[str, ...]
    iat: int
    name: str
    sha256: str
    window: str = ""

    @property
    def created_ms(self) -> int:
        """When the file was signed, as its sender says."""
        return self.iat * 1000


def sign(content: bytes, *, name: str, window: str, created_ms: int, key: SigningKey) -> str:
    """Return the signature of a file, to be kept beside it as `<name>.jws`."""
    about = {
        "iat": created_ms // 1000,
        "name": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "window": window,
    }
    return key.detached(about, content)


def verify(content: bytes, *, name: str, window: str | None, signature: str, jwks: bytes | str) -> SignedHeader:
    """Return what the signature says, once it holds; raises FileRefusedError.

    `jwks` is the sender's published key set. `window` is which one the file must be of; None leaves that to the caller.
    """
    text = signature.strip()
    header = _header(text)
    _check_key(_key(header, jwks), header, text, content)
    wanted = {"sha256": hashlib.sha256(content).hexdigest(), "name": name}
    wanted |= {} if window is None else {"window": window}
    for what, value in wanted.items():
        if not hmac.compare_digest(value.encode(), getattr(header, what).encode()):
            raise _refused(f"it is of another {what}")
    return header


def _refused(problem: str) -> FileRefusedError:
    return FileRefusedError(_WHERE, problem, _REMEDY)


def _header(signature: str) -> SignedHeader:
    parts = signature.split(".")
    if len(parts) != 3 or parts[1] or not signature.isascii() or len(signature) > _SIGNATURE_MAX:
        raise _refused("it is no detached JWS: header, two points, signature")
    try:
        header = msgspec.json.decode(_bytes(parts[0]), type=SignedHeader)
    except (ValueError, msgspec.DecodeError) as error:
        raise _refused(f"its protected header is not of the profile: {error}") from error
    if header.alg not in _CURVES:
        raise _refused(f"alg {header.alg!r} is none of {', '.join(_CURVES)}")
    if header.b64 or header.crit != ("b64",):
        raise _refused("it does not say b64 false, crit b64")
    return header


def _bytes(text: str) -> bytes:
    """Decode base64url without padding; raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _key(header: SignedHeader, jwks: bytes | str) -> ECKey | OKPKey:
    """Return the one key that the header names; raises FileRefusedError."""
    found = [key for each in _keys(jwks) if (key := _usable(each, header)) is not None]
    if len(found) != 1:
        raise _refused(f"{len(found)} of the sender's keys are {header.alg} and named {header.kid!r}")
    return found[0]


def _keys(jwks: bytes | str) -> list[dict[str, Any]]:
    try:
        keys = msgspec.json.decode(jwks, type=_KeySet).keys
    except (msgspec.DecodeError, ValueError) as error:
        raise FileRefusedError("the sender's key set", f"it is no JWKS: {error}", _KEYS_REMEDY) from error
    if len(keys) > _KEYS_MAX:
        raise FileRefusedError("the sender's key set", f"it has over {_KEYS_MAX} keys", _KEYS_REMEDY)
    return keys


def _usable(each: dict[str, Any], header: SignedHeader) -> ECKey | OKPKey | None:
    """Return a key of the set if it is the one: of the algorithm's curve, for signatures, and of the header's name."""
    curve = _CURVES[header.alg]
    if each.get("crv") != curve or each.get("use", "sig") != "sig":
        return None
    if _CURVES.get(each.get("alg", header.alg)) != curve:
        return None
    try:
        key = ECKey.import_key(each) if curve == CURVE else OKPKey.import_key(each)
    except (JoseError, ValueError, TypeError):
        return None
    name = each.get("kid") or key.thumbprint()
    return key if name == header.kid else None


def _check_key(key: ECKey | OKPKey, header: SignedHeader, signature: str, content: bytes) -> None:
    """Check the signature with the key; raises FileRefusedError."""
    head, _, made = signature.partition("..")
    algorithm = jws.JWSRegistry.algorithms[ALGORITHM if header.alg == ALGORITHM else _EDWARDS]
    try:
        holds = algorithm.verify(head.encode() + b"." + content, _bytes(made), key)
    except ValueError:
        holds = False
    if not holds:
        raise _refused("it does not hold: the file or what is said of it was changed, or another key signed it")
