"""Auditing: everything about the books recomputed from postings alone; it trusts no stored balance and no hash.

Journals are fed in their order. What does not agree becomes a finding, in words an auditor can act on;
the audit goes on, so that one finding does not hide the next.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hub.ledger.account import Account, counters
from hub.ledger.journal import GENESIS, Book, Entry, chained, digest
from hub.ledger.position import balance


class TrialLine(NamedTuple):
    """One account of the trial balance, in minor units of its currency."""

    account: Account
    balance: int
    held: int


class Audit:
    """One run over all journals."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        """Compare against these stored accounts."""
        self._stored = {account.id: account for account in accounts}
        # Caps are not part of the history: a cap may since have been lowered below what was once allowed.
        self._book = Book(
            Account(id=each.id, kind=each.kind, participant=each.participant, currency=each.currency, cap_minor=None)
            for each in accounts
        )
        self._hash = GENESIS
        self.findings: list[str] = []
        self.journals = 0
        self.postings = 0

    def feed(self, height: int, entries: Sequence[Entry], stored_digest: bytes, stored_hash: bytes) -> None:
        """Check one journal: its number, its digest, its place in the chain, its postings, the balances it left."""
        self.journals += 1
        if height != self.journals:
            self.findings.append(f"journal {height}: expected number {self.journals}, so one is missing or added")
            self.journals = height
        if digest(entries) != stored_digest:
            self.findings.append(f"journal {height}: its postings are not those that were written")
        self._hash = chained(self._hash, stored_digest)
        if self._hash != stored_hash:
            self.findings.append(f"journal {height}: the chain is broken here")
            self._hash = stored_hash
        for line, entry in enumerate(entries):
            self._post(f"journal {height}, line {line}", entry)

    def _post(self, where: str, entry: Entry) -> None:
        self.postings += 1
        try:
            self._book.enter(entry.posting)
        except (ValueError, KeyError) as error:
            self.findings.append(f"{where}: not a possible posting: {error}")
            return
        if self._book.entries.pop() != entry:
            self.findings.append(f"{where}: the balances kept with it are not those it left")

    def finish(self) -> None:
        """Compare the recomputed balances with the stored ones, and each currency with zero."""
        totals: dict[str, int] = {}
        for id_, recomputed in self._book.accounts.items():
            if counters(recomputed) != counters(self._stored[id_]):
                self.findings.append(
                    f"account {id_}: stored {counters(self._stored[id_])}, recomputed {counters(recomputed)}"
                )
            totals[recomputed.currency] = totals.get(recomputed.currency, 0) + balance(recomputed)
        self.findings.extend(f"{currency}: off balance by {total}" for currency, total in totals.items() if total)

    def trial_balance(self) -> list[TrialLine]:
        """List every account with its recomputed balance."""
        return [
            TrialLine(account, balance(account), account.debits_pending)
            for account in sorted(self._book.accounts.values(), key=lambda each: (each.currency, each.kind, each.id))
        ]
