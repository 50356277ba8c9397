"""An audit that begins where another ended comes to the same; what was kept there is held against what is found."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ledger import merkle
from hub.ledger.audit import Audit
from hub.ledger.checkpoint import NEW, Checkpoint
from hub.ledger.journal import GENESIS, chained, flat_digest
from tests.ledger.test_audit import History

JOURNALS = 5


def audited(history: History, first: int, last: int, start: Checkpoint = NEW, **rest: object) -> Audit:
    """Audit the journals above `first` up to `last`."""
    audit = Audit(history.accounts, start=start, **rest)  # type: ignore[arg-type]
    for journal in history.journals[first:last]:
        audit.feed(*journal)
    return audit


@given(st.integers(0, JOURNALS))
def test_two_halves_come_to_what_the_whole_comes_to(cut: int) -> None:
    history = History()
    whole = audited(history, 0, JOURNALS)
    half = audited(history, 0, cut)
    rest = audited(history, cut, JOURNALS, half.checkpoint(), tree=merkle.Growing(cut, half.peaks))
    rest.finish()
    assert (rest.findings, rest.checkpoint()) == ([], whole.checkpoint())
    assert rest.journals == JOURNALS - cut


@given(st.integers(0, JOURNALS))
def test_after_a_checkpoint_a_new_period_begins(cut: int) -> None:
    history = History()
    audit = audited(history, 0, cut)
    kept = audit.checkpoint()
    audit.pass_checkpoint(kept)
    for journal in history.journals[cut:]:
        audit.feed(*journal)
    later = audit.checkpoint()
    assert (later.since, later.height) == (cut, JOURNALS)
    assert later.root == merkle.root([merkle.leaf(digest) for _, _, digest, _ in history.journals[cut:]])
    assert audit.findings == []
    assert audited(history, cut, JOURNALS, kept).checkpoint() == later


CHANGES: dict[str, Callable[[Checkpoint], Checkpoint]] = {
    "its height": lambda each: msgspec.structs.replace(each, height=each.height + 1),
    "its hash": lambda each: msgspec.structs.replace(each, hash=bytes(32)),
    "its time": lambda each: msgspec.structs.replace(each, at_ms=each.at_ms + 1),
    "since when it is": lambda each: msgspec.structs.replace(each, since=each.since + 1),
    "its root": lambda each: msgspec.structs.replace(each, root=bytes(32)),
    "an account's counters": lambda each: msgspec.structs.replace(each, counters=each.counters | {1: (0, 1, 0, 0)}),
    "an account taken out": lambda each: msgspec.structs.replace(each, counters={1: each.counters[1]}),
    "an account added": lambda each: msgspec.structs.replace(each, counters=each.counters | {9: (0, 1, 0, 0)}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_is_changed_in_what_was_kept_is_found(name: str) -> None:
    audit = audited(History(), 0, 3)
    audit.hold(audit.checkpoint(), "checkpoint 3")
    assert audit.findings == []
    audit.hold(CHANGES[name](audit.checkpoint()), "checkpoint 3")
    assert audit.findings != []


def test_an_audit_that_begins_from_false_balances_finds_them() -> None:
    history = History()
    start = audited(history, 0, 3).checkpoint()
    false = msgspec.structs.replace(start, counters={1: (0, 1, 0, 0), 2: (0, 0, 0, 1)})
    audit = audited(history, 3, JOURNALS, false)
    audit.finish()
    assert any("balances kept with it" in finding for finding in audit.findings)
    assert any(finding.startswith("account 1: stored") for finding in audit.findings)


def test_an_account_that_is_gone_is_found() -> None:
    history = History()
    start = audited(history, 0, 3).checkpoint()
    del history.accounts[1]
    assert "account 2 was posted to before journal 4, but is gone" in audited(history, 3, 3, start).findings


def test_a_journal_older_than_the_one_before_it_is_found() -> None:
    history = History()
    audit = Audit(history.accounts)
    for journal, at_ms in zip(history.journals, (5, 5, 9, 8, 9), strict=True):
        audit.feed(*journal, at_ms=at_ms)
    assert audit.findings == ["journal 4: it is older than the one before it"]


@pytest.mark.parametrize("merkle_from", range(1, JOURNALS + 2))
def test_journals_written_before_digests_were_merkle_roots_are_audited_in_their_own_form(merkle_from: int) -> None:
    history = History()
    hash_ = GENESIS
    for index, (height, entries, found, _) in enumerate(history.journals):
        digest = found if height >= merkle_from else flat_digest(entries)
        hash_ = chained(hash_, digest)
        history.journals[index] = (height, entries, digest, hash_)
    assert audited(history, 0, JOURNALS, merkle_from=merkle_from).findings == []
    other = merkle_from % (JOURNALS + 1) + 1
    assert audited(history, 0, JOURNALS, merkle_from=other).findings != []
