"""Signatures of what the hub tells participants over HTTP: detached JWS; it must never see a participant's secret.

The specification leaves open how a message is signed. This is one profile of RFC 7515 and 7797: ES256 over the body as
it is sent, and in the protected header when it was signed, where it is sent to, and under which correlation id. So a
letter cannot be passed on to another address, or kept and sent again later, without being noticed.
"""

import hashlib
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from yarl import URL

ALGORITHM: Final = "ES256"
CURVE: Final = "P-256"
SIGNATURE: Final = "X-JWS-Signature"
HASH: Final = "X-Content-Hash"

_REGISTRY: Final = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)


def new_key() -> str:
    """Make a key, as PEM."""
    return ECKey.generate_key(CURVE).as_pem(private=True).decode()


class Signer:
    """Signs with one key."""

    def __init__(self, key: str) -> None:
        """Take a private key of P-256, as PEM or as JWK; raises ValueError for anything else."""
        try:
            text = key.strip()
            found = ECKey.import_key(msgspec.json.decode(text) if text.startswith("{") else text)
        except (JoseError, ValueError, TypeError):
            found = None
        if found is None or not found.is_private or found.curve_name != CURVE:
            # Without the cause, which may show the key.
            raise ValueError("the key that signs is a private key of the curve P-256, as PEM or as JWK")
        self._key = found
        self._kid = found.thumbprint()

    def __repr__(self) -> str:
        """Show which key, never what it is."""
        return f"Signer({self._kid})"

    @property
    def jwks(self) -> bytes:
        """The public key, as it is published (RFC 7517)."""
        public: dict[str, Any] = {**self._key.as_dict(private=False), "kid": self._kid, "use": "sig", "alg": ALGORITHM}
        return msgspec.json.encode({"keys": [public]})

    def headers(self, url: str, body: bytes, *, correlation: str, now_s: int) -> dict[str, str]:
        """Return the headers by which the receiver knows that this body comes from here, to it, now."""
        where = URL(url)
        protected = {
            "alg": ALGORITHM,
            "kid": self._kid,
            "b64": False,
            "crit": ["b64"],
            "iat": now_s,
            "host": where.host_port_subcomponent or "",
            "path": where.raw_path_qs,
            "correlation": correlation,
        }
        text = jws.serialize_compact(protected, body, self._key, registry=_REGISTRY)
        head, signature = text.partition(".")[0], text.rpartition(".")[2]
        return {SIGNATURE: f"{head}..{signature}", HASH: hashlib.sha256(body).hexdigest()}
