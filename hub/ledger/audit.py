"""Auditing: everything about the books recomputed from postings alone; it trusts no stored balance and no hash.

Journals are fed in their order, from the first or from where an earlier audit has ended. What does not agree becomes a
finding, in words an auditor can act on; the audit goes on, so that one finding does not hide the next.
"""

from collections.abc import Sequence
from typing import NamedTuple

from hub.ledger import merkle
from hub.ledger.account import Account, Counters, counters
from hub.ledger.checkpoint import NEW, Checkpoint
from hub.ledger.journal import Book, Entry, chained, digest, flat_digest
from hub.ledger.position import balance

NOTHING_POSTED: Counters = (0, 0, 0, 0)


class TrialLine(NamedTuple):
    """One account of the trial balance, in minor units of its currency."""

    account: Account
    balance: int
    held: int


class Audit:
    """One run over journals."""

    def __init__(
        self,
        accounts: Sequence[Account],
        *,
        start: Checkpoint = NEW,
        tree: merkle.Growing | None = None,
        merkle_from: int = 1,
    ) -> None:
        """Compare against these stored accounts, from a checkpoint on.

        `tree`: of the journals between the checkpoint before `start` and `start`, when `start` was not kept itself.
        `merkle_from`: the first journal whose digest is a Merkle root; those before it are of the older form.
        """
        self._stored = {account.id: account for account in accounts}
        # Caps are not part of the history: a cap may since have been lowered below what was once allowed.
        self._book = Book(_emptied(each, start.counters.get(each.id, NOTHING_POSTED)) for each in accounts)
        self._merkle_from = merkle_from
        self._start, self._hash, self._at_ms = start.height, start.hash, start.at_ms
        self._since, self._tree = (start.height, merkle.Growing()) if tree is None else (start.since, tree)
        self.findings = [
            f"account {id_} was posted to before journal {start.height + 1}, but is gone"
            for id_ in sorted(start.counters.keys() - self._stored.keys())
        ]
        self.height = start.height
        self.journals = 0
        self.postings = 0

    def feed(
        self,
        height: int,
        entries: Sequence[Entry],
        stored_digest: bytes,
        stored_hash: bytes,
        *,
        nonce: bytes = b"",
        at_ms: int = 0,
    ) -> None:
        """Check one journal: its number, digest, place in the chain and time, its postings, the balances it left."""
        self.journals += 1
        self.height += 1
        if height != self.height:
            self.findings.append(f"journal {height}: expected number {self.height}, so one is missing or added")
            self.height = height
        computed = digest(entries, nonce) if height >= self._merkle_from else flat_digest(entries)
        if computed != stored_digest:
            self.findings.append(f"journal {height}: its postings are not those that were written")
        self._hash = chained(self._hash, stored_digest)
        if self._hash != stored_hash:
            self.findings.append(f"journal {height}: the chain is broken here")
            self._hash = stored_hash
        if at_ms < self._at_ms:
            self.findings.append(f"journal {height}: it is older than the one before it")
        self._at_ms = at_ms
        self._tree.add(merkle.leaf(stored_digest))
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

    def checkpoint(self) -> Checkpoint:
        """Return how the ledger stands after the last journal that was fed."""
        found = {id_: counters(account) for id_, account in sorted(self._book.accounts.items())}
        return Checkpoint(
            height=self.height,
            hash=self._hash,
            at_ms=self._at_ms,
            since=self._since,
            root=self._tree.root(),
            counters={id_: each for id_, each in found.items() if any(each)},
        )

    @property
    def peaks(self) -> list[bytes]:
        """Return what the tree over the journals since the last checkpoint goes on from."""
        return list(self._tree.peaks)

    def hold(self, stored: Checkpoint, where: str) -> None:
        """Hold what was kept at this height against what is recomputed."""
        ours = self.checkpoint()
        if (stored.height, stored.hash, stored.at_ms) != (ours.height, ours.hash, ours.at_ms):
            self.findings.append(f"{where}: it is not where the chain stood")
        if stored.counters != ours.counters:
            self.findings.append(f"{where}: the balances kept with it are not those of the postings up to it")
        if stored.since < self._start:
            return  # what was archived since is not here to be hashed again
        if stored.since != ours.since:
            self.findings.append(f"{where}: it follows checkpoint {stored.since}, and not {ours.since}")
        elif stored.root != ours.root:
            self.findings.append(f"{where}: its root is not that of the journals since {stored.since}")

    def pass_checkpoint(self, stored: Checkpoint) -> None:
        """Hold a checkpoint against what is recomputed, and begin the period after it."""
        self.hold(stored, f"checkpoint {stored.height}")
        self._since, self._tree = stored.height, merkle.Growing()

    def finish(self) -> None:
        """Compare the recomputed balances with the stored ones, and each currency with zero."""
        for id_, recomputed in self._book.accounts.items():
            if counters(recomputed) != counters(self._stored[id_]):
                self.findings.append(
                    f"account {id_}: stored {counters(self._stored[id_])}, recomputed {counters(recomputed)}"
                )
        self.weigh()

    def weigh(self) -> None:
        """Compare each currency with zero."""
        totals: dict[str, int] = {}
        for each in self._book.accounts.values():
            totals[each.currency] = totals.get(each.currency, 0) + balance(each)
        self.findings.extend(f"{currency}: off balance by {total}" for currency, total in totals.items() if total)

    def trial_balance(self) -> list[TrialLine]:
        """List every account with its recomputed balance."""
        return [
            TrialLine(account, balance(account), account.debits_pending)
            for account in sorted(self._book.accounts.values(), key=lambda each: (each.currency, each.kind, each.id))
        ]


def _emptied(stored: Account, begun: Counters) -> Account:
    """Return an account of which nothing is known but who it is, and what its postings came to before."""
    debits_pending, debits_posted, credits_pending, credits_posted = begun
    return Account(
        id=stored.id,
        kind=stored.kind,
        participant=stored.participant,
        currency=stored.currency,
        cap_minor=None,
        debits_pending=debits_pending,
        debits_posted=debits_posted,
        credits_pending=credits_pending,
        credits_posted=credits_posted,
    )
