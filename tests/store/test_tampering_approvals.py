"""What moves money, or says who may, and was not approved by two people, is found; so is what cannot even be read."""

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec
import psycopg
import pytest

from hub.core.office.applying import ApplyScheme, names_of
from hub.core.office.records import OperatorRole
from hub.lab.postgres import PrivatePostgres
from hub.store.audit import run_audit
from tests.store.history import put_back
from tests.store.house import House
from tests.store.test_operators import admitting, by_two, changing, disabling, opened
from tests.store.test_windows_audit import WINDOW, W, write_settlements


async def write(url: str) -> None:
    """Settlements of every kind; then an office with operators that were changed, disabled and admitted again."""
    await write_settlements(url)
    async with House(url) as house:
        await opened(house)
        for deed in (
            changing("view-1", OperatorRole.MAKER, OperatorRole.CHECKER),
            disabling("desk-2"),
            admitting("desk-2", OperatorRole.VIEWER),
            disabling("desk-1"),
        ):
            assert not (await by_two(house, deed)).reason
        before = await house.store.scheme()
        file = msgspec.structs.replace(
            before.file, disputes=msgspec.structs.replace(before.file.disputes, recall_answer_s=3600)
        )
        models = names_of(before.file)
        applying = ApplyScheme(by="head-1", base=before.version, models=models, file=file, why="sooner")
        assert not (await by_two(house, applying)).reason


@pytest.fixture(scope="module")
def approved_url(postgres: PrivatePostgres, _template: str) -> Iterator[str]:
    url = postgres.create_database("approvals", _template)
    asyncio.run(write(url))
    yield url
    postgres.drop_database("approvals")


@pytest.fixture
def url(approved_url: str) -> Iterator[str]:
    with put_back(approved_url):
        yield approved_url


def test_nothing_is_wrong_with_it(approved_url: str) -> None:
    assert run_audit(approved_url).findings == []


NOT_APPROVED: Final = "DELETE FROM proposal WHERE act = "
OPERATOR: Final = "UPDATE operator SET "
PROPOSAL: Final = "UPDATE proposal SET "

TAMPERINGS: Final = {
    "all proposals taken out": "DELETE FROM proposal",
    "a release that nobody approved": NOT_APPROVED + "'Release' AND terms->>'window' = %(settled)s",
    "a release that was rejected": PROPOSAL + "state = 'rejected' WHERE terms->>'window' = %(settling)s",
    "a release that was another deed": PROPOSAL + "act = 'PayAgain' WHERE terms->>'window' = %(settling)s",
    "a release of another window": PROPOSAL + "terms = replace(terms::text, %(settling)s, %(reckoned)s)::json"
    " WHERE terms->>'window' = %(settling)s",
    "a release that was proposed by another": PROPOSAL + "by = 'sal' WHERE terms->>'window' = %(settling)s",
    "a release by one person with two spellings": PROPOSAL + "decided_by = upper(by) || ' ' WHERE act = 'Release'",
    "a release that was approved at no time": PROPOSAL + "decided_ms = NULL WHERE act = 'Release'",
    "a release that was undone": WINDOW + "state = 'reckoned', released_ms = NULL WHERE id = %(settling)s",
    "a model that releases by itself": WINDOW + "terms = replace(terms::text, '\"automatic\":false',"
    " '\"automatic\":true')::json WHERE id = %(settling)s",
    "a default that nobody approved": NOT_APPROVED + "'HandleDefault' AND terms->>'window' = %(covered)s",
    "a default by somebody else": WINDOW + "defaults = replace(defaults::text, '\"desk-1\"', '\"desk-9\"')::json"
    " WHERE id = %(unwound)s",
    "another block lifted by nobody": NOT_APPROVED + "'Unblock'",
    # Schemes.
    "a scheme that nobody approved": NOT_APPROVED + "'ApplyScheme'",
    "a scheme applied by one": "UPDATE scheme SET applied_by = 'head-1'"
    " WHERE version = (SELECT max(version) FROM scheme)",
    "a scheme that was changed": "UPDATE scheme SET document = replace(document::text, '3600', '36')::json"
    " WHERE version = (SELECT max(version) FROM scheme)",
    "an older scheme copied in again": "INSERT INTO scheme (document, applied_ms, applied_by)"
    " SELECT document, applied_ms + 1000, applied_by FROM scheme ORDER BY version DESC LIMIT 1 OFFSET 1",
    "an approved scheme copied in again": "INSERT INTO scheme (document, applied_ms, applied_by)"
    " SELECT document, applied_ms, applied_by FROM scheme ORDER BY version DESC LIMIT 1",
    "a scheme of an earlier time": "INSERT INTO scheme (document, applied_ms, applied_by)"
    " SELECT document, 1, 'owner' FROM scheme ORDER BY version DESC LIMIT 1 OFFSET 1",
    "a scheme that was taken out": "DELETE FROM scheme WHERE version = (SELECT max(version) FROM scheme)",
    # Operators.
    "an operator that nobody admitted": "INSERT INTO operator SELECT 'head-3', version, at_ms, due_ms, deed, roles,"
    " secret_hash, enabled, by, approved_by, admin FROM operator WHERE id = 'view-1'",
    "a founder too many": "INSERT INTO operator SELECT 'head-3', version, at_ms, due_ms, deed, roles,"
    " secret_hash, enabled, by, approved_by, admin FROM operator WHERE id = 'head-1'",
    "a founder that is no admin": OPERATOR + "roles = '[\"maker\"]', admin = '' WHERE id = 'head-1'",
    "an operator who founded nothing": OPERATOR + "approved_by = '' WHERE id = 'view-1'",
    "another role": OPERATOR + 'roles = \'["maker","checker","viewer"]\' WHERE id = \'view-1\'',
    "an admin by nobody's word": OPERATOR + "roles = '[\"admin\"]', admin = 'yes' WHERE id = 'view-1'",
    "an admin that is not counted": OPERATOR + "admin = '' WHERE id = 'head-2'",
    "a disabled operator enabled": OPERATOR + "enabled = true WHERE id = 'desk-1'",
    "an operator disabled": OPERATOR + "enabled = false WHERE id = 'desk-2'",
    "another secret": OPERATOR + "secret_hash = repeat('1', 64) WHERE id = 'view-1'",
    "who admitted it": OPERATOR + "by = 'head-3' WHERE id = 'view-1'",
    "an operator taken out": "DELETE FROM operator WHERE id = 'view-1'",
    # What is written twice.
    "when it was closed": WINDOW + "closed_ms = NULL WHERE id = %(settled)s",
    "when it was settled": WINDOW + "settled_ms = NULL WHERE id = %(settled)s",
    "when it was reckoned": WINDOW + "reckoned_ms = NULL WHERE id = %(reckoned)s",
    "that it was released": WINDOW + "released_ms = NULL WHERE id = %(settled)s",
    "released before it was": WINDOW + "released_ms = 1 WHERE id = %(reckoned)s",
    "terms that no scheme had": WINDOW + "terms = replace(terms::text, '7200', '7201')::json WHERE id = %(open)s",
    "the cap of a position": "UPDATE account SET cap_minor = cap_minor + 1 WHERE participant = 'bravo'",
    "the cap of the guarantee": "UPDATE account SET cap_minor = 100 WHERE kind = 'guarantee'",
}


def tampered(url: str, statement: str) -> list[str]:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(statement.encode(), W).rowcount > 0, "nothing was changed, so nothing is tested"
    return run_audit(url).findings


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS)
def test_what_two_people_did_not_approve_is_found(url: str, statement: str) -> None:
    assert tampered(url, statement)


# What cannot be read, and how the sentence begins that says which it is; the rest is audited all the same.
UNREADABLE: Final = {
    "a window's state": (WINDOW + "state = 'shut' WHERE id = %(settled)s", f"window {W['settled']}: it cannot be read"),
    "a window's terms": (WINDOW + "terms = '{}' WHERE id = %(open)s", f"window {W['open']}: it cannot be read"),
    "every window's terms": (WINDOW + "terms = '[]'", f"window {W['settled']}: it cannot be read"),
    "an obligation's state": ("UPDATE obligation SET state = 'paid'", "obligation "),
    "a payment's state": ("UPDATE payment SET state = 'done'", "payment "),
    "what the bank said": ("UPDATE payment SET said = '{}'", "payment "),
    "an operator's roles": (
        OPERATOR + "roles = '[\"king\"]' WHERE id = 'view-1'",
        "operator view-1: it cannot be read",
    ),
    "a kind of account": ("UPDATE account SET kind = 'purse' WHERE kind = 'suspense'", "account "),
    "a scheme's models": (
        "UPDATE scheme SET document = jsonb_set(document::jsonb, '{settlement_model}', '[{}]') WHERE version = 1",
        "scheme 1: its models cannot be read",
    ),
    "a scheme": ("UPDATE scheme SET document = '{}'", "who approved what: something in there cannot be read"),
    "a mark": (
        "INSERT INTO audited VALUES (true, 0, '', 0, 0, '[]', '{\"x\": 1}', 0)",
        "the mark of the audit of what is new cannot be read",
    ),
}


@pytest.mark.parametrize(("statement", "says"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_a_sentence_and_not_the_end(url: str, statement: str, says: str) -> None:
    found = tampered(url, statement)
    assert any(each.startswith(says) and "read" in each for each in found), found
