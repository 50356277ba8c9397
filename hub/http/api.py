"""What every operation is given: the door, the reader, the settings; and what one call says about itself."""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web
from yarl import URL

from hub.core.participant import Scheme
from hub.files.keys import SigningKey
from hub.flow import Door
from hub.http.errors import ApiError, invalid
from hub.http.limits import Guesses, Polls, Remembered
from hub.http.schema import in_utc
from hub.store.batches import Batches
from hub.store.days import Days
from hub.store.ledger import Ledger
from hub.store.read import Reader
from routing.party import Identifier
from routing.seal import Seal

UPLOADS_MAX: Final = 2  # batches read at once: each may take its largest body's memory
# What is kept is walked and written again later; what nests as deep as a decoder takes could not be.
NESTING_MAX: Final = 32
_CORRELATION: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_INSTITUTION_TYPES: Final = ("organisationid", "swiftbic", "lei")


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the API is set up."""

    prefix: str = "/mm/v1.2"
    token_path: str = "/v1/oauth/accesstoken"  # noqa: S105 - where tokens are, not one
    body_max_bytes: int = 262_144
    batch_body_max_bytes: int = 67_108_864  # of POST /batchtransactions alone
    token_lifetime_s: int = 3_600
    callback_https_only: bool = True
    poll_limit: int = 100
    user_credentials_encrypted_only: bool = True  # refuse a customer's PIN or password that everybody could read
    correlation_required: bool = False  # without an X-CorrelationID a write is not protected against being doubled
    date_tolerance_s: int | None = None  # how old a write's X-Date may be; None: it is not looked at


class Call(NamedTuple):
    """One authenticated call."""

    request: web.Request
    caller: str  # the participant
    client: str = ""  # which of its credentials

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return self.request.match_info[name]


class Books(NamedTuple):
    """What statements are made of, and signed with."""

    days: Days
    ledger: Ledger
    key: SigningKey


class Api:
    """What operations work with."""

    def __init__(
        self,
        door: Door,
        reader: Reader,
        settings: HttpSettings,
        batches: Batches | None = None,
        seal: Seal | None = None,
        *,
        books: Books | None = None,
    ) -> None:
        """Keep them."""
        self.door = door
        self.reader = reader
        self.settings = settings
        self.batches = batches  # None: this store keeps none
        self.seal = seal  # None: customers' credentials and identities are refused
        self.books = books  # None: this store keeps no days
        self.polls = Polls(settings.poll_limit)
        self.guesses = Guesses()
        # What was kept of a bill is not written again while it says the same.
        self.seen: Remembered[str, list[bytes]] = Remembered(list)
        self.uploads = asyncio.Semaphore(UPLOADS_MAX)

    async def scheme(self) -> Scheme:
        """Return the scheme, at most a second old: for callback hosts and countries, never for money."""
        return await self.door.recent_scheme()

    async def body(self, call: Call) -> Any:
        """Read a JSON body; raises an ApiError that says what is wrong with it."""
        self.expect_json(call)
        content = await call.request.read()
        as_declared(call, content)
        if b"\\u0000" in content:
            raise invalid("body", "formatError", "Text must not contain the character U+0000.")
        try:
            data = msgspec.json.decode(content)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise invalid("body", "formatError", f"This is not JSON: {str(error)[:120]}") from None
        if _too_deep(data, NESTING_MAX):
            raise invalid("body", "formatError", f"Nest objects and lists at most {NESTING_MAX} deep.")
        return data

    def expect_json(self, call: Call) -> None:
        """Raise an ApiError for a write that is too old, or no JSON by its own account."""
        if self.settings.date_tolerance_s is not None:
            _fresh(call.request.headers.get("X-Date", ""), self.settings.date_tolerance_s)
        if call.request.content_type not in ("application/json", "application/json-patch+json"):
            raise invalid("Content-Type", "formatError", "Send application/json.")

    def correlation(self, call: Call) -> str:
        """Return X-CorrelationID, or nothing when there is none; raises an ApiError when it is no UUID."""
        text = call.request.headers.get("X-CorrelationID", "").strip()
        if not text and self.settings.correlation_required:
            raise invalid("X-CorrelationID", "mandatoryValueNotSupplied", "Send a UUID that is new for every write.")
        if text and not _CORRELATION.fullmatch(text):
            raise invalid("X-CorrelationID", "formatError", "Send a UUID.")
        return text

    async def callback_url(self, call: Call) -> str:
        """Return X-Callback-URL if it may be called, or nothing when there is none."""
        text = call.request.headers.get("X-Callback-URL", "").strip()
        if not text:
            return ""
        participant = (await self.scheme()).participants.get(call.caller)
        hosts = participant.callback_hosts if participant else ()
        try:
            url = URL(text)
            allowed = url.host is not None and (url.host in hosts or f"{url.host}:{url.port}" in hosts)
        except ValueError:
            raise invalid("X-Callback-URL", "formatError", "Send an absolute URL.") from None
        schemes = ("https",) if self.settings.callback_https_only else ("https", "http")
        if not url.is_absolute() or url.scheme not in schemes or "@" in url.raw_authority or len(text) > 2_048:
            raise invalid("X-Callback-URL", "formatError", f"Send an absolute {schemes[0]} URL without credentials.")
        if not allowed:
            raise invalid("X-Callback-URL", "formatError", "This host is not among those you are called back at.")
        return str(url)

    async def institution(self, call: Call) -> str:
        """Return the participant that the account-holding-institution headers name, or nothing."""
        headers = call.request.headers
        value = headers.get("X-Account-Holding-Institution-Identifier", "").strip()
        if not value:
            return ""
        kind = headers.get("X-Account-Holding-Institution-Identifier-Type", "organisationid").strip().lower()
        if kind not in _INSTITUTION_TYPES:
            raise invalid("X-Account-Holding-Institution-Identifier-Type", "formatError", "Not a type of the API.")
        scheme = await self.scheme()
        if kind == "organisationid" and value in scheme.participants:
            return value
        named = Identifier(kind, value.upper() if kind == "swiftbic" else value)
        return scheme.directory.resolve((named,), {}).participant or value

    async def country(self, call: Call) -> str | None:
        """Return the caller's country, in which telephone numbers without country code are read."""
        participant = (await self.scheme()).participants.get(call.caller)
        return participant.country if participant else None


def as_declared(call: Call, content: bytes) -> None:
    """Raise an ApiError for a body that is not the one whose hash was declared."""
    declared = call.request.headers.get("X-Content-Hash", "")
    if declared and not hmac.compare_digest(
        hashlib.sha256(content).hexdigest().encode(), declared.strip().lower().encode(errors="surrogateescape")
    ):
        raise invalid("X-Content-Hash", "formatError", "The hash is not that of the body as it arrived.")


def _fresh(text: str, tolerance_s: int) -> None:
    """Refuse an X-Date that is far from now, in either of the two forms the specification shows."""
    if not text:
        return
    try:
        then = datetime.fromisoformat(in_utc(text))
    except ValueError:
        try:
            then = parsedate_to_datetime(text)
        except ValueError:
            raise invalid("X-Date", "formatError", "Send a date and time of ISO 8601.") from None
    then = then.replace(tzinfo=UTC) if then.tzinfo is None else then
    if abs((datetime.now(UTC) - then).total_seconds()) > tolerance_s:
        raise invalid("X-Date", "formatError", f"This is more than {tolerance_s} seconds from now; set your clock.")


def _too_deep(value: Any, left: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return not left or any(_too_deep(each, left - 1) for each in inner)


def forbidden_method(allowed: Iterable[str]) -> ApiError:
    """Build the error for a method that a resource does not have."""
    headers = {"Allow": ", ".join(sorted(allowed))}
    return ApiError(
        "validation", "formatError", "This resource does not have this method.", status=405, headers=headers
    )
