"""PostgreSQL's own guard: migrations give the tables of the code, and what was written about money stays written."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.errors import CheckViolation, IntegrityConstraintViolation, UniqueViolation

from hub.core.transfer import FINAL, State
from hub.store.migrate import differences, upgrade
from tests.store.history import ABORTED, COMMITTED, REFUNDED

ROWS = "SELECT (SELECT count(*) FROM chain), (SELECT count(*) FROM alembic_version)"


def test_the_migrations_give_the_tables_that_the_code_expects(database_url: str) -> None:
    assert differences(database_url) != [], "an empty database is different, or nothing is compared"
    upgrade(database_url)
    assert differences(database_url) == []


def test_migrating_again_changes_nothing(database_url: str) -> None:
    upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE chain SET height = 7")
    upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT height FROM chain").fetchall() == [(7,)]


def test_processes_that_migrate_at_once_wait_for_each_other(database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(upgrade, database_url) for _ in range(4)]:
            done.result(60)
    with psycopg.connect(database_url) as connection:
        assert connection.execute(ROWS).fetchone() == (1, 1)
    assert differences(database_url) == []


REFUSED = [
    *(
        statement.format(table)
        for table in ("posting", "journal", "transition", "transfer")
        for statement in ("DELETE FROM {}", "TRUNCATE {}")
    ),
    "UPDATE posting SET minor = 1",
    "UPDATE posting SET credit = debit + 5",
    "UPDATE journal SET hash = digest",
    "UPDATE transition SET who = 'nobody'",
    "UPDATE transfer SET minor = 1",
    "UPDATE transfer SET body = '{}'",
    "DELETE FROM standing",
    "TRUNCATE standing",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_what_was_written_about_money_is_never_changed(history_url: str, statement: str) -> None:
    with psycopg.connect(history_url) as connection, pytest.raises(IntegrityConstraintViolation, match="written once"):
        connection.execute(statement)


ENDED = {State.COMMITTED: COMMITTED, State.ABORTED: ABORTED, State.REFUNDED: REFUNDED}


@pytest.mark.parametrize(("final", "state"), [(final, state) for final in ENDED for state in State if state != final])
def test_a_final_state_is_final_in_the_database_too(history_url: str, final: State, state: State) -> None:
    due = None if state in FINAL else 1
    with psycopg.connect(history_url) as connection, pytest.raises(IntegrityConstraintViolation, match="stays so"):
        connection.execute("UPDATE standing SET state = %s, due_ms = %s WHERE id = %s", [state, due, ENDED[final]])


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("UPDATE standing SET due_ms = NULL WHERE state = 'reserved'", CheckViolation),
        ("UPDATE standing SET due_ms = 1 WHERE state = 'committed'", CheckViolation),
        ("UPDATE account SET debits_pending = -1 WHERE participant = 'alpha'", CheckViolation),
        ("INSERT INTO chain VALUES (false, 0, '')", CheckViolation),
        ("INSERT INTO chain VALUES (true, 0, '')", UniqueViolation),
        ("INSERT INTO transition SELECT * FROM transition", UniqueViolation),
        ("INSERT INTO journal SELECT * FROM journal", UniqueViolation),
        (
            "INSERT INTO posting SELECT journal, 9, subject, debit, debit, 1, phase, 0, 0, 0, at_ms FROM posting",
            CheckViolation,
        ),
        (
            "INSERT INTO posting SELECT journal, 9, subject, debit, credit, 0, phase, 0, 0, 0, at_ms FROM posting",
            CheckViolation,
        ),
        (
            "INSERT INTO request SELECT gen_random_uuid(), caller, correlation, gen_random_uuid(), 0 FROM request",
            UniqueViolation,
        ),
        (
            "INSERT INTO account (kind, participant, currency) SELECT kind, participant, currency FROM account",
            UniqueViolation,
        ),
    ],
    ids=[
        "a transfer that waits is always looked at again",
        "one that has ended never is",
        "counters are never below zero",
        "one chain, not a second",
        "one chain, not twice",
        "each step once",
        "each journal once",
        "never to itself",
        "never nothing",
        "a correlation id once for each caller",
        "one account of a kind",
    ],
)
def test_the_constraints_hold_even_if_every_program_is_wrong(
    history_url: str, statement: str, error: type[psycopg.Error]
) -> None:
    with psycopg.connect(history_url) as connection, pytest.raises(error):
        connection.execute(statement)
