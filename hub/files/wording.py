"""How values are written in a file: texts, amounts, days and times; an identifier is never shortened to make it fit."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final

from hub.files.shapes import REFERENCE_MAX, UnwritableError
from routing.money import EXPONENTS, MINOR_MAX, Money

# What XML 1.0 cannot carry, and what would break a line of a CSV file.
_ILLEGAL: Final = str.maketrans(dict.fromkeys([*range(0x20), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], " "))


def is_carried(text: str) -> bool:
    """Say whether a file can carry every character of a text."""
    return text == text.translate(_ILLEGAL)


def one_line(text: str, longest: int) -> str:
    """Return what a file can carry of a text, in one line, at most `longest` characters of it."""
    return " ".join(text.translate(_ILLEGAL).split())[:longest].rstrip()


def fits(text: str, longest: int = REFERENCE_MAX) -> bool:
    """Say whether an identifier goes into a file as it is."""
    return bool(text) and text == one_line(text, longest)


def whole(text: str, what: str, longest: int = REFERENCE_MAX) -> str:
    """Return an identifier that fits; raises UnwritableError: a shortened one would be somebody else's."""
    if not fits(text, longest):
        raise UnwritableError(
            f"{what} {text!r} is not 1 to {longest} printable characters: correct it where it is kept"
        )
    return text


def unlike(references: Iterable[str], what: str) -> None:
    """Refuse references of which two are alike; raises UnwritableError."""
    seen: set[str] = set()
    for reference in references:
        if reference in seen:
            raise UnwritableError(f"{what} {reference!r} is there twice: what is written twice may be paid twice")
        seen.add(reference)


def plain(money: Money) -> str:
    """Return an amount without its sign, in major units, with all decimals: '5.30', '200'; raises UnwritableError."""
    if abs(money.minor) > MINOR_MAX:
        raise UnwritableError(f"{money} {money.currency} has more digits than a file has: split what it is the sum of")
    exponent = EXPONENTS.get(money.currency, 0)
    digits = str(abs(money.minor)).rjust(exponent + 1, "0")
    return f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits


def instant(ms: int) -> str:
    """Return a time as ISO 8601 in UTC, to the millisecond."""
    at = datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_DAY: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")  # xs:date may have a zone
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def day_in(text: str) -> date:
    """Read a day; raises ValueError."""
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError("a day is written YYYY-MM-DD")
    return date.fromisoformat(match[1])


def instant_in(text: str) -> tuple[date, int | None]:
    """Read a time as its writer's day and, where it has a zone, Unix milliseconds; raises ValueError."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("a time is written YYYY-MM-DDThh:mm:ss, then a fraction if any, then Z or an offset")
    at = datetime.fromisoformat(text)
    if match[1] is None:
        return at.date(), None
    since = at - _EPOCH
    return at.date(), since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
