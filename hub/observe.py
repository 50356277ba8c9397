"""Observing: how the hub logs, in one place; a line never carries a secret or a party's full identifier.

One line a step, as JSON, named `thing.happened`. Metrics stand beside the code that counts them and are
named `hub_...` and `adapter_...`.
"""

import logging
import sys
from typing import Any, Final, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

# Keys whose values are never printed, whoever logs them.
SECRET_KEYS: Final = frozenset({"secret", "password", "token", "authorization", "api_key", "secrets", "pin"})

_encoder: Final = msgspec.json.Encoder(enc_hook=str)


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Set logging up for this process: JSON lines on standard error, or readable ones on a terminal."""
    out = sys.stderr if stream is None else stream
    readable = out.isatty()
    last: Any = structlog.dev.ConsoleRenderer(colors=True) if readable else structlog.processors.JSONRenderer(_json)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _without_secrets,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module: only what went wrong, and never a request's content.
    least = max(logging.WARNING, getattr(logging, level.upper()))
    handler = logging.StreamHandler(out)
    handler.setLevel(least)  # as well: psycopg gives its own logger a level, which goes before the root's
    logging.basicConfig(level=least, handlers=[handler], format='{"level":"warning","event":"%(name)s: %(message)s"}')


def _without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for key in SECRET_KEYS & event.keys():
        event[key] = "(hidden)"
    return event


def _json(event: Any, **_: Any) -> str:
    return _encoder.encode(event).decode()
