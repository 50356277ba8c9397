"""What every verb shares: an event loop, and errors that are said in one line; it must never hide a failure."""

import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import typer
from rich.console import Console

out = Console()


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
    except (SchemeError, ServerError, UnavailableError, BusError, OSError, ValueError) as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}:[/] {error}", highlight=False)
        raise typer.Exit(1) from error


def loop(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine to its end."""
    import uvloop  # noqa: PLC0415

    with plainly():
        return uvloop.run(main())
