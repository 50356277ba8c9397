"""Signatures of what the hub tells participants over HTTP: detached JWS; it must never see a participant's secret.

The specification leaves open how a message is signed. This is one profile of RFC 7515 and 7797: ES256 over the body as
it is sent, and in the protected header when it was signed, where it is sent to, and under which correlation id. So a
letter cannot be passed on to another address, or kept and sent again later, without being noticed.
"""

import hashlib
from typing import Final

from yarl import URL

from hub.files.keys import SigningKey, new_key

__all__ = ["HASH", "SIGNATURE", "Signer", "new_key"]

SIGNATURE: Final = "X-JWS-Signature"
HASH: Final = "X-Content-Hash"


class Signer(SigningKey):
    """Signs letters with one key."""

    def headers(self, url: str, body: bytes, *, correlation: str, now_s: int) -> dict[str, str]:
        """Return the headers by which the receiver knows that this body comes from here, to it, now."""
        where = URL(url)
        about = {
            "iat": now_s,
            "host": where.host_port_subcomponent or "",
            "path": where.raw_path_qs,
            "correlation": correlation,
        }
        return {SIGNATURE: self.detached(about, body), HASH: hashlib.sha256(body).hexdigest()}
