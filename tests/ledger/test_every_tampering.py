"""Every single tampering, everywhere: whichever journal, line or field is changed, the audit has a finding."""

from collections.abc import Callable
from itertools import product

import pytest

from hub.ledger.journal import Entry, Phase
from tests.ledger.test_audit import History

HEIGHTS = range(1, 6)
PLACES = list(product(HEIGHTS, range(2)))

FIELDS: dict[str, Callable[[Entry], object]] = {
    "subject": lambda entry: entry.posting.subject + "x",
    "debit": lambda entry: 3 - entry.posting.debit,
    "credit": lambda entry: 3 - entry.posting.credit,
    "minor": lambda entry: entry.posting.minor + 1,
    "debit_balance": lambda entry: entry.debit_balance - 1,
    "debit_held": lambda entry: entry.debit_held + 1,
    "credit_balance": lambda entry: entry.credit_balance + 1,
}
COUNTERS = ("debits_pending", "debits_posted", "credits_pending", "credits_posted")


def entry_of(history: History, height: int, line: int) -> Entry:
    return history.journals[height - 1][1][line]


@pytest.mark.parametrize("rehashed", [False, True], ids=["hashes left", "hashes made anew"])
@pytest.mark.parametrize("field", [each for each in FIELDS if each != "subject"])
@pytest.mark.parametrize(("height", "line"), PLACES)
def test_a_changed_field_is_found_wherever_it_is(height: int, line: int, field: str, *, rehashed: bool) -> None:
    history = History()
    history.change(height, line, **{field: FIELDS[field](entry_of(history, height, line))})
    if rehashed:
        history.rehash()
    assert any(f"journal {height}" in finding for finding in history.findings())


@pytest.mark.parametrize(("height", "line"), PLACES)
def test_a_posting_given_to_another_transfer_breaks_its_journals_digest(height: int, line: int) -> None:
    history = History()
    history.change(height, line, subject="another")
    assert history.findings() == [f"journal {height}: its postings are not those that were written"]


@pytest.mark.parametrize("rehashed", [False, True], ids=["hashes left", "hashes made anew"])
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize(("height", "line"), PLACES)
def test_a_changed_phase_is_found_wherever_it_is(height: int, line: int, phase: Phase, *, rehashed: bool) -> None:
    history = History()
    unchanged = entry_of(history, height, line).posting.phase is phase
    history.change(height, line, phase=phase)
    if rehashed:
        history.rehash()
    assert (history.findings() == []) is unchanged


@pytest.mark.parametrize("rehashed", [False, True], ids=["hashes left", "hashes made anew"])
@pytest.mark.parametrize(("height", "line"), PLACES)
def test_a_missing_line_is_found_wherever_it_was(height: int, line: int, *, rehashed: bool) -> None:
    history = History()
    history.journals[height - 1][1].pop(line)
    if rehashed:
        history.rehash()
    assert history.findings() != []


@pytest.mark.parametrize("rehashed", [False, True], ids=["hashes left", "hashes made anew"])
@pytest.mark.parametrize("height", HEIGHTS)
def test_a_missing_journal_is_found_wherever_it_was(height: int, *, rehashed: bool) -> None:
    history = History()
    history.journals.pop(height - 1)
    if rehashed:
        history.rehash()
    assert history.findings() != []


@pytest.mark.parametrize("rehashed", [False, True], ids=["hashes left", "hashes made anew"])
@pytest.mark.parametrize("height", HEIGHTS)
def test_lines_in_another_order_are_found(height: int, *, rehashed: bool) -> None:
    history = History()
    history.journals[height - 1][1].reverse()
    if rehashed:
        history.rehash()
    assert any(f"journal {height}" in finding for finding in history.findings())


@pytest.mark.parametrize("forged", ["digest", "hash"])
@pytest.mark.parametrize("height", HEIGHTS)
def test_a_changed_digest_or_hash_is_found_where_it_is(height: int, forged: str) -> None:
    history = History()
    _, entries, digest, hash_ = history.journals[height - 1]
    changed = (bytes(32), hash_) if forged == "digest" else (digest, bytes(32))
    history.journals[height - 1] = (height, entries, *changed)
    assert any(finding.startswith(f"journal {height}:") for finding in history.findings())


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_changed_counter_is_found_at_its_account(number: int, counter: str, by: int) -> None:
    history = History()
    account = history.accounts[number]
    setattr(account, counter, getattr(account, counter) + by)
    findings = history.findings()
    assert len(findings) == 1
    assert findings[0].startswith(f"account {account.id}: stored")


def test_a_posting_on_an_account_that_is_not_stored_is_found() -> None:
    history = History()
    history.change(3, 0, debit=99)
    assert any("line 0: not a possible posting" in finding for finding in history.findings())


def test_one_finding_does_not_hide_the_next() -> None:
    history = History()
    history.change(2, 0, minor=201)
    history.change(4, 1, credit_balance=1)
    found = " / ".join(history.findings())
    assert "journal 2" in found
    assert "journal 4, line 1" in found
