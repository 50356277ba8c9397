"""Keys that sign what leaves the hub, and detached JWS made with them; a private key is never shown.

RFC 7515 and 7797: the signature is over the bytes as they are, which are not in it a second time.
"""

from typing import Any, Final

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM: Final = "ES256"
CURVE: Final = "P-256"

_REGISTRY: Final = jws.JWSRegistry(algorithms=[ALGORITHM], strict_check_header=False)


def new_key() -> str:
    """Make a key, as PEM."""
    return ECKey.generate_key(CURVE).as_pem(private=True).decode()


class SigningKey:
    """A private key, and its public half."""

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
        return f"{type(self).__name__}({self._kid})"

    @property
    def jwks(self) -> bytes:
        """The public key, as it is published (RFC 7517)."""
        public: dict[str, Any] = {**self._key.as_dict(private=False), "kid": self._kid, "use": "sig", "alg": ALGORITHM}
        return msgspec.json.encode({"keys": [public]})

    def detached(self, about: dict[str, Any], content: bytes) -> str:
        """Sign bytes together with what is said about them in the protected header."""
        protected = {"alg": ALGORITHM, "kid": self._kid, "b64": False, "crit": ["b64"], **about}
        text = jws.serialize_compact(protected, content, self._key, registry=_REGISTRY)
        return f"{text.partition('.')[0]}..{text.rpartition('.')[2]}"

    def token(self, kind: str, claims: dict[str, Any]) -> str:
        """Sign claims as a compact JWT; its `typ` says what kind it is, so that none passes for one of another kind."""
        return jwt.encode({"alg": ALGORITHM, "kid": self._kid, "typ": kind}, claims, self._key, algorithms=[ALGORITHM])

    def claims(self, kind: str, token: str) -> dict[str, Any] | None:
        """Return the claims of a token of this kind that this key has signed; whether they still hold is not looked at.

        None: it is no such token.
        """
        try:
            found = jwt.decode(token, self._key, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError):
            return None
        return dict(found.claims) if found.header.get("typ") == kind else None
