"""Postings and journals: a posting names its debit and its credit, so an unbalanced one cannot be written.

A journal is one indivisible write: the postings of one commit, numbered without gaps and chained by
hash. Postings are never changed: a pending one is followed by a posted or a voided one.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from hashlib import sha256, shake_128
from typing import Final, NamedTuple

import msgspec

from hub.ledger import merkle
from hub.ledger.account import Account
from hub.ledger.position import balance, covers


class Phase(StrEnum):
    """What a posting does to the counters."""

    PENDING = "pending"  # holds the amount: a reservation
    POSTED = "posted"  # moves an amount held before
    VOIDED = "voided"  # lets go of an amount held before
    DIRECT = "direct"  # moves an amount without holding it first: prefunding, fees, settlement


class Posting(NamedTuple):
    """`minor` units (> 0) from the account `debit` to the account `credit`, for a transfer or a reference."""

    subject: str
    debit: int
    credit: int
    minor: int
    phase: Phase


class Entry(NamedTuple):
    """A posting as it is written, with the balances it left behind (minor units)."""

    posting: Posting
    debit_balance: int
    debit_held: int
    credit_balance: int


class OverCapError(Exception):
    """The debit would pass the account's cap; nothing was entered."""


class BlockedError(OverCapError):
    """An operator has blocked the account's debits; nothing was entered."""


class Book:
    """The accounts that a batch has loaded and locked; postings are entered in order."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        """Take the accounts; they belong to the book from now on."""
        self.accounts: Final = {account.id: account for account in accounts}
        self.entries: Final[list[Entry]] = []
        self.touched: Final[set[int]] = set()

    def enter(self, posting: Posting, *, beyond_cap: bool = False) -> None:
        """Enter one posting; raises OverCapError and changes nothing when a new debit passes the cap.

        What is owed to somebody else, such as a settled obligation, is paid `beyond_cap`.
        """
        debit, credit = self.accounts[posting.debit], self.accounts[posting.credit]
        if posting.minor <= 0 or debit.currency != credit.currency or debit.id == credit.id:
            raise ValueError(f"not a posting between two accounts of one currency: {posting}")
        self._count(debit, credit, posting.minor, posting.phase, beyond_cap=beyond_cap)
        self.touched.update((debit.id, credit.id))
        self.entries.append(Entry(posting, balance(debit), debit.debits_pending, balance(credit)))

    def enter_all(self, postings: Sequence[Posting], *, beyond_cap: bool = False) -> None:
        """Enter postings that belong together: all of them, or none and nothing changed; raises what `enter` raises."""
        if len(postings) == 1:
            self.enter(postings[0], beyond_cap=beyond_cap)
            return
        ids = {id_ for each in postings for id_ in (each.debit, each.credit)}
        before = {id_: msgspec.structs.replace(self.accounts[id_]) for id_ in ids}
        entered, fresh = len(self.entries), ids - self.touched
        try:
            for each in postings:
                self.enter(each, beyond_cap=beyond_cap)
        except (OverCapError, ValueError):
            self.accounts.update(before)
            self.touched.difference_update(fresh)
            del self.entries[entered:]
            raise

    @staticmethod
    def _count(debit: Account, credit: Account, minor: int, phase: Phase, *, beyond_cap: bool) -> None:
        if phase is Phase.PENDING and debit.blocked:
            raise BlockedError(f"debits of account {debit.id} are blocked")
        if phase in (Phase.PENDING, Phase.DIRECT) and not beyond_cap and not covers(debit, minor):
            raise OverCapError(f"account {debit.id} cannot be debited {minor} more")
        if phase is Phase.PENDING:
            debit.debits_pending += minor
            credit.credits_pending += minor
            return
        if phase is not Phase.DIRECT:
            if minor > debit.debits_pending or minor > credit.credits_pending:
                raise ValueError(f"accounts {debit.id}, {credit.id} do not hold {minor}")
            debit.debits_pending -= minor
            credit.credits_pending -= minor
        if phase is not Phase.VOIDED:
            debit.debits_posted += minor
            credit.credits_posted += minor


# The chain starts from nothing.
GENESIS: Final = bytes(32)
BLIND_BYTES: Final = 16

_encode: Final = msgspec.json.Encoder().encode


def blinds(nonce: bytes, leaves: int) -> list[bytes]:
    """Return what is hashed with each leaf, so that nobody who sees a hash can find by trying what was hashed.

    Whoever is shown a leaf is shown its blind, which says nothing about the blinds of others. Without a nonce there are
    none.
    """
    if not nonce:
        return [b""] * leaves
    stream = shake_128(nonce).digest(BLIND_BYTES * leaves)
    return [stream[at : at + BLIND_BYTES] for at in range(0, len(stream), BLIND_BYTES)]


def leaf(posting: Posting, left: tuple[int, ...], blind: bytes = b"") -> bytes:
    """Hash a posting with what it left to one of its sides: (balance, held) of its debit, or (balance,) of its credit.

    Each side is a leaf of its own, so that a participant can be shown its side without the other's balance.
    """
    return sha256(merkle.LEAF + blind + _encode(posting) + _encode(left)).digest()


def leaves(entries: Sequence[Entry], nonce: bytes = b"") -> list[bytes]:
    """Hash a journal's entries in their order: of each its debit, then its credit."""
    # As `leaf` does, for all at once: this is on the way of every commit.
    found = []
    hidden = iter(blinds(nonce, 2 * len(entries)))
    for posting, debit_balance, debit_held, credit_balance in entries:
        said = _encode(posting)
        found.append(sha256(merkle.LEAF + next(hidden) + said + _encode((debit_balance, debit_held))).digest())
        found.append(sha256(merkle.LEAF + next(hidden) + said + _encode((credit_balance,))).digest())
    return found


def digest(entries: Sequence[Entry], nonce: bytes = b"") -> bytes:
    """Return a journal's digest: the root of the Merkle tree over its entries, whatever store has them."""
    return merkle.root(leaves(entries, nonce))


def flat_digest(entries: Sequence[Entry]) -> bytes:
    """Return a journal's digest as it was before digests were Merkle roots: of all entries at once."""
    return sha256(
        _encode([(*entry.posting, entry.debit_balance, entry.debit_held, entry.credit_balance) for entry in entries])
    ).digest()


def chained(previous: bytes, journal: bytes) -> bytes:
    """Return the chain's next hash: the previous hash and the journal's digest, hashed together."""
    return sha256(previous + journal).digest()
