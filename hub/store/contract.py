"""What a store is: one batch at a time is loaded, locked, applied and committed, all of it or nothing.

Two stores keep this contract and pass one test suite: `hub.store.sql` (PostgreSQL) and
`hub.store.memory`. Everything is idempotent, so a batch whose commit could not be confirmed is repeated.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from hub.core.change import Decided, Outgoing
from hub.core.facts import Facts, Wanted
from hub.core.instrument import Instrument
from hub.core.participant import SchemeFile
from hub.core.pricing.limits import Tally
from hub.core.record import Record
from hub.core.settlement.window import Movement, Window
from hub.ledger.journal import Book
from hub.store.read import Credential, Reader

# How long the process that committed a message has to send it before the sweep may.
GRACE_MS: Final = 3_000
CALLBACK_GRACE_MS: Final = 15_000

R = TypeVar("R", bound=Record)

OutboxKey = tuple[str, int, str]  # transfer, seq, queue


class UnavailableError(Exception):
    """The database could not be reached, or broke off: the batch may or may not be committed; repeat it."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An outbox row that is to be sent."""

    message: Outgoing
    attempts: int


class Work(Protocol):
    """One batch, inside one database transaction."""

    async def load(self, wanted: Wanted) -> Facts:
        """Claim correlation ids, lock and read what the batch needs."""

    async def lock(self, accounts: Sequence[int]) -> Book:
        """Lock the accounts, in this order, and open the book."""

    async def tallies(self, wanted: Mapping[str, int]) -> Mapping[str, Tally]:
        """Lock the tallies of limits, after the accounts and in the order of their keys, each with when it ends."""

    async def head(self) -> int:
        """Return the last journal's number, after everything else is locked; nobody writes another before we end."""

    async def apply(self, decided: Decided, book: Book, now_ms: int) -> None:
        """Write everything and commit."""


class RecordReader(Protocol):
    """Look-ups of the office's records."""

    async def one(self, kind: type[R], id_: str) -> R | None:
        """Return a record; None: there is none."""

    async def found(
        self, kind: type[R], /, *, limit: int = 1_000, before: tuple[int, str] | None = None, **where: str | int | bool
    ) -> list[R]:
        """List records with these values, the newest first; `before`: `at_ms` and id of the last one of a page."""

    async def among(self, kind: type[R], column: str, values: Sequence[str]) -> list[R]:
        """List the records with one of these values in a column, in the order of their ids."""

    async def due(self, kind: type[R], limit: int = 1_000) -> list[R]:
        """List records whose time has come, the longest overdue first."""

    async def now_ms(self) -> int:
        """Return the store's time."""


class Unsettled(NamedTuple):
    """Windows of one model in one state."""

    model: str
    state: str
    currency: str
    windows: int
    oldest_ms: int  # when the first of them was opened
    due: int  # obligations
    due_minor: int


class SettlementReader(Protocol):
    """What has moved in settlement windows."""

    async def movements(self, window: Window, after: int | None = None) -> list[Movement]:
        """Sum up what has moved in a window, from each side to each other; of gross models, for each transfer.

        Of a window that is open: until now. `after`: only in journals above this height.
        """

    async def height(self) -> int:
        """Return the number of the last journal."""

    async def unsettled(self) -> list[Unsettled]:
        """Count the windows that are not settled, by model and state, and what is due for them."""


class Store(Reader, Protocol):
    """Where everything is kept."""

    @property
    def settlement(self) -> SettlementReader:
        """What has moved in settlement windows."""

    @property
    def records(self) -> RecordReader:
        """Look-ups of the office's records."""

    def work(self) -> AbstractAsyncContextManager[Work]:
        """Begin a batch; leaving without `apply` undoes everything, claims included."""

    async def due(self, limit: int) -> list[str]:
        """Return transfers whose time has come, the longest overdue first."""

    async def waiting(self, limit: int) -> list[Waiting]:
        """Claim messages of the outbox that are due: nobody else gets them for a while."""

    async def sent(self, keys: Sequence[OutboxKey]) -> None:
        """Take confirmed messages out of the outbox."""

    async def postpone(self, key: OutboxKey, *, wait_ms: int, note: str) -> None:
        """Try a message again later; counts the attempt."""

    async def park(self, key: OutboxKey, note: str) -> None:
        """Stop trying, keep the message and say why: an operator sees it."""

    async def apply_scheme(self, file: SchemeFile, by: str) -> int:
        """Put a scheme in force in one commit, while nobody could approve it; returns its version.

        Opens accounts and windows, sets caps. Raises SchemeError where it contradicts itself.
        """

    async def save_credential(self, credential: Credential) -> None:
        """Admit a participant's software, or change how it proves itself."""

    async def remember(self, seen: Sequence[Instrument]) -> None:
        """Keep which participant has what was seen in an answer, such as a bill, or bring it up to date."""

    async def forget_expired(self) -> None:
        """Take away open quotes that have expired and tallies whose period is over."""

    async def close(self) -> None:
        """Let go of every connection."""
