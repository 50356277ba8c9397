"""The audit on PostgreSQL finds prices, legs, fees, tallies and rates that a superuser changed by hand."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.errors import IntegrityConstraintViolation

from hub.store.audit import run_audit
from tests.store.history import PAID, QUOTED, REVERSAL, REVIEWED, UNDER_WAY, UNQUOTED, put_back

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(history_abroad_url: str) -> Iterator[str]:
    """The history, put back after the test as it was."""
    with put_back(history_abroad_url):
        yield history_abroad_url


def test_the_audit_of_what_crossed_borders_finds_nothing_wrong(history_abroad_url: str) -> None:
    report = run_audit(history_abroad_url)
    assert report.findings == []
    assert report.states == {"committed": 5, "reserved": 2, "in_review": 1}, "three of them quotations"
    by_currency: dict[str, int] = {}
    for line in report.trial_balance:
        by_currency[line.account.currency] = by_currency.get(line.account.currency, 0) + line.balance
    assert by_currency == {"KES": 0, "UGX": 0}


IDS = {"paid": PAID, "under_way": UNDER_WAY, "unquoted": UNQUOTED, "reversal": REVERSAL, "reviewed": REVIEWED}
IDS |= {"quoted": QUOTED}


def price(path: str, value: str = "", of: str = "paid") -> str:
    """Write the change of one place of a price; unsaid: one minor unit more."""
    more = f"to_jsonb((price::jsonb#>>'{{{path}}}')::bigint + 1)"
    change = f"jsonb_set(price::jsonb, '{{{path}}}', {value or more})"
    return f"UPDATE transfer SET price = {change} WHERE id = %({of})s"  # noqa: S608 - of our own words


WHO = "to_jsonb('echo'::text)"
TAMPERINGS = {
    "what is taken": price("taken,minor"),
    "what is given": price("given,minor"),
    "what is given of a transfer under way": price("given,minor", of="under_way"),
    "what is given of one without a quote": price("given,minor", of="unquoted"),
    "what is sent": price("sent,minor"),
    "a leg": price("legs,0,money,minor"),
    "whose leg it is": price("legs,0,credit", WHO),
    "the currency of a leg": price("legs,0,money,currency", "to_jsonb('UGX'::text)"),
    "a leg of one that is looked at": price("legs,0,money,minor", of="reviewed"),
    "a leg taken out": "UPDATE transfer SET price = price::jsonb #- '{legs,0}' WHERE id = %(paid)s",
    "a fee": price("fees,0,money,minor"),
    "a fee of one without a quote": price("fees,1,money,minor", of="unquoted"),
    "who earns a fee": price("fees,0,earned_by", WHO),
    "a fee taken out": "UPDATE transfer SET price = price::jsonb #- '{fees,1}' WHERE id = %(paid)s",
    "what a conversion takes": price("hops,0,source,minor"),
    "what a conversion gives": price("hops,0,target,minor"),
    "who converts": price("hops,0,provider", WHO, of="unquoted"),
    "what is given back": price("given,minor", of="reversal"),
    "the rate": price("rate", "to_jsonb('99'::text)"),
    "until when it is honoured": price("expires_ms", "to_jsonb(99)"),
    "the whole price": "UPDATE transfer SET price = NULL WHERE id = %(paid)s",
    "another transfer's price": "UPDATE transfer SET price = (SELECT price FROM transfer WHERE id = %(paid)s)"
    " WHERE id = %(under_way)s",
    "what counts towards a limit": price("counts,0,minor"),
    "the amount of a transfer with a price": "UPDATE transfer SET minor = minor + 1 WHERE id = %(paid)s",
    "a posting of one of the legs": "UPDATE posting SET minor = minor + 1 WHERE subject = %(paid)s AND line = 0",
    "a posting of a fee taken out": "DELETE FROM posting WHERE subject = %(paid)s AND line = 1",
    "a quote that was paid": "UPDATE instrument SET quotes = jsonb_set(quotes::jsonb, '{0,price,given,minor}', '1')"
    " WHERE id = %(quoted)s",
    "by which transfer a quotation was used": "UPDATE instrument SET used_by = %(under_way)s WHERE id = %(quoted)s",
    "what was counted": "UPDATE tally SET minor = minor - 1",
    "how often was counted": "UPDATE tally SET times = times - 1",
    "a rate": "UPDATE rate SET rate = '30'",
    "a rate that was never published": "INSERT INTO rate SELECT provider, 'XOF', target, rate, at_ms, until_ms, by,"
    " state, last FROM rate LIMIT 1",
    "a rate taken out": "DELETE FROM rate WHERE provider = 'delta'",
    "a rate that was published last": "DELETE FROM rate_history WHERE id = (SELECT max(id) FROM rate_history)",
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_a_superuser_changed_of_prices_is_found(url: str, name: str) -> None:
    assert run_audit(url).findings == []
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        assert connection.execute(TAMPERINGS[name], IDS).rowcount > 0, "nothing was changed, so nothing is tested"
    assert run_audit(url).findings != []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transfer SET price = NULL",
        "UPDATE rate_history SET rate = '1'",
        "DELETE FROM rate_history",
        "TRUNCATE rate_history",
    ],
)
def test_what_was_written_about_prices_is_never_changed(history_abroad_url: str, statement: str) -> None:
    with (
        psycopg.connect(history_abroad_url) as connection,
        pytest.raises(IntegrityConstraintViolation, match="written once"),
    ):
        connection.execute(statement)
