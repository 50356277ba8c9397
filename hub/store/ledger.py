"""What is done with the ledger beside posting to it: audits, checkpoints, proofs, months; none of it writes a posting.

Long reads go on in a thread of their own and on a connection of their own, so that they hold up neither batches nor
look-ups.
"""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

import psycopg

from hub.ledger.proof import Proof
from hub.store.contract import UnavailableError
from hub.store.ledger_audit import Progress, audit_new, catch_up
from hub.store.ledger_proof import prove
from hub.store.statements import NOW_MS

MONTHS_AHEAD: Final = 3

# A new partition waits for whoever reads the whole ledger, and whoever reads after that waits for it: not for long.
_PATIENCE: Final = "SET lock_timeout = '2s'"
_PREPARE: Final = f"SELECT prepare_months({NOW_MS}, %s)"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Ledger:
    """The ledger of one database. Everything raises UnavailableError when the database does not answer."""

    def __init__(self, url: str) -> None:
        """Use the database at `url`."""
        self._url = url

    async def audit_new(self, *, keep: bool = False) -> Progress | None:
        """Audit the next journals after the last clean run, gently; None: another process is at it."""
        return await _aside(audit_new, self._url, keep=keep, gently=True)

    async def checkpoint(self) -> Progress | None:
        """Audit everything that is new and keep a checkpoint at its end; None: another process is at it."""
        return await _aside(catch_up, self._url, keep=True)

    async def prove(self, account: int, after: int, to: int) -> Proof:
        """Prove an account's entries in the journals above `after` up to `to`; raises ProofError."""
        return await _aside(prove, self._url, account, after, to)

    async def prepare_months(self) -> list[str]:
        """Make the partitions of this month and the next ones; return those that could not be made."""
        return await _aside(prepare_months, self._url)


def prepare_months(url: str, ahead: int = MONTHS_AHEAD) -> list[str]:
    """Make the partitions of this month and `ahead` more; return those whose rows are in the default partition.

    What is there stays. Raises psycopg.errors.LockNotAvailable when somebody reads the whole ledger just now.
    """
    with psycopg.connect(url) as connection:
        connection.execute(_PATIENCE)
        row = connection.execute(_PREPARE, [ahead + 1]).fetchone()
        return list(row[0]) if row else []


async def _aside(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except psycopg.OperationalError as error:
        raise UnavailableError(str(error)) from error
