"""The audit finds every single change to the history, whatever it is, and says where."""

from collections.abc import Callable

import msgspec
import pytest

from hub.ledger.account import Account, Kind
from hub.ledger.audit import Audit
from hub.ledger.journal import GENESIS, Book, Entry, Phase, Posting, chained, digest


class History:
    """Five journals of two accounts, as a store keeps them."""

    def __init__(self) -> None:
        self.accounts = [
            Account(id=id_, kind=Kind.POSITION, participant=f"fsp{id_}", currency="KES", cap_minor=10_000)
            for id_ in (1, 2)
        ]
        self.journals: list[tuple[int, list[Entry], bytes, bytes]] = []
        hash_ = GENESIS
        ours = Book(self.accounts)
        for height in range(1, 6):
            ours.entries.clear()
            ours.enter(Posting(f"t{height}", 1, 2, 100 * height, Phase.PENDING))
            ours.enter(Posting(f"t{height}", 1, 2, 100 * height, Phase.POSTED))
            entries = list(ours.entries)
            hash_ = chained(hash_, digest(entries))
            self.journals.append((height, entries, digest(entries), hash_))

    def change(self, height: int, line: int, **values: object) -> None:
        """Change one entry and leave the digests as they were."""
        entry = self.journals[height - 1][1][line]
        posting = {key: value for key, value in values.items() if key in Posting._fields}
        rest = {key: value for key, value in values.items() if key not in Posting._fields}
        changed = entry._replace(posting=entry.posting._replace(**posting), **rest)  # type: ignore[arg-type]
        self.journals[height - 1][1][line] = changed

    def rehash(self) -> None:
        """Make digests and chain anew, as a forger who knows how would."""
        hash_ = GENESIS
        for index, (height, entries, _, _) in enumerate(self.journals):
            hash_ = chained(hash_, digest(entries))
            self.journals[index] = (height, entries, digest(entries), hash_)

    def findings(self) -> list[str]:
        audit = Audit([msgspec.structs.replace(each) for each in self.accounts])
        for journal in self.journals:
            audit.feed(*journal)
        audit.finish()
        return audit.findings


def test_a_true_history_has_no_findings() -> None:
    assert History().findings() == []


TAMPERINGS: dict[str, Callable[[History], object]] = {
    "an amount": lambda history: history.change(3, 0, minor=301),
    "a phase": lambda history: history.change(3, 1, phase=Phase.VOIDED),
    "the two sides exchanged": lambda history: history.change(3, 0, debit=2, credit=1),
    "whose posting it is": lambda history: history.change(2, 0, subject="another"),
    "a balance kept with a posting": lambda history: history.change(4, 1, credit_balance=1),
    "two postings in another order": lambda history: history.journals[2][1].reverse(),
    "a posting taken out": lambda history: history.journals[2][1].pop(),
    "a posting added": lambda history: history.journals[2][1].append(history.journals[2][1][-1]),
    "a journal taken out": lambda history: history.journals.pop(2),
    "the last journal taken out": lambda history: history.journals.pop(),
    "two journals exchanged": lambda history: history.journals.insert(1, history.journals.pop(2)),
    "a stored digest": lambda history: history.journals.__setitem__(2, (*history.journals[2][:2], b"x" * 32, b"y")),
    "a stored balance": lambda history: setattr(history.accounts[0], "debits_posted", 7),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_change_to_the_history_is_found(name: str) -> None:
    history = History()
    TAMPERINGS[name](history)
    assert history.findings() != []


@pytest.mark.parametrize("name", ["an amount", "a phase", "a posting taken out", "the last journal taken out"])
def test_a_forger_who_makes_the_chain_anew_is_found_by_the_balances(name: str) -> None:
    history = History()
    TAMPERINGS[name](history)
    history.rehash()
    assert history.findings() != []
