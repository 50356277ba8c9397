"""Where providers call back: a signed address for each operation; a callback it cannot trust changes nothing.

204 is said only when the bus has the outcome, so that a provider which repeats its callbacks repeats until
then; one which does not is asked later. Whoever is not known is told 404, whatever the reason.
"""

import hmac
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog
from aiohttp import web
from prometheus_client import Counter

from adapters.contract import (
    FailureClass,
    Instruction,
    Money,
    Operation,
    Outcome,
    Request,
    Resource,
    Subject,
    UnreadableError,
    Verdict,
)
from adapters.http import OversizedError, Work, lower_case, read_capped
from routing.bus import Bus, BusError
from routing.message import Heard, encoded
from routing.topology import OUTCOMES

RETRY_AFTER_S: Final = 5
_SIGNATURE_BYTES: Final = 16

CALLBACKS: Final = Counter(
    "makutano_callbacks_total", "Callbacks of providers by what became of them.", ["connection", "ending"]
)

_ALWAYS_UNKNOWN: Final = frozenset(
    {
        FailureClass.DUPLICATE,
        FailureClass.ABSENT,
        FailureClass.PENDING,
        FailureClass.LAPSED,
        FailureClass.UNCLEAR,
    }
)

log = structlog.get_logger()


class Inbox:
    """Takes the callbacks of the connections it was given."""

    def __init__(self, bus: Bus, work: Sequence[Work], *, callback_base_url: str, callback_key: bytes) -> None:
        """Take where providers reach us, and the key (16 bytes or more) that signs the addresses they get."""
        if len(callback_key) < _SIGNATURE_BYTES:
            raise ValueError(f"the callback key needs {_SIGNATURE_BYTES} bytes or more")
        self._bus = bus
        self._work = {each.name: each for each in work}
        self._base = callback_base_url.rstrip("/")
        self._key = callback_key

    def routes(self) -> list[web.RouteDef]:
        """List the routes to add to a web application."""
        return [
            web.route(method, path, take)
            for method in ("PUT", "POST")
            for path, take in (
                ("/callbacks/{connection}/{subject}/{signature}", self._signed),
                ("/callbacks/{connection}", self._shared),
            )
        ]

    def make_callback_url(self, instruction: Instruction) -> str:
        """Return where the provider may call back about this instruction; empty where the rail has no callbacks."""
        how = self._work[instruction.connection].manifest.callbacks
        if how == "none":
            return ""
        address = f"{self._base}/callbacks/{instruction.connection}"
        if how == "shared_secret":
            return address
        subject = f"{instruction.transfer}.{instruction.operation}.{instruction.reference}"
        if (errand := instruction.errand) is not None:
            subject += f".{errand.resource}.{'change' if errand.change else 'make'}"
        elif (target := instruction.target) is not None:
            subject += f".{target.currency}{target.minor}"
        return f"{address}/{subject}/{self._signature(instruction.connection, subject)}"

    def _signature(self, connection: str, subject: str) -> str:
        return hmac.digest(self._key, f"{connection}/{subject}".encode(), "sha256")[:_SIGNATURE_BYTES].hex()

    async def _signed(self, request: web.Request) -> web.Response:
        name, text, claimed = (request.match_info[part] for part in ("connection", "subject", "signature"))
        genuine = hmac.compare_digest(self._signature(name, text).encode(), claimed.encode())
        work = self._work.get(name)
        if work is None or not genuine or work.manifest.callbacks != "signed_url":
            raise web.HTTPNotFound
        return await self._take(request, work, _subject(text))

    async def _shared(self, request: web.Request) -> web.Response:
        work = self._work.get(request.match_info["connection"])
        if work is None or work.manifest.callbacks != "shared_secret":
            raise web.HTTPNotFound
        secret = work.connection.secrets.get("callback", "")
        claimed = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not secret or not hmac.compare_digest(f"Bearer {secret}".encode(), claimed):
            raise web.HTTPNotFound
        return await self._take(request, work, None)

    async def _take(self, request: web.Request, work: Work, subject: Subject | None) -> web.Response:
        ending, status = "published", 204
        try:
            body = await read_capped(request.content)
            said = Request(method=request.method, path=request.path, headers=lower_case(request.headers), body=body)
            outcome = work.adapter.heard(said, subject)
            if outcome is None:
                ending = "nothing"
            elif not _about(outcome, work.name, subject):
                raise UnreadableError  # noqa: TRY301 - the same answer as for a callback that the adapter cannot read
            else:
                outcome = doubted(outcome)
                await self._bus.publish(OUTCOMES, [encoded(outcome)])
                _log(outcome)
        except UnreadableError:
            ending, status = "unreadable", 400
        except OversizedError:
            ending, status = "oversized", 413
        except BusError:
            ending, status = "unsure", 503
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises: the provider is to try again
            # The type alone: the error's text may repeat what the provider said about a customer.
            log.error("callback.failed", connection=work.name, error=type(error).__name__)  # noqa: TRY400 - so no traceback
            ending, status = "failed", 500
        CALLBACKS.labels(work.name, ending).inc()
        if status >= 400:
            log.warning("callback.not_taken", connection=work.name, ending=ending)
        headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
        return web.Response(status=status, headers=headers)


def _subject(text: str) -> Subject:
    transfer, operation, reference, *more = text.split(".")
    subject = Subject(transfer=transfer, operation=Operation(operation), reference=reference)
    match more:
        case [resource, act]:
            return msgspec.structs.replace(subject, resource=Resource(resource), change=act == "change")
        case [target]:
            return msgspec.structs.replace(subject, target=Money(int(target[3:]), target[:3]))
    return subject


def doubted(outcome: Outcome) -> Outcome:
    """Return the outcome, as UNKNOWN where its failure class says that nothing was decided."""
    if outcome.failure in _ALWAYS_UNKNOWN and outcome.verdict is not Verdict.UNKNOWN:
        return msgspec.structs.replace(outcome, verdict=Verdict.UNKNOWN)
    return outcome


def _about(outcome: Outcome, connection: str, subject: Subject | None) -> bool:
    """Say whether an outcome is about what its address is about."""
    if outcome.connection != connection or outcome.heard is not Heard.CALLBACK:
        return False
    return subject is None or (outcome.transfer, outcome.operation, outcome.reference) == (
        subject.transfer,
        subject.operation,
        subject.reference,
    )


def _log(outcome: Outcome) -> None:
    log.info(
        "callback.outcome",
        transfer=outcome.transfer,
        operation=outcome.operation,
        connection=outcome.connection,
        verdict=outcome.verdict,
        failure=outcome.failure,
        code=outcome.code[:64],
    )
