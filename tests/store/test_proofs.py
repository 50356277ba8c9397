"""The proof of a statement from PostgreSQL: whatever the range, it holds, and it shows nobody else's balance."""

import base64
from collections.abc import Iterator
from itertools import combinations

import msgspec
import psycopg
import pytest

from hub.ledger.account import Account, Kind
from hub.ledger.proof import Proof, ProofError, decode, encode, verify
from hub.store import ledger_proof, ledger_read
from hub.store.ledger import Ledger
from hub.store.ledger_audit import audit_new
from hub.store.ledger_proof import prove
from tests.store.history import put_back
from tests.store.house import House

pytestmark = pytest.mark.postgres

LAST = 10


@pytest.fixture(scope="module")
def accounts(history_url: str) -> list[Account]:
    with psycopg.connect(history_url) as connection:
        return ledger_read.accounts(connection)


def position(accounts: list[Account], participant: str) -> Account:
    return next(each for each in accounts if (each.kind, each.participant) == (Kind.POSITION, participant))


@pytest.mark.parametrize(("after", "to"), list(combinations(range(LAST + 1), 2)))
def test_every_account_is_proved_over_every_range(
    history_url: str, accounts: list[Account], after: int, to: int
) -> None:
    roots = set()
    for account in accounts:
        proof = prove(history_url, account.id, after, to)
        assert verify(proof) == []
        assert decode(encode(proof)) == proof
        roots.add(proof.root)
    assert len(roots) == 1, "all statements of one range have one root"


def test_ranges_that_follow_each_other_go_on_where_the_one_before_ended(
    history_url: str, accounts: list[Account]
) -> None:
    alpha = position(accounts, "alpha")
    first, second = prove(history_url, alpha.id, 0, 4), prove(history_url, alpha.id, 4, LAST)
    assert (first.closing, first.to_hash) == (second.opening, second.after_hash)
    assert first.opening == (0, 0, 0, 0)
    assert second.closing == (
        alpha.debits_pending,
        alpha.debits_posted,
        alpha.credits_pending,
        alpha.credits_posted,
    )


def test_every_posting_of_the_account_is_there_and_nobody_elses(history_url: str, accounts: list[Account]) -> None:
    bravo = position(accounts, "bravo")
    with psycopg.connect(history_url) as connection:
        rows = connection.execute("SELECT subject, %s IN (debit, credit) FROM posting", [bravo.id]).fetchall()
    own, others = ({subject for subject, is_own in rows if is_own is wanted} for wanted in (True, False))
    proof = prove(history_url, bravo.id, 0, LAST)
    shown = {line.posting.subject for part in proof.parts for line in part.lines}
    assert (shown, others - own) == (own, {"fund:bank-1"})
    assert b"bank-1" not in encode(proof)


def test_the_balance_of_the_other_side_is_not_in_it(history_url: str, accounts: list[Account]) -> None:
    alpha, bravo = position(accounts, "alpha"), position(accounts, "bravo")
    with psycopg.connect(history_url) as connection:
        rows = connection.execute(
            "SELECT debit_held, credit_balance FROM posting WHERE debit = %s", [alpha.id]
        ).fetchall()
    held, balances = {row[0] for row in rows}, {row[1] for row in rows}
    of_bravo = [line for part in prove(history_url, bravo.id, 0, LAST).parts for line in part.lines]
    assert {line.left for line in of_bravo if line.posting.debit == alpha.id} == {(each,) for each in balances}
    assert max(held) not in {number for line in of_bravo for number in line.left}


async def test_between_checkpoints_the_root_is_theirs(sql_house: House) -> None:
    for number in (1, 2, 3):
        await sql_house.completed(number)
        assert audit_new(sql_house.url, keep=True) is not None
    with psycopg.connect(sql_house.url) as connection:
        kept = list(ledger_read.checkpoints(connection, 0))
    assert [each.height for each in kept] == [2, 4, 6]
    account = await sql_house.position("bravo")
    ledger = Ledger(sql_house.url)
    for checkpoint in kept:
        proof = await ledger.prove(account.id, checkpoint.since, checkpoint.height)
        assert (proof.root, proof.to_hash) == (checkpoint.root, checkpoint.hash)
        assert proof.closing == checkpoint.counters[account.id]


@pytest.mark.parametrize(
    ("account", "after", "to", "why"),
    [
        (99, 0, 10, "no account 99"),
        (5, -1, 10, "no range"),
        (5, 0, 11, "no range"),
        (5, 4, 3, "no range"),
    ],
)
def test_what_cannot_be_asked_is_refused(history_url: str, account: int, after: int, to: int, why: str) -> None:
    with pytest.raises(ProofError, match=why):
        prove(history_url, account, after, to)


def test_too_much_at_once_is_refused(
    history_url: str, accounts: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha = position(accounts, "alpha")
    monkeypatch.setattr(ledger_proof, "ENTRIES_MAX", 3)
    with pytest.raises(ProofError, match="shorter range"):
        prove(history_url, alpha.id, 0, LAST)
    monkeypatch.setattr(ledger_proof, "JOURNALS_MAX", 9)
    with pytest.raises(ProofError, match="10 journals are more than 9"):
        prove(history_url, alpha.id, 0, LAST)


def test_an_empty_range_is_proved_too(history_url: str, accounts: list[Account]) -> None:
    proof = prove(history_url, position(accounts, "alpha").id, LAST, LAST)
    assert (proof.parts, verify(proof)) == ((), [])
    assert proof.opening == proof.closing


@pytest.fixture
def url(history_url: str) -> Iterator[str]:
    """The history, put back after the test as it was."""
    with put_back(history_url):
        yield history_url


TAMPERINGS = {
    "an amount": "UPDATE posting SET minor = minor + 1 WHERE journal = 3",
    "a balance": "UPDATE posting SET debit_balance = debit_balance + 1 WHERE journal = 3",
    "a posting taken out": "DELETE FROM posting WHERE journal = 3",
    "a journal taken out": "DELETE FROM journal WHERE height = 3",
    "the last journal taken out": "DELETE FROM journal WHERE height = 10",
    "a nonce": "UPDATE journal SET nonce = 'x' WHERE height = 3",
    "a digest": "UPDATE journal SET digest = hash WHERE height = 3",
    "a checkpoint's balances": "INSERT INTO checkpoint SELECT 8, hash, 0, 0, hash, '{\"5\":[1,2,3,4]}' FROM chain",
    "the old form of digests": "UPDATE chain SET merkle_from = 3",
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_books_that_do_not_agree_are_not_proved(url: str, accounts: list[Account], name: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(TAMPERINGS[name]).rowcount > 0
    with pytest.raises(ProofError, match=r"hub audit|no Merkle digest"):
        prove(url, position(accounts, "alpha").id, 0, LAST)


def test_a_proof_is_json_that_others_can_check(history_url: str, accounts: list[Account]) -> None:
    proof = prove(history_url, position(accounts, "alpha").id, 0, LAST)
    document = msgspec.json.decode(encode(proof))
    assert base64.b64decode(document["root"]) == proof.root
    assert set(document) == set(Proof.__struct_fields__)
