"""Postings and journals: a posting names its debit and its credit, so an unbalanced one cannot be written.

A journal is one indivisible write: the postings of one commit, numbered without gaps and chained by
hash. Postings are never changed: a pending one is followed by a posted or a voided one.
"""

import hashlib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

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


class Book:
    """The accounts that a batch has loaded and locked; postings are entered in order."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        """Take the accounts; they belong to the book from now on."""
        self.accounts: Final = {account.id: account for account in accounts}
        self.entries: Final[list[Entry]] = []
        self.touched: Final[set[int]] = set()

    def enter(self, posting: Posting) -> None:
        """Enter one posting; raises OverCapError and changes nothing when a new debit passes the cap."""
        debit, credit = self.accounts[posting.debit], self.accounts[posting.credit]
        if posting.minor <= 0 or debit.currency != credit.currency or debit.id == credit.id:
            raise ValueError(f"not a posting between two accounts of one currency: {posting}")
        self._count(debit, credit, posting.minor, posting.phase)
        self.touched.update((debit.id, credit.id))
        self.entries.append(Entry(posting, balance(debit), debit.debits_pending, balance(credit)))

    def enter_all(self, postings: Sequence[Posting]) -> None:
        """Enter postings that belong together: all of them, or none and nothing changed; raises what `enter` raises."""
        if len(postings) == 1:
            self.enter(postings[0])
            return
        ids = {id_ for each in postings for id_ in (each.debit, each.credit)}
        before = {id_: msgspec.structs.replace(self.accounts[id_]) for id_ in ids}
        entered, fresh = len(self.entries), ids - self.touched
        try:
            for each in postings:
                self.enter(each)
        except (OverCapError, ValueError):
            self.accounts.update(before)
            self.touched.difference_update(fresh)
            del self.entries[entered:]
            raise

    @staticmethod
    def _count(debit: Account, credit: Account, minor: int, phase: Phase) -> None:
        if phase in (Phase.PENDING, Phase.DIRECT) and not covers(debit, minor):
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

_encoder: Final = msgspec.json.Encoder()


def digest(entries: Sequence[Entry]) -> bytes:
    """Hash a journal's entries in their order, whatever store they come from."""
    return hashlib.sha256(
        _encoder.encode(
            [(*entry.posting, entry.debit_balance, entry.debit_held, entry.credit_balance) for entry in entries]
        )
    ).digest()


def chained(previous: bytes, journal: bytes) -> bytes:
    """Return the chain's next hash: the previous hash and the journal's digest, hashed together."""
    return hashlib.sha256(previous + journal).digest()
