"""The values of a scheme file, whatever they mean: no text, number or time that what is kept could not hold."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from hub.core.pricing.rules import SchemeError

TEXT_MAX: Final = 10_000
NUMBER_MAX: Final = 10**15
SECONDS_MAX: Final = 10**9
_SECONDS: Final = "_s"
_LAID_OUT: Final = "\n\t"  # of a connection's settings


def check_values(file: msgspec.Struct) -> None:
    """Refuse values that are out of every bound; raises SchemeError."""
    for where, value in _values("", msgspec.to_builtins(file)):
        if isinstance(value, str) and not is_text(value):
            raise SchemeError(f"{where}: a text is at most {TEXT_MAX} characters that can be seen")
        if isinstance(value, int) and not isinstance(value, bool):
            is_time = where.endswith(_SECONDS)
            least, most = (0, SECONDS_MAX) if is_time else (-NUMBER_MAX, NUMBER_MAX)
            if not least <= value <= most:
                raise SchemeError(f"{where}: a number{' of seconds' * is_time} is from {least} to {most}")


def is_text(value: str) -> bool:
    """Say whether a text can be kept and shown."""
    return len(value) <= TEXT_MAX and all(each.isprintable() or each in _LAID_OUT for each in value)


def _values(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield f"{where}: a key", key
            yield from _values(f"{where}.{key}".lstrip("."), each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _values(where, each)
    else:
        yield where, value
