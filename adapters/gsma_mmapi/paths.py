"""Where things are in the API, each part of a path encoded; it must never let a value lead anywhere else."""

from typing import Final
from urllib.parse import quote

from routing.party import Party

_IDENTIFIERS_MAX: Final = 3
_DOTS: Final = frozenset({".", ".."})


class UnspeakableError(ValueError):
    """A name that no path can hold: these two lead to another place, however they are encoded."""


def segment(text: str) -> str:
    """Encode one part of a path; raises UnspeakableError."""
    if not text or text in _DOTS:
        raise UnspeakableError("a part of a path is empty or dots")
    return quote(text, safe="")


def account_at(party: Party) -> str:
    """Return an account's path: by key and value, or by up to three pairs in one part."""
    if len(party) == 1 and party[0].value not in _DOTS:
        return f"/accounts/{party[0].key}/{segment(party[0].value)}"
    return f"/accounts/{segment('$'.join(f'{each.key}@{each.value}' for each in party[:_IDENTIFIERS_MAX]))}"
