"""Who is calling: OAuth2 client credentials, or Basic with an API key; every route that is not public asks here.

Secrets are compared as hashes in constant time. A verified credential is remembered for a few seconds, no
longer: switching it off must take effect at once for people.
"""

import base64
import hashlib
import hmac
import secrets
import time
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from hub.http.errors import ApiError, answer
from hub.store.read import Credential, Reader

REMEMBER_S: Final = 10.0
REMEMBERED_MAX: Final = 10_000
_NOBODY: Final = bytes(32)


def _unauthorised() -> ApiError:
    return ApiError(
        "authorisation",
        "clientAuthorisationError",
        "The credentials or the access token are missing, wrong or expired.",
    )


def hashed(secret: str) -> bytes:
    """Hash a secret of 256 random bits."""
    # Headers arrive as bytes; those that are not UTF-8 are wrong secrets, not our failure.
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


class Gate:
    """Lets participants in."""

    def __init__(self, reader: Reader, token_lifetime_s: int) -> None:
        """Ask this reader for credentials and tokens."""
        self._reader = reader
        self._token_lifetime_s = token_lifetime_s
        self._remembered: dict[bytes, tuple[Credential, float]] = {}

    async def credential(self, request: web.Request) -> Credential:
        """Return whose software calls, and which; raises an ApiError for anybody else."""
        header = request.headers.get("Authorization", "")
        key = request.headers.get("X-API-Key", "")
        fingerprint = hashed(f"{header}\n{key}")
        found = self._remembered.get(fingerprint)
        now = time.monotonic()
        if found is not None and found[1] > now:
            return found[0]
        credential = await self._verified(header, key)
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[fingerprint] = (credential, now + REMEMBER_S)
        return credential

    async def _verified(self, header: str, key: str) -> Credential:
        kind, _, value = header.partition(" ")
        if kind.lower() == "bearer" and value:
            credential = await self._reader.token(hashed(value.strip()))
            if credential is not None and (not key or _matches(key, credential.api_key_hash)):
                return credential
        elif kind.lower() == "basic":
            credential = await self._basic(value)
            if key and _matches(key, credential.api_key_hash):
                return credential
        raise _unauthorised()

    async def _basic(self, value: str) -> Credential:
        try:
            client_id, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except ValueError:  # not base64, or not UTF-8 inside
            raise _unauthorised() from None
        credential = None if "\0" in client_id else await self._reader.credential(client_id)
        # An unknown client takes as long as a wrong secret.
        known = _matches(secret, credential.secret_hash if credential else _NOBODY)
        if credential is None or not known or not credential.enabled:
            raise _unauthorised()
        return credential

    async def issue(self, request: web.Request) -> web.Response:
        """Answer POST /v1/oauth/accesstoken (RFC 6749, section 4.4): Basic, grant_type=client_credentials."""
        form = parse_qs((await request.read()).decode(errors="replace"))
        if form.get("grant_type") != ["client_credentials"]:
            return _oauth_error(400, "unsupported_grant_type")
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return _oauth_error(401, "invalid_client")
        try:
            credential = await self._basic(value)
        except ApiError:
            return _oauth_error(401, "invalid_client")
        token = secrets.token_urlsafe(32)
        expires_ms = (int(time.time()) + self._token_lifetime_s) * 1000
        await self._reader.save_token(hashed(token), credential.client_id, expires_ms)
        body = {"access_token": token, "token_type": "Bearer", "expires_in": self._token_lifetime_s}
        response = answer(200, body)
        response.headers["Cache-Control"] = "no-store"
        return response


def _matches(secret: str, expected: bytes) -> bool:
    return hmac.compare_digest(hashed(secret), expected)


def _oauth_error(status: int, code: str) -> web.Response:
    response = answer(status, {"error": code})
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="hub"'
    return response
