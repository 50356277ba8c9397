"""The store on PostgreSQL: a batch is three round trips on one connection, and one commit.

One connection carries a batch from its first lock to its commit; a batch never waits for a second one.
Statements that need nothing from each other go out together in a psycopg pipeline.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from prometheus_client import Counter
from psycopg import AsyncCursor, AsyncRawCursor
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from hub.core import listing
from hub.core.change import Decided
from hub.core.command import Transfer
from hub.core.facts import Claim, Facts, Wanted
from hub.core.instrument import Instrument
from hub.core.participant import Scheme
from hub.core.pricing.limits import Tally
from hub.core.pricing.market import Market
from hub.ledger.account import Account
from hub.ledger.journal import Book, Entry, digest
from hub.store import market, records, schemes, statements
from hub.store.batches import Batches
from hub.store.contract import UnavailableError
from hub.store.days import Days
from hub.store.ledger import Ledger
from hub.store.letters import Letters
from hub.store.lookups import LookUps, cases_in
from hub.store.pooled import LOST, Connection
from hub.store.records import Records
from hub.store.search import Search
from hub.store.settlement import Settlement
from routing.party import Identifier

Cursor = AsyncCursor[TupleRow]

_STATEMENTS: Final = Counter("hub_sql_statements", "Statements of batches sent to the database.")

NONCE_BYTES: Final = 16

_encode: Final = msgspec.json.Encoder().encode
_transfers: Final = msgspec.json.Decoder(list[Transfer]).decode
_instruments: Final = msgspec.json.Decoder(list[Instrument]).decode
_accounts: Final = msgspec.json.Decoder(list[Account]).decode


def json(rows: Any) -> str:
    """Encode rows for a `%s::json` parameter."""
    return _encode(rows).decode()


class SqlWork:
    """One batch."""

    def __init__(self, connection: Connection, store: "SqlStore") -> None:
        """Work on this connection, inside the database transaction that the first statement begins."""
        self._connection = connection
        self._store = store
        self._claimed: frozenset[str] = frozenset()

    async def load(self, wanted: Wanted) -> Facts:
        """Claim correlation ids, lock and read what the batch needs; one round trip unless there are duplicates."""
        asked: dict[str, Cursor] = {}
        async with self._connection.pipeline():
            await self._send("BEGIN")
            if wanted.quoting:
                await self._send(market.QUOTING)
            if wanted.counts:
                await self._send(records.COUNTING)
            asked["now"] = await self._send(statements.NOW)
            if wanted.claims:
                asked["claimed"] = await self._send(statements.CLAIM, json([_claim(each) for each in wanted.claims]))
            if wanted.identifiers:
                rows = [{"key": each.key, "value": each.value} for each in wanted.identifiers]
                asked["overrides"] = await self._send(statements.OVERRIDES, json(rows))
            transfers = sorted({*wanted.transfers, *wanted.originals})
            if transfers:
                asked["transfers"] = await self._send(statements.TRANSFERS, transfers)
            if wanted.originals:
                asked |= await self._given_back(list(wanted.originals))
            if wanted.instruments:
                names = [each._asdict() for each in wanted.instruments]
                asked["instruments"] = await self._send(statements.INSTRUMENTS, json(names))
            if wanted.cases:
                asked["cases"] = await self._send(statements.CASES_LOCKED, list(wanted.cases))
            if wanted.market:
                asked["market"] = await self._send(market.MARKET)
        now_ms, version = (await asked["now"].fetchall())[0]
        self._claimed = claimed = frozenset(row[0] for row in await _rows(asked.get("claimed")))
        transfers_found = await _rows(asked.get("transfers"))
        instruments = await _rows(asked.get("instruments"))
        reversals = await _rows(asked.get("reversed"))
        stands = await _rows(asked.get("market"))
        return Facts(
            now_ms=now_ms,
            scheme=await self._store.scheme_of(version, self._connection),
            claimed=claimed,
            earlier=await self._earlier(wanted.claims, claimed),
            transfers={each.id: each for each in _transfers(transfers_found[0][0])} if transfers_found else {},
            reversed_minor={original: minor for original, minor, _ in reversals},
            promised=records.promised_in(await _rows(asked.get("promised"))),
            taken_back={original: taken for original, _, taken in reversals},
            instruments={each.name: each for each in _instruments(instruments[0][0])} if instruments else {},
            overrides={Identifier(key, value): who for key, value, who in await _rows(asked.get("overrides"))},
            market=market.market_in(stands[0][0]) if stands else Market(),
            cases=cases_in(cases[0][0]) if (cases := await _rows(asked.get("cases"))) else (),
            records=await records.lock(self._connection, wanted.records),
        )

    async def _given_back(self, originals: list[str]) -> dict[str, Cursor]:
        """Ask what has been given back of locked transfers or is being so, and what disputes are still to give back."""
        return {
            "reversed": await self._send(statements.REVERSED, originals),
            "promised": await self._send(statements.PROMISED, originals),
        }

    async def lock(self, accounts: Sequence[int]) -> Book:
        """Lock the accounts and open the book."""
        if not accounts:
            return Book([])
        rows = await (await self._send(statements.ACCOUNTS, list(accounts))).fetchall()
        return Book(_accounts(rows[0][0]))

    async def tallies(self, wanted: Mapping[str, int]) -> dict[str, Tally]:
        """Lock and read the tallies of limits."""
        if not wanted:
            return {}
        keys = json([{"key": key, "ends_ms": wanted[key]} for key in sorted(wanted)])
        async with self._connection.pipeline():
            await self._send(market.OPEN_TALLIES, keys)
            asked = await self._send(market.TALLIES, keys)
        return market.tallies_in(sorted(wanted), await asked.fetchall())

    async def head(self) -> int:
        """Return the last journal's number; nobody writes another before this batch has ended."""
        return int((await (await self._send(statements.HEAD)).fetchall())[0][0])

    async def apply(self, decided: Decided, book: Book, now_ms: int) -> None:
        """Write everything and commit; one statement, one round trip."""
        entries = book.entries
        nonce = secrets.token_bytes(NONCE_BYTES)
        parameters = {
            "added": json(list(decided.added.values())),
            "moved": json(list(decided.moved.values())),
            "listed": json([line for each in decided.added.values() for line in listing.lines(each)]),
            "transitions": json(decided.transitions),
            "cases": json(decided.cases),
            "amendments": json(list(decided.amendments.values())),
            "instruments": json(list(decided.instruments.values())),
            "used": json([{"id": id_, "used_by": transfer} for id_, transfer in decided.used.items()]),
            "outbox": json(decided.outbox),
            # Only this batch's own claims: an earlier commit's, whose confirmation was lost, belongs to a transfer.
            "given_up": json([each for each in decided.given_up if each in self._claimed]),
            "balances": json([book.accounts[id_] for id_ in sorted(book.touched)]),
            "entries": json([_line(number, entry) for number, entry in enumerate(entries)]),
            "lines": len(entries),
            "digest": digest(entries, nonce),
            "nonce": nonce,
            "at_ms": now_ms,
        }
        # Seen to be written first, so that nothing is committed over a record that has moved on.
        await records.write(self._connection, decided.records)
        async with self._connection.pipeline():
            _STATEMENTS.inc()
            values = [parameters[name] for name in statements.APPLY_NAMES]
            await AsyncRawCursor(self._connection).execute(statements.APPLY_NUMBERED, values)
            if (more := market.changes(decided)) is not None:
                _STATEMENTS.inc()
                rows = {name: json(each) for name, each in more.items()}
                await self._connection.execute(market.CHANGE, rows)
            if decided.closings:
                await self._send(statements.CLOSE_CASES, json(decided.closings))
            if decided.scheme is None:
                await self._send("COMMIT")
        if decided.scheme is not None:
            async with self._connection.cursor() as cursor:
                await schemes.replace(cursor, decided.scheme)
            await self._send("COMMIT")

    async def _earlier(self, claims: Sequence[Claim], claimed: frozenset[str]) -> dict[str, str]:
        late = [_claim(each) for each in claims if each.request not in claimed]
        if not late:
            return {}
        rows: list[tuple[str, str]] = await _rows(await self._send(statements.EARLIER, json(late)))
        return dict(rows)

    async def _send(self, statement: str, *parameters: Any) -> Cursor:
        _STATEMENTS.inc()
        return await self._connection.execute(statement, parameters or None)


class SqlStore(LookUps):
    """The hub's PostgreSQL."""

    def __init__(self, url: str, *, writers: int = 2, readers: int = 4) -> None:
        """Connect lazily to `url` (postgresql://...); `open` it before use."""
        self._writers = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=writers,
            open=False,
            timeout=10,
            kwargs={"autocommit": True, "application_name": "makutano-writer", "prepare_threshold": 2},
        )
        super().__init__(
            AsyncConnectionPool(
                url,
                min_size=1,
                max_size=readers,
                open=False,
                timeout=10,
                kwargs={"autocommit": True, "application_name": "makutano-reader"},
            )
        )

        self.batches = Batches(self._pool)
        self.records = Records(self._pool)
        self.ledger = Ledger(url)
        self.settlement = Settlement(self._pool)
        self.letters = Letters(self._pool)
        self.days = Days(url)
        self.search = Search(self._pool)

    async def open(self) -> None:
        """Open the connections; raises UnavailableError when the database does not answer."""
        try:
            await self._writers.open(wait=True, timeout=30)
            await self._pool.open(wait=True, timeout=30)
        except PoolTimeout as error:
            raise UnavailableError("the database does not answer; is HUB_DATABASE_URL right?") from error

    async def close(self) -> None:
        """Let go of every connection."""
        await self._writers.close()
        await self._pool.close()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[SqlWork]:
        """Begin a batch."""
        try:
            async with self._writers.connection() as connection:
                try:
                    yield SqlWork(connection, self)
                except BaseException:
                    # Which statements a broken pipeline has prepared is known to nobody: the next batch gets a new one.
                    await connection.close()
                    raise
                if connection.info.transaction_status.name != "IDLE":
                    await connection.execute("ROLLBACK")
        except LOST as error:
            raise UnavailableError(str(error)) from error

    async def scheme_of(self, version: int | None, connection: Connection) -> Scheme:
        """Return the scheme in force, read again only when its version has changed."""
        if self._scheme is None or self._scheme.version != version:
            self._scheme = await self._read_scheme(connection)
        return self._scheme


def _line(number: int, entry: Entry) -> dict[str, Any]:
    return {
        "line": number,
        **entry.posting._asdict(),
        "debit_balance": entry.debit_balance,
        "debit_held": entry.debit_held,
        "credit_balance": entry.credit_balance,
    }


def _claim(claim: Claim) -> dict[str, Any]:
    return {**claim._asdict(), "id": claim.request}


async def _rows(cursor: Cursor | None) -> list[Any]:
    return [] if cursor is None else await cursor.fetchall()


def secret_hash(secret: str) -> bytes:
    """Hash a secret of 256 random bits; no salt or stretching is needed at that length."""
    return hashlib.sha256(secret.encode()).digest()
