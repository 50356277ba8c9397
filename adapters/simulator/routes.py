"""Chooses what answers a path from a table, the first row that fits; it reads nothing but the path."""

from collections.abc import Sequence
from typing import TypeVar

from adapters.simulator.words import NOT_FOUND, ApiError

T_ = TypeVar("T_")


def chosen(routes: Sequence[tuple[str, T_]], path: Sequence[str]) -> tuple[T_, list[str]]:
    """Return the row's own value, and the parts of the path at its stars; raises ApiError."""
    for pattern, answer in routes:
        parts = pattern.split("/") if pattern else []
        fits = len(parts) == len(path) and all(part in {"*", given} for part, given in zip(parts, path, strict=True))
        if fits:
            return answer, [given for part, given in zip(parts, path, strict=True) if part == "*"]
    raise ApiError(*NOT_FOUND)
