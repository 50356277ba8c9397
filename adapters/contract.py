"""The adapter's contract: pure translations between the hub's words and a provider's; no I/O, no clock.

An adapter is a folder with `adapter.toml` (what it is and can do), `adapter.py` (a class `Adapter`),
`cases/*.toml` (recorded conversations) and `README.md`. A conversation is a generator: it yields a
`Request`, is sent the provider's `Response`, and returns what it understood. The runner does the network,
the token, the limits; when the network fails, the runner closes the conversation and says UNKNOWN.

The one rule: ACCEPTED and REFUSED only in the provider's explicit words. Everything else is UNKNOWN:
an unmapped code, a 500, a broken body. `None` from `execute` means "taken, the outcome comes later".
"""

import importlib
import tomllib
from collections.abc import Generator
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

import msgspec

from routing.message import (
    TEXT_MAX,
    Answer,
    Errand,
    FailureClass,
    Finding,
    Heard,
    Instruction,
    Kind,
    Operation,
    Outcome,
    Question,
    Resource,
    Verdict,
)
from routing.money import Money
from routing.table import Rail

ADAPTERS: Final = Path(__file__).parent
RESOURCE_BYTES_MAX: Final = 1 << 16
_IDENTITIES: Final = frozenset({"senderkyc", "recipientkyc"})
_DEPTH_MAX: Final = 32
_WORDS: Final = ("code", "text", "provider_reference")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP request. `path` is relative to the connection's base URL; with `bearer` the runner adds the token."""

    method: str
    path: str
    headers: dict[str, str] = {}
    body: bytes = b""
    bearer: bool = True

    def __repr__(self) -> str:
        """Show neither headers (secrets) nor path and body (parties)."""
        return f"Request({self.method}, {len(self.body)} bytes)"


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP response; header names are in lower case."""

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""

    def __repr__(self) -> str:
        """Show neither headers nor body."""
        return f"Response({self.status}, {len(self.body)} bytes)"


class Token(msgspec.Struct, frozen=True):
    """An access token and how long it may be used."""

    value: str
    expires_in_s: int

    def __repr__(self) -> str:
        """Show how long, never what."""
        return f"Token({self.expires_in_s} s)"


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter is given to reach one participant; `secrets` must never be logged."""

    name: str
    base_url: str
    settings: dict[str, str] = {}
    secrets: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Connection({self.name})"


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What changes from call to call: the time (UTC) and where the provider may call back."""

    now: datetime
    callback_url: str = ""
    user: dict[str, str] = {}  # the customer's own credentials, by header name in lower case; never to be logged

    def __repr__(self) -> str:
        """Show neither the signed address nor the customer's credentials."""
        return f"Context({self.now:%H:%M:%S})"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What a callback is about, read from its signed URL."""

    transfer: str
    operation: Operation
    reference: str
    resource: Resource | None = None  # of ISSUE, or of a bill payment: what is made, changed or paid
    change: bool = False
    target: Money | None = None  # of CONVERT, UNWIND: what is given for the money that the callback names


class Said(NamedTuple):
    """What a provider's words say about an operation, before they are tied to ours; by default nothing."""

    verdict: Verdict = Verdict.UNKNOWN
    failure: FailureClass | None = FailureClass.UNCLEAR
    code: str = ""
    text: str = ""
    money: Money | None = None
    provider_reference: str = ""
    resource: dict[str, Any] = {}


class UnreadableError(ValueError):
    """A callback that the adapter cannot understand; answered with 400 and never acted upon."""


Execution: TypeAlias = Generator[Request, Response, Outcome | None]
Consultation: TypeAlias = Generator[Request, Response, Answer]
Login: TypeAlias = Generator[Request, Response, Token | None]


class Adapter(Protocol):
    """One provider's protocol. Every method is pure."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""

    def login(self, context: Context) -> Login:
        """Obtain an access token; return None where the rail has none or the answer holds none."""

    def execute(self, instruction: Instruction, context: Context) -> Execution:
        """Tell the provider to act, under `instruction.reference`."""

    def inquire(self, instruction: Instruction, context: Context) -> Execution:
        """Ask what became of `instruction.reference`, by that reference."""

    def consult(self, question: Question, context: Context) -> Consultation:
        """Pass a question on."""

    def heard(self, request: Request, subject: Subject | None) -> Outcome | None:
        """Read a callback; None: nothing of ours in it; raises UnreadableError."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What `adapter.toml` says."""

    name: str
    title: str
    protocol: str
    owner: str
    level: Literal["bronze", "silver", "gold"]
    identifiers: tuple[str, ...]  # account identifiers the provider understands, the preferred first
    rail: Rail
    callbacks: Literal["signed_url", "shared_secret", "none"] = "none"
    settings: dict[str, str] = {}  # name -> what it is; each may be left out
    secrets: dict[str, str] = {}  # name -> what it is; each must be given
    secrets_optional: dict[str, str] = {}  # name -> what it is
    sandbox_on: date | None = None  # when the cases were last recorded against the provider's own sandbox
    timeout_s: int = 20
    in_flight_max: int = 64
    per_second_max: int | None = None


@cache
def installed() -> dict[str, Manifest]:
    """List the adapters by name: every folder here with an `adapter.toml`."""
    return {path.parent.name: manifest_in(path.parent) for path in sorted(ADAPTERS.glob("*/adapter.toml"))}


def manifest_in(folder: Path) -> Manifest:
    """Read a folder's `adapter.toml`; raises ValueError that says what is wrong with it."""
    path = folder / "adapter.toml"
    try:
        manifest = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Manifest)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if manifest.name != folder.name:
        raise ValueError(f"{path}: the name must be the folder's, {folder.name!r}")
    return manifest


def build(name: str, connection: Connection) -> Adapter:
    """Make the adapter `name` for a connection; raises KeyError with the list of those installed."""
    if name not in installed():
        raise KeyError(f"no adapter {name!r}; installed: {', '.join(installed())}")
    module = importlib.import_module(f"adapters.{name}.adapter")
    adapter: Adapter = module.Adapter(connection)
    return adapter


def outcome_of(instruction: Instruction, verdict: Verdict, **said: Any) -> Outcome:
    """Build the outcome of an instruction; `said` holds failure, code, text, money, provider_reference."""
    said.setdefault("heard", Heard.INQUIRY if instruction.asked_ms else Heard.ANSWER)
    return Outcome(
        transfer=instruction.transfer,
        operation=instruction.operation,
        connection=instruction.connection,
        reference=instruction.reference,
        verdict=verdict,
        asked_ms=instruction.asked_ms,
        **_bounded(said),
    )


def outcome_heard(subject: Subject, connection: str, verdict: Verdict, **said: Any) -> Outcome:
    """Build the outcome that a callback tells; `said` as in `outcome_of`."""
    return Outcome(
        transfer=subject.transfer,
        operation=subject.operation,
        connection=connection,
        reference=subject.reference,
        verdict=verdict,
        heard=Heard.CALLBACK,
        **_bounded(said),
    )


def _bounded(said: dict[str, Any]) -> dict[str, Any]:
    """Bound the provider's words, and take out the one character that a database cannot hold."""
    words = {name: said[name].replace("\0", "")[:TEXT_MAX] for name in _WORDS if said.get(name)}
    return said | words | ({"resource": _kept(said["resource"])} if said.get("resource") else {})


def _kept(resource: dict[str, Any]) -> dict[str, Any]:
    """Return what can be kept of a resource: nothing of one that is too large or too deep, for it decides nothing.

    Who sends and who receives came to the provider sealed; where it repeats that, it must not come back in clear.
    """
    told = {name: each for name, each in resource.items() if str(name).lower() not in _IDENTITIES}
    try:
        kept: dict[str, Any] = _cleaned(told, _DEPTH_MAX)
    except RecursionError:
        return {}
    return kept if len(msgspec.json.encode(kept)) <= RESOURCE_BYTES_MAX else {}


def _cleaned(value: Any, depth: int) -> Any:
    if depth == 0:
        raise RecursionError
    if isinstance(value, dict):
        return {_cleaned(name, depth): _cleaned(each, depth - 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_cleaned(each, depth - 1) for each in value]
    return value.replace("\0", "") if isinstance(value, str) else value


def unknown(instruction: Instruction, failure: FailureClass = FailureClass.UNCLEAR, **said: Any) -> Outcome:
    """Build an outcome that is neither accepted nor refused."""
    return outcome_of(instruction, Verdict.UNKNOWN, failure=failure, **said)


def unanswered() -> Answer:
    """Build the answer to a question that the provider did not answer clearly."""
    return Answer(finding=Finding.UNANSWERED)


__all__ = [
    "Adapter",
    "Answer",
    "Connection",
    "Consultation",
    "Context",
    "Errand",
    "Execution",
    "FailureClass",
    "Finding",
    "Heard",
    "Instruction",
    "Kind",
    "Login",
    "Manifest",
    "Money",
    "Operation",
    "Outcome",
    "Question",
    "Rail",
    "Request",
    "Resource",
    "Response",
    "Said",
    "Subject",
    "Token",
    "UnreadableError",
    "Verdict",
    "build",
    "installed",
    "manifest_in",
    "outcome_heard",
    "outcome_of",
    "unanswered",
    "unknown",
]
