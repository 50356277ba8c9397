"""Who is calling: operators by client credentials and a short-lived token; roles are read from the record, not from it.

Secrets are compared as hashes in constant time. A record is remembered for two seconds, no longer: an operator who is
disabled must be out at once for people.
"""

import hmac
import time
from base64 import b64decode
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs

import structlog
from aiohttp import web

from hub.core.office.records import Operator
from hub.http.errors import answer
from hub.http.limits import Remembered
from hub.http.operator.problems import ProblemError
from hub.http.operator.tokens import Tokens
from hub.store.contract import RecordReader

REMEMBER_S: Final = 2.0
REMEMBERED_MAX: Final = 1_000
WRONG_MAX: Final = 10  # secrets of one operator from one address
WRONG_WITHIN_S: Final = 300.0
FORM_MAX: Final = 4_096
_NOBODY: Final = "0" * 64

_log: Final = structlog.get_logger("operator")


class Failures:
    """Stops whoever has been wrong again and again; counted in this process alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep time by this clock."""
        self._clock = clock
        self._wrong: Remembered[tuple[str, str], deque[float]] = Remembered(lambda: deque(maxlen=WRONG_MAX))

    def too_many(self, name: str, address: str) -> bool:
        """Say whether this name may not be tried again from this address for now."""
        wrong = self._wrong.of((name, address))
        return len(wrong) == WRONG_MAX and self._clock() - wrong[0] < WRONG_WITHIN_S

    def note(self, name: str, address: str) -> None:
        """Note one that was wrong."""
        self._wrong.of((name, address)).append(self._clock())


class Gate:
    """Lets operators in."""

    def __init__(self, records: RecordReader, tokens: Tokens, failures: Failures | None = None) -> None:
        """Look operators up here."""
        self._records = records
        self._tokens = tokens
        self._failures = failures or Failures()
        self._remembered: dict[str, tuple[Operator | None, float]] = {}

    async def operator(self, request: web.Request) -> Operator:
        """Return who calls; raises a ProblemError for anybody else."""
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        bearer = self._tokens.bearer(value.strip()) if kind.lower() == "bearer" else None
        found = None if bearer is None else await self._recent(bearer.name)
        if bearer is None or found is None or not found.enabled or found.version != bearer.version:
            raise ProblemError("unauthenticated")
        return found

    async def _recent(self, name: str) -> Operator | None:
        found, until = self._remembered.get(name, (None, 0.0))
        now = time.monotonic()
        if until > now:
            return found
        found = await self._records.one(Operator, name)
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[name] = (found, now + REMEMBER_S)
        return found

    async def issue(self, request: web.Request) -> web.Response:
        """Answer POST /token (RFC 6749, section 4.4): Basic, grant_type=client_credentials."""
        if parse_qs((await _form(request)).decode(errors="replace")).get("grant_type") != ["client_credentials"]:
            return _refused(400, "unsupported_grant_type", "Send grant_type=client_credentials.")
        name, secret = _basic(request.headers.get("Authorization", ""))
        address = request.remote or ""
        if self._failures.too_many(name, address):
            _log.warning("operator.locked_out", address=address)
            return _refused(429, "temporarily_unavailable", "Too many wrong secrets; wait some minutes.")
        found = await self._records.one(Operator, name) if name and "\0" not in name else None
        # An unknown name takes as long as a wrong secret.
        is_right = hmac.compare_digest(_hashed(secret), (found.secret_hash if found else _NOBODY).lower().encode())
        if found is None or not is_right or not found.enabled:
            self._failures.note(name, address)
            # Not a name that nobody has: somebody may have typed a secret there.
            _log.warning("operator.not_let_in", operator=found.id if found else "(unknown)", address=address)
            return _refused(401, "invalid_client", "The name or the secret is wrong, or you are not enabled.")
        self._remembered.pop(name, None)
        _log.info("operator.logged_in", operator=name, address=address)
        token, lifetime_s = self._tokens.issued(found), self._tokens.lifetime_s
        return answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": lifetime_s})


async def _form(request: web.Request) -> bytes:
    """Read a form to its end, or as far as one may reach: it may come in several pieces."""
    found = bytearray()
    while len(found) < FORM_MAX and (piece := await request.content.read(FORM_MAX - len(found))):
        found += piece
    return bytes(found)


def _basic(header: str) -> tuple[str, str]:
    kind, _, value = header.partition(" ")
    try:
        name, _, secret = b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:  # not base64, or not UTF-8 inside
        return "", ""
    return (name, secret) if kind.lower() == "basic" else ("", "")


def _hashed(secret: str) -> bytes:
    return sha256(secret.encode()).hexdigest().encode()


def _refused(status: int, code: str, text: str) -> web.Response:
    response = answer(status, {"error": code, "error_description": text})
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="operator"'
    if status == 429:
        response.headers["Retry-After"] = str(int(WRONG_WITHIN_S))
    return response
