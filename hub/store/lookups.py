"""Looking up and keeping house on PostgreSQL: reads for the doors, the outbox, schemes and credentials.

Nothing here posts to the ledger or moves a transfer. Each call is one short database transaction.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from psycopg_pool import AsyncConnectionPool

from hub.core.change import Case, Outgoing, Transition
from hub.core.command import Transfer
from hub.core.instrument import Instrument
from hub.core.listing import Page, Sought
from hub.core.participant import NoSchemeError, Scheme, SchemeFile, check
from hub.core.pricing.market import Market, Published
from hub.ledger.account import Account, Kind
from hub.ledger.journal import Entry, Phase, Posting
from hub.store import listings, market, statements
from hub.store.contract import OutboxKey, UnavailableError, Waiting
from hub.store.pooled import Connection, Pooled
from hub.store.read import Credential, RequestRow, Timeline
from hub.store.schemes import LOCK_SCHEME, now_ms, put_in_force
from hub.store.settlement import LOCK_WINDOWS
from routing.message import Resource
from routing.party import Identifier, Party

_transfer: Final = msgspec.json.Decoder(Transfer).decode
_transfers: Final = msgspec.json.Decoder(list[Transfer]).decode
_transitions: Final = msgspec.json.Decoder(list[Transition]).decode
cases_in: Final = msgspec.json.Decoder(list[Case]).decode
_accounts: Final = msgspec.json.Decoder(list[Account]).decode
_instruments: Final = msgspec.json.Decoder(list[Instrument]).decode
_scheme_file: Final = msgspec.json.Decoder(SchemeFile).decode

_CREDENTIAL: Final = "c.client_id, c.participant, c.secret_hash, c.api_key_hash, c.enabled"


class LookUps(Pooled):
    """What the PostgreSQL store does beside batches."""

    def __init__(self, readers: AsyncConnectionPool[Connection]) -> None:
        """Use this pool."""
        super().__init__(readers)
        self._scheme: Scheme | None = None

    async def _one(self, statement: str, *parameters: Any) -> Any:
        rows = await self._rows(statement, *parameters)
        return rows[0] if rows else None

    async def transfer(self, id_: str) -> Transfer | None:
        """Return a transfer as it stands."""
        row = await self._one(statements.TRANSFER, id_)
        return None if row is None else _transfer(row[0])

    async def listed(self, sought: Sought) -> Page:
        """Return a page of an account's transfers as they stand, the newest first."""
        statement, parameters = listings.question(sought)
        async with self._connected() as connection:
            return listings.page(await (await connection.execute(statement, parameters)).fetchall())

    async def request(self, id_: str) -> RequestRow | None:
        """Return a write request."""
        return _request(await self._one(statements.REQUEST, id_))

    async def response(self, caller: str, correlation: str) -> RequestRow | None:
        """Return the write request that this caller sent with this correlation id."""
        return _request(await self._one(statements.RESPONSE, caller, correlation.lower()))

    async def credential(self, client_id: str) -> Credential | None:
        """Return a credential."""
        row = await self._one(f"SELECT {_CREDENTIAL} FROM credential AS c WHERE c.client_id = %s", client_id)
        return _credential(row)

    async def save_token(self, token_hash: bytes, client_id: str, expires_ms: int) -> None:
        """Keep an access token's hash; forget expired ones."""
        async with self._connected() as connection, connection.pipeline():
            await connection.execute(f"DELETE FROM token WHERE expires_ms < {statements.NOW_MS}")
            await connection.execute("INSERT INTO token VALUES (%s, %s, %s)", (token_hash, client_id, expires_ms))

    async def token(self, token_hash: bytes) -> Credential | None:
        """Return whose token it is; None when unknown, expired, or its credential is switched off."""
        return _credential(
            await self._one(
                f"SELECT {_CREDENTIAL} FROM token AS t JOIN credential AS c USING (client_id) "
                f"WHERE t.hash = %s AND t.expires_ms > {statements.NOW_MS} AND c.enabled",
                token_hash,
            )
        )

    async def save_credential(self, credential: Credential) -> None:
        """Admit a participant's software, or change how it proves itself."""
        await self._run(
            "INSERT INTO credential VALUES (%s, %s, %s, %s, %s) ON CONFLICT (client_id) DO UPDATE SET "
            "participant = excluded.participant, secret_hash = excluded.secret_hash, "
            "api_key_hash = excluded.api_key_hash, enabled = excluded.enabled",
            *msgspec.structs.astuple(credential),
        )

    async def scheme(self) -> Scheme:
        """Return the scheme in force."""
        async with self._connected() as connection:
            version = await (await connection.execute("SELECT max(version) FROM scheme")).fetchall()
            if self._scheme is None or self._scheme.version != version[0][0]:
                self._scheme = await self._read_scheme(connection)
            return self._scheme

    async def _read_scheme(self, connection: Connection) -> Scheme:
        rows = await (await connection.execute(statements.SCHEME)).fetchall()
        if not rows:
            raise NoSchemeError
        accounts = await (await connection.execute("SELECT participant, currency, kind, id FROM account")).fetchall()
        numbers = {(participant, currency, Kind(kind)): id_ for participant, currency, kind, id_ in accounts}
        return Scheme(rows[0][0], _scheme_file(rows[0][1]), numbers)

    async def apply_scheme(self, file: SchemeFile, by: str) -> int:
        """Put a scheme in force in one commit, while nobody could approve it; returns its version.

        Opens accounts and windows, sets caps. Raises SchemeError where it contradicts itself.
        """
        check(file)
        async with self._connected() as connection, connection.transaction(), connection.cursor() as cursor:
            await cursor.execute(LOCK_SCHEME)
            await cursor.execute(LOCK_WINDOWS)
            return await put_in_force(cursor, file, by, await now_ms(cursor))

    async def overrides(self, party: Party) -> dict[Identifier, str]:
        """Return the directory overrides for a party's identifiers."""
        rows = [{"key": each.key, "value": each.value} for each in party]
        found = await self._rows(statements.OVERRIDES, msgspec.json.encode(rows).decode())
        return {Identifier(key, value): participant for key, value, participant in found}

    async def timeline(self, id_: str) -> Timeline | None:
        """Return everything known about a transfer."""
        transfer = await self.transfer(id_)
        if transfer is None:
            return None
        entries = [
            Entry(Posting(subject, debit, credit, minor, Phase(phase)), *balances)
            for subject, debit, credit, minor, phase, *balances in await self._rows(statements.ENTRIES_OF, id_)
        ]
        return Timeline(
            transfer=transfer,
            transitions=_transitions((await self._one(statements.TIMELINE, id_))[0]),
            entries=entries,
            reversals=_transfers((await self._one(statements.REVERSALS, id_))[0]),
            cases=cases_in((await self._one(statements.CASES_OF, id_))[0]),
        )

    async def accounts(self) -> list[Account]:
        """Return every ledger account."""
        return _accounts((await self._one(statements.ALL_ACCOUNTS))[0])

    async def open_cases(self, limit: int) -> list[Case]:
        """Return the operators' exception queue, the oldest first."""
        return cases_in((await self._one(statements.CASES_OPEN, limit))[0])

    async def instruments(self, kind: Resource, reference: str) -> list[Instrument]:
        """Return what participants issued under this reference."""
        return _instruments((await self._one(statements.INSTRUMENTS_NAMED, kind, reference))[0])

    async def issued_by(self, participant: str, kind: Resource, own: Sequence[str]) -> list[Instrument]:
        """Return what this participant issued under these names of its own."""
        if not own:
            return []
        return _instruments((await self._one(statements.INSTRUMENTS_OWN, participant, kind, list(own)))[0])

    async def quotation_of(self, quote: str) -> Instrument | None:
        """Return the quotation that has this quote."""
        wanted = msgspec.json.encode([{"id": quote}]).decode()
        found = _instruments((await self._one(statements.QUOTATION_OF, wanted))[0])
        return found[0] if found else None

    async def remember(self, seen: Sequence[Instrument]) -> None:
        """Keep which participant has what was seen in an answer."""
        await self._run(statements.REMEMBER, msgspec.json.encode(seen).decode())

    async def rates(self) -> list[Published]:
        """Return the last rate of every FX provider in every direction."""
        return market.published_in((await self._one(market.RATES))[0])

    async def market(self) -> Market:
        """Return the market as it stands."""
        return market.market_in((await self._one(market.MARKET))[0])

    async def rate_history(self, provider: str, source: str, target: str, limit: int) -> list[Published]:
        """Return what was published in this direction, the newest first."""
        return market.published_in((await self._one(market.HISTORY, provider, source, target, limit))[0])

    async def forget_expired(self) -> None:
        """Take away open quotes that have expired and tallies whose period is over."""
        await self._run(market.FORGET)

    async def alive(self) -> bool:
        """Say whether the database answers."""
        try:
            await self._one("SELECT 1")
        except UnavailableError:
            return False
        return True

    async def due(self, limit: int) -> list[str]:
        """Return transfers whose time has come, the longest overdue first."""
        return [row[0] for row in await self._rows(statements.DUE, limit)]

    async def waiting(self, limit: int) -> list[Waiting]:
        """Claim messages of the outbox that are due: nobody else gets them for a while."""
        return [
            Waiting(
                message=Outgoing(transfer=transfer, seq=seq, queue=queue, body=msgspec.Raw(body.encode())),
                attempts=attempts,
            )
            for transfer, seq, queue, body, attempts in await self._rows(statements.WAITING, limit)
        ]

    async def sent(self, keys: Sequence[OutboxKey]) -> None:
        """Take confirmed messages out of the outbox."""
        transfers, numbers, queues = ([key[part] for key in keys] for part in range(3))
        await self._run(statements.SENT, transfers, numbers, queues)

    async def postpone(self, key: OutboxKey, *, wait_ms: int, note: str) -> None:
        """Try a message again later; counts the attempt."""
        await self._run(statements.POSTPONE, wait_ms, note, *key)

    async def park(self, key: OutboxKey, note: str) -> None:
        """Stop trying, keep the message and say why: an operator sees it."""
        await self._run(statements.PARK, note, *key)


def _request(row: Any) -> RequestRow | None:
    if row is None:
        return None
    id_, caller, correlation, transfer, created_ms = row
    return RequestRow(id=id_, caller=caller, correlation=correlation, transfer=transfer, created_ms=created_ms)


def _credential(row: Any) -> Credential | None:
    if row is None:
        return None
    client_id, participant, secret, api_key, enabled = row
    return Credential(
        client_id=client_id, participant=participant, secret_hash=secret, api_key_hash=api_key, enabled=enabled
    )
