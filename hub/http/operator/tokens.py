"""Operators' tokens: short-lived JWTs that this hub signs and reads itself; no process has to remember them.

A token is for one version of an operator's record: whoever is disabled, changed or given a new secret is out at once.
"""

import time
from typing import Final, NamedTuple

from hub.core.office.records import Operator
from hub.files.keys import SigningKey

AUDIENCE: Final = "operator"
_KIND: Final = "operator+jwt"


class Bearer(NamedTuple):
    """Whom a token is for, and for which version of that operator's record."""

    name: str
    version: int


class Tokens:
    """Makes and reads tokens. Every API process has the same key."""

    def __init__(self, key: SigningKey, lifetime_s: int) -> None:
        """Sign with this key."""
        self._key = key
        self.lifetime_s: Final = lifetime_s

    def issued(self, operator: Operator) -> str:
        """Make a token."""
        now_s = int(time.time())
        claims = {
            "aud": AUDIENCE,
            "sub": operator.id,
            "roles": list(operator.roles),
            "ver": operator.version,
            "iat": now_s,
            "exp": now_s + self.lifetime_s,
        }
        return self._key.token(_KIND, claims)

    def bearer(self, token: str) -> Bearer | None:
        """Return whom a token is for; None: it is none of ours, for another audience, or expired."""
        claims = self._key.claims(_KIND, token)
        if claims is None or claims.get("aud") != AUDIENCE:
            return None
        name, version, expires_s = (claims.get(each) for each in ("sub", "ver", "exp"))
        if not isinstance(name, str) or not isinstance(version, int) or not isinstance(expires_s, int):
            return None
        return Bearer(name, version) if time.time() < expires_s else None
