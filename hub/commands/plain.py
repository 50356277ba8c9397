"""What every verb shares: an event loop, and errors that are said in one line; it must never hide a failure."""

import contextlib
import errno
from collections.abc import Callable, Coroutine, Iterator
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, NoReturn, TypeVar

import typer
from rich.text import Text

from hub.trial.printed import Printer

out = Printer()
Limit = Annotated[int, typer.Option(help="how many at most", min=1, max=10_000)]
_HEXADECIMAL: Final = frozenset("0123456789abcdef")


class RefusedError(ValueError):
    """The hub says no to what an operator wants; nothing was changed."""


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Say what an operator can mend in one line, without a traceback."""
    from pydantic import ValidationError  # noqa: PLC0415

    from hub.core.participant import SchemeError  # noqa: PLC0415
    from hub.lab.child import ServerError  # noqa: PLC0415
    from hub.store.contract import UnavailableError  # noqa: PLC0415
    from routing.bus import BusError  # noqa: PLC0415

    try:
        yield
    except ValidationError:  # of the settings; `run` says which variable
        raise
    except RefusedError as error:
        _end("refused", error)
    except SchemeError as error:
        _end("scheme", error)
    except UnavailableError as error:
        _end("database", error)
    except BusError as error:
        _end("broker", error)
    except (ServerError, OSError, ValueError) as error:
        _end("error", error)


def _end(what: str, error: Exception) -> NoReturn:
    more = (
        ": stop whatever listens there, or say another port (HUB_PORT, HUB_OPERATOR_PORT)" if _is_taken(error) else ""
    )
    complain(what, f"{error}{more}")
    raise typer.Exit(1) from error


def _is_taken(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EADDRINUSE


def complain(what: str, text: str) -> None:
    """Say on the error output what is wrong."""
    Printer(stderr=True).print(Text.assemble((f"{what}:", "red"), f" {text}"), highlight=False)


K = TypeVar("K", bound=StrEnum)


def one_of(text: str, kind: type[K]) -> K:
    """Return which of its kind a word is; raises ValueError that lists them."""
    known = {each.value: each for each in kind}
    if text.lower() not in known:
        raise ValueError(f"{text!r} is none of {', '.join(known)}")
    return known[text.lower()]


def id_in(text: str) -> str:
    """Return an id as the hub keeps it, with dashes or without; raises ValueError for what cannot be one."""
    found = text.replace("-", "").lower()
    if len(found) != 32 or not set(found) <= _HEXADECIMAL:
        raise ValueError(f"{text!r} is no id: it has 32 hexadecimal digits, such as 0195f3a1c07e7d3a9b52c4d8e6f10a2b")
    return found


def day_in(text: str) -> date:
    """Return a day; raises ValueError for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day, such as 2026-11-24") from None


def loop(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine to its end; what no command has asked to be logged is no part of what it says."""
    import structlog  # noqa: PLC0415
    import uvloop  # noqa: PLC0415

    from hub.observe import configure  # noqa: PLC0415

    if not structlog.is_configured():
        configure("error")
    with plainly():
        return uvloop.run(main())
