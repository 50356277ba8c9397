"""The audit on PostgreSQL finds what a superuser changed by hand with the triggers switched off."""

from collections.abc import Iterator

import psycopg
import pytest

from hub.store.audit import run_audit
from tests.store.history import ABORTED, BARRED, COMMITTED, OWED, REFUNDED, RESERVED, put_back


@pytest.fixture
def url(history_url: str) -> Iterator[str]:
    """The history, put back after the test as it was."""
    with put_back(history_url):
        yield history_url


def test_the_audit_counts_what_there_is_and_finds_nothing_wrong(history_url: str) -> None:
    report = run_audit(history_url)
    assert report.findings == []
    assert report.states == {"reserved": 2, "committed": 1, "aborted": 2, "owed": 1, "refunded": 1}
    assert (report.journals, report.postings) == (10, 10)
    assert sum(line.balance for line in report.trial_balance) == 0
    assert sum(line.held for line in report.trial_balance) == 10_00 + 900_00 + 10_00


IDS = {
    "reserved": RESERVED,
    "committed": COMMITTED,
    "aborted": ABORTED,
    "owed": OWED,
    "barred": BARRED,
    "refunded": REFUNDED,
}

TAMPERINGS = {
    "an amount": "UPDATE posting SET minor = minor + 1 WHERE subject = %(committed)s AND phase = 'posted'",
    "an amount, throughout": "UPDATE posting SET minor = minor + 1 WHERE subject = %(committed)s",
    "a phase": "UPDATE posting SET phase = 'voided' WHERE subject = %(committed)s AND phase = 'posted'",
    "the payee": "UPDATE posting SET credit = (SELECT id FROM account WHERE kind = 'fees')"
    " WHERE subject = %(committed)s",
    "the two sides exchanged": "UPDATE posting SET debit = credit, credit = debit WHERE subject = %(committed)s",
    "whose posting it is": "UPDATE posting SET subject = %(reserved)s WHERE subject = %(committed)s",
    "a balance kept with a posting": "UPDATE posting SET credit_balance = credit_balance + 1"
    " WHERE subject = %(committed)s",
    "a posting taken out": "DELETE FROM posting WHERE subject = %(committed)s AND phase = 'posted'",
    "a posting added": "INSERT INTO posting SELECT journal, 9, subject, debit, credit, minor, phase, debit_balance,"
    " debit_held, credit_balance, at_ms FROM posting WHERE subject = %(committed)s AND phase = 'posted'",
    "a journal taken out with its postings": "WITH gone AS (DELETE FROM journal WHERE height = 3 RETURNING height)"
    " DELETE FROM posting USING gone WHERE journal = height",
    "the last journal taken out": "WITH gone AS (DELETE FROM journal WHERE height = (SELECT max(height) FROM journal)"
    " RETURNING height) DELETE FROM posting USING gone WHERE journal = height",
    "two journals exchanged": "UPDATE posting SET journal = CASE journal WHEN 2 THEN 3 ELSE 2 END,"
    " line = line + journal WHERE journal IN (2, 3)",
    "a journal's digest": "UPDATE journal SET digest = hash WHERE height = 2",
    "a journal's hash": "UPDATE journal SET hash = digest WHERE height = 2",
    "the head of the chain": "UPDATE chain SET hash = decode(repeat('ab', 32), 'hex')",
    "the height of the chain": "UPDATE chain SET height = height + 1",
    "a stored balance": "UPDATE account SET credits_posted = credits_posted + 1 WHERE participant = 'bravo'",
    "two stored balances that cancel out": "UPDATE account SET debits_posted = debits_posted + 1,"
    " credits_posted = credits_posted + 1 WHERE participant = 'bravo'",
    "what is held": "UPDATE account SET debits_pending = 0 WHERE participant = 'alpha'",
    "the amount of a transfer": "UPDATE transfer SET minor = minor + 1 WHERE id = %(committed)s",
    "a committed transfer undone": "UPDATE standing SET state = 'aborted' WHERE id = %(committed)s",
    "an aborted transfer committed": "UPDATE standing SET state = 'committed' WHERE id = %(aborted)s",
    "a barred transfer committed": "UPDATE standing SET state = 'committed' WHERE id = %(barred)s",
    "an owed transfer refunded": "UPDATE standing SET state = 'refunded', due_ms = NULL WHERE id = %(owed)s",
    "a refunded transfer committed": "UPDATE standing SET state = 'committed' WHERE id = %(refunded)s",
    "a transfer in another waiting state": "UPDATE standing SET state = 'in_doubt' WHERE id = %(reserved)s",
    "a transfer taken out": "DELETE FROM transfer WHERE id = %(committed)s",
    "the standing of a transfer taken out": "DELETE FROM standing WHERE id = %(committed)s",
    "a transfer taken out whole": "WITH s AS (DELETE FROM standing WHERE id = %(committed)s),"
    " t AS (DELETE FROM transition WHERE transfer = %(committed)s) DELETE FROM transfer WHERE id = %(committed)s",
    "the last step taken out": "DELETE FROM transition WHERE transfer = %(owed)s AND seq = 3",
    "a step in the middle taken out": "DELETE FROM transition WHERE transfer = %(owed)s AND seq = 2",
    "where a step in the middle led": "UPDATE transition SET next = 'aborted' WHERE transfer = %(owed)s AND seq = 2",
    "where the last step led": "UPDATE transition SET next = 'aborted' WHERE transfer = %(owed)s AND seq = 3",
    "money from the bank taken out": "DELETE FROM funding",
    "another amount from the bank": "UPDATE funding SET minor = minor + 1",
    "another participant's money from the bank": "UPDATE funding SET participant = 'bravo'",
    "money from the bank that never came": "INSERT INTO funding SELECT 'bank-2', participant, currency, minor, \"by\","
    " at_ms FROM funding",
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_a_superuser_changed_by_hand_is_found(url: str, name: str) -> None:
    assert run_audit(url).findings == []
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(TAMPERINGS[name], IDS).rowcount > 0, "nothing was changed, so nothing is tested"
    assert run_audit(url).findings != []
