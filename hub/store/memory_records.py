"""Records of the office in memory: the twin of `hub.store.records`; it refuses what PostgreSQL's constraints refuse."""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, TypeVar

from hub.core.office.records import PROMISING, Dispute
from hub.core.record import Kept, Record, Selector

R = TypeVar("R", bound=Record)


class MemoryRecords:
    """Every record, by kind and id."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        """Keep time by this clock."""
        self._now_ms = now_ms
        self._kept: dict[type[Record], dict[str, Record]] = {}

    def every(self, kind: type[R]) -> list[R]:
        """Return all records of a kind."""
        return [each for each in self._kept.get(kind, {}).values() if isinstance(each, kind)]

    def wanted(self, selectors: Sequence[Selector]) -> Kept:
        """Return the records that these select."""
        found: dict[type[Record], dict[str, Record]] = {}
        for kind, column, value in selectors:
            if column not in ("id", *kind.keys):
                raise ValueError(f"records of {kind.table} are not found by {column}")
            here = {each.id: each for each in self.every(kind) if getattr(each, column) == value}
            found.setdefault(kind, {}).update(here)
        return found

    def promised(self, original: str, begun: Container[str]) -> dict[str, int]:
        """Return the reversals of a transfer that disputes are still to make, each with its minor units."""
        return {
            each.linked: each.given_minor
            for each in self.every(Dispute)
            if each.transfer == original and each.state in PROMISING and each.linked not in begun
        }

    def write(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Write records, each only over the version before it."""
        for found in records.values():
            for each in found.values():
                before = self._kept.setdefault(type(each), {}).get(each.id)
                if each.version != (0 if before is None else before.version) + 1:
                    raise AssertionError(f"{each.table} {each.id} was changed by somebody else meanwhile")
                self._kept[type(each)][each.id] = each

    async def one(self, kind: type[R], id_: str) -> R | None:
        """Return a record; None: there is none."""
        return next((each for each in self.every(kind) if each.id == id_), None)

    async def found(
        self, kind: type[R], /, *, limit: int = 1_000, before: tuple[int, str] | None = None, **where: str | int | bool
    ) -> list[R]:
        """List records with these values, the newest first."""
        every = [
            each
            for each in self.every(kind)
            if all(getattr(each, name) == value for name, value in where.items())
            and (before is None or (each.at_ms, each.id) < before)
        ]
        return sorted(every, key=lambda each: (each.at_ms, each.id), reverse=True)[:limit]

    async def among(self, kind: type[R], column: str, values: Sequence[str]) -> list[R]:
        """List the records with one of these values in a column, in the order of their ids."""
        wanted = set(values)
        return sorted((each for each in self.every(kind) if getattr(each, column) in wanted), key=lambda each: each.id)

    async def due(self, kind: type[R], limit: int = 1_000) -> list[R]:
        """List records whose time has come, the longest overdue first."""
        now = self._now_ms()
        late = [(each.due_ms, each.id, each) for each in self.every(kind) if each.due_ms is not None]
        return [each for due_ms, _, each in sorted(late, key=lambda row: row[:2]) if due_ms <= now][:limit]

    async def now_ms(self) -> int:
        """Return the store's time."""
        return self._now_ms()
