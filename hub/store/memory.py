"""The store in memory: the PostgreSQL store's twin for the simulation and for tests; nothing survives it.

Batches are strictly one after the other, so there is nothing to lock. `work` can be told to break, before
or after the commit, the way a database does.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from hub.core.change import Case, Closing, Decided, Outgoing, Transition, is_letter
from hub.core.command import Transfer
from hub.core.facts import Claim, Facts, Wanted
from hub.core.instrument import Instrument, Named
from hub.core.listing import Page, Sought
from hub.core.office.liquidity import caps_to_set, set_by_scheme
from hub.core.office.records import Change
from hub.core.participant import AccountKey, NoSchemeError, Scheme, SchemeFile, chart, check
from hub.core.pricing.limits import Tally
from hub.core.pricing.market import ExposureKey, Market, Published, RateKey
from hub.core.transfer import FINAL, State
from hub.ledger.account import Account
from hub.ledger.journal import GENESIS, Book, Entry, chained, digest
from hub.ledger.position import available
from hub.store import memory_listings
from hub.store.contract import CALLBACK_GRACE_MS, GRACE_MS, OutboxKey, Waiting
from hub.store.memory_records import MemoryRecords
from hub.store.memory_settlement import MemorySettlement, open_windows
from hub.store.read import Credential, RequestRow, Timeline
from routing.message import Operation, Resource
from routing.party import Identifier, Party


class _Outbox(msgspec.Struct):
    message: Outgoing
    due_ms: int
    attempts: int = 0
    parked: str = ""


class MemoryStore:
    """Everything in dictionaries."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        """Keep time by this clock."""
        self.now_ms = now_ms
        self.requests: dict[str, RequestRow] = {}
        self.transfers: dict[str, Transfer] = {}
        self.transitions: dict[tuple[str, int], Transition] = {}
        self.journals: list[list[Entry]] = []
        self.hashes: list[bytes] = []
        self.outbox: dict[OutboxKey, _Outbox] = {}
        self.cases: dict[tuple[str, int], Case] = {}
        self.closed: dict[tuple[str, int], Closing] = {}
        self.issued: dict[str, Instrument] = {}
        self.published: dict[RateKey, Published] = {}
        self.rate_log: list[Published] = []
        self.exposures: dict[ExposureKey, int] = {}
        self.counted: dict[str, Tally] = {}
        self.records = MemoryRecords(now_ms)
        self.ledger: dict[int, Account] = {}
        self.settlement = MemorySettlement(self.journals, self.ledger, self.records)
        self._numbers: dict[AccountKey, int] = {}
        self._scheme: Scheme | None = None
        self._credentials: dict[str, Credential] = {}
        self._tokens: dict[bytes, tuple[str, int]] = {}
        self._one_at_a_time = asyncio.Lock()
        self.break_before_commit: Callable[[], None] = lambda: None
        self.break_after_commit: Callable[[], None] = lambda: None

    def put_in_outbox(self, message: Outgoing) -> None:
        """Keep a message until it is sent; the sweep may take it when its own process has had its chance."""
        grace_ms = CALLBACK_GRACE_MS if is_letter(message.queue) else GRACE_MS
        self.outbox[message.transfer, message.seq, message.queue] = _Outbox(message, self.now_ms() + grace_ms)

    @asynccontextmanager
    async def work(self) -> AsyncIterator["MemoryWork"]:
        """Begin a batch."""
        async with self._one_at_a_time:
            yield MemoryWork(self)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def transfer(self, id_: str) -> Transfer | None:
        """Return a transfer as it stands."""
        return self.transfers.get(id_)

    async def listed(self, sought: Sought) -> Page:
        """Return a page of an account's transfers as they stand, the newest first."""
        return memory_listings.listed(self.transfers.values(), sought)

    async def request(self, id_: str) -> RequestRow | None:
        """Return a write request."""
        return self.requests.get(id_)

    async def response(self, caller: str, correlation: str) -> RequestRow | None:
        """Return the write request that this caller sent with this correlation id."""
        wanted = (caller, correlation.lower())
        every = (row for row in self.requests.values() if row.correlation)
        return next((row for row in every if (row.caller, row.correlation) == wanted), None)

    async def credential(self, client_id: str) -> Credential | None:
        """Return a credential."""
        return self._credentials.get(client_id)

    async def save_credential(self, credential: Credential) -> None:
        """Admit a participant's software, or change how it proves itself."""
        self._credentials[credential.client_id] = credential

    async def save_token(self, token_hash: bytes, client_id: str, expires_ms: int) -> None:
        """Keep an access token's hash."""
        self._tokens[token_hash] = (client_id, expires_ms)

    async def token(self, token_hash: bytes) -> Credential | None:
        """Return whose token it is; None when unknown, expired, or its credential is switched off."""
        client_id, expires_ms = self._tokens.get(token_hash, ("", 0))
        found = self._credentials.get(client_id)
        return found if found is not None and found.enabled and expires_ms > self.now_ms() else None

    async def scheme(self) -> Scheme:
        """Return the scheme in force."""
        if self._scheme is None:
            raise NoSchemeError
        return self._scheme

    async def apply_scheme(self, file: SchemeFile, by: str) -> int:
        """Put a scheme in force, while nobody could approve it; raises SchemeError where it contradicts itself."""
        check(file)
        async with self._one_at_a_time:
            return self.put_in_force(file, by)

    def put_in_force(self, file: SchemeFile, by: str) -> int:
        """Put a scheme in force, open accounts and windows, set caps; whoever calls it is alone."""
        version = 1 if self._scheme is None else self._scheme.version + 1
        self._set_caps(file, version, by)
        self._scheme = Scheme(version, file, self._numbers)
        height, now_ms = len(self.journals), self.now_ms()
        open_windows(self.records, file, version, by, height=height, now_ms=now_ms)
        return version

    def _set_caps(self, file: SchemeFile, version: int, by: str) -> None:
        """Open accounts, and set the caps that the file changes."""
        caps = caps_to_set(None if self._scheme is None else self._scheme.file, file)
        stands = {key: self.ledger[number].cap_minor for key, number in self._numbers.items()}
        for key, cap in sorted(chart(file).items()):
            participant, currency, kind = key
            number = self._numbers.setdefault(key, len(self._numbers) + 1)
            fresh = Account(id=number, kind=kind, participant=participant, currency=currency, cap_minor=cap)
            account = self.ledger.setdefault(number, fresh)
            account.cap_minor = caps.get(key, account.cap_minor)
        changes = set_by_scheme(stands, caps, version=version, by=by, now_ms=self.now_ms())
        self.records.write({Change.table: {each.id: each for each in changes}})

    async def overrides(self, party: Party) -> dict[Identifier, str]:
        """Return the directory overrides for a party's identifiers."""
        return self.overrides_of(party)

    def overrides_of(self, identifiers: Sequence[Identifier]) -> dict[Identifier, str]:
        """Return the directory overrides for these identifiers."""
        rows = () if self._scheme is None else self._scheme.file.override
        every = {Identifier(row.key, row.value): row.participant for row in rows}
        return {each: every[each] for each in identifiers if each in every}

    async def timeline(self, id_: str) -> Timeline | None:
        """Return everything known about a transfer."""
        if id_ not in self.transfers:
            return None
        return Timeline(
            transfer=self.transfers[id_],
            transitions=sorted((t for t in self.transitions.values() if t.transfer == id_), key=lambda t: t.seq),
            reversals=[each for each in self.transfers.values() if each.original == id_],
            entries=[entry for journal in self.journals for entry in journal if entry.posting.subject == id_],
            cases=[case for case in self.cases.values() if case.transfer == id_],
        )

    async def accounts(self) -> list[Account]:
        """Return every ledger account."""
        return [msgspec.structs.replace(self.ledger[id_]) for id_ in sorted(self.ledger)]

    async def open_cases(self, limit: int) -> list[Case]:
        """Return the operators' exception queue, the oldest first."""
        return [case for key, case in self.cases.items() if key not in self.closed][:limit]

    async def instruments(self, kind: Resource, reference: str) -> list[Instrument]:
        """Return what participants issued under this reference."""
        return self.instruments_named([Named(kind, reference)])

    async def issued_by(self, participant: str, kind: Resource, own: Sequence[str]) -> list[Instrument]:
        """Return what this participant issued under these names of its own."""
        every = [each for each in self.issued.values() if (each.participant, each.kind) == (participant, kind)]
        return self.instruments_named([each.name for each in every if each.own in own])

    async def quotation_of(self, quote: str) -> Instrument | None:
        """Return the quotation that has this quote."""
        every = (each.name for each in self.issued.values() if quote in {one.id for one in each.quotes})
        return next(iter(self.instruments_named([*every][:1])), None)

    def instruments_named(self, names: Sequence[Named]) -> list[Instrument]:
        """Return instruments, each with how the transfer that used it stands."""
        return [
            msgspec.structs.replace(each, used_state=self.transfers[each.used_by].state if each.used_by else None)
            for each in self.issued.values()
            if each.name in names
        ]

    async def remember(self, seen: Sequence[Instrument]) -> None:
        """Keep which participant has what was seen in an answer."""
        for each in seen:
            known = [old for old in self.issued.values() if old.name == each.name]
            mine = next((old for old in known if old.participant == each.participant), each)
            self.issued[mine.id] = msgspec.structs.replace(mine, terms=each.terms, updated_ms=each.updated_ms)

    async def rates(self) -> list[Published]:
        """Return the last rate of every FX provider in every direction."""
        return sorted(self.published.values(), key=lambda each: (each.source, each.target, each.provider))

    async def forget_expired(self) -> None:
        """Take away open quotes that have expired."""
        self.exposures = {key: minor for key, minor in self.exposures.items() if key[2] > self.now_ms()}

    async def market(self) -> Market:
        """Return the market as it stands."""
        return self.market_now()

    async def rate_history(self, provider: str, source: str, target: str, limit: int) -> list[Published]:
        """Return what was published in this direction, the newest first."""
        return [each for each in reversed(self.rate_log) if each.key == (provider, source, target)][:limit]

    def market_now(self) -> Market:
        """Return the market as it stands."""
        opened: dict[tuple[str, str], int] = {}
        for (provider, currency, until_ms), minor in self.exposures.items():
            if until_ms > self.now_ms():
                opened[provider, currency] = opened.get((provider, currency), 0) + minor
        sellers = {each.provider for each in self.published.values()}
        left = {
            (each.participant, each.currency): available(each)
            for each in self.ledger.values()
            if each.participant in sellers
        }
        return Market(rates=dict(self.published), open_minor=opened, available=left)

    async def alive(self) -> bool:
        """Say that it answers."""
        return True

    async def due(self, limit: int) -> list[str]:
        """Return transfers whose time has come, the longest overdue first."""
        now = self.now_ms()
        late = [each for each in self.transfers.values() if each.due_ms is not None and each.due_ms <= now]
        return [each.id for each in sorted(late, key=lambda each: each.due_ms or 0)[:limit]]

    async def waiting(self, limit: int) -> list[Waiting]:
        """Claim messages of the outbox that are due."""
        now = self.now_ms()
        rows = [row for row in self.outbox.values() if not row.parked and row.due_ms <= now][:limit]
        for row in rows:
            row.due_ms = now + CALLBACK_GRACE_MS
        return [Waiting(message=row.message, attempts=row.attempts) for row in rows]

    async def sent(self, keys: Sequence[OutboxKey]) -> None:
        """Take confirmed messages out of the outbox."""
        for key in keys:
            self.outbox.pop(key, None)

    async def postpone(self, key: OutboxKey, *, wait_ms: int, note: str) -> None:  # noqa: ARG002 - notes are for people
        """Try a message again later; counts the attempt."""
        if key in self.outbox:
            self.outbox[key].attempts += 1
            self.outbox[key].due_ms = self.now_ms() + wait_ms

    async def park(self, key: OutboxKey, note: str) -> None:
        """Stop trying, keep the message and say why."""
        if key in self.outbox:
            self.outbox[key].attempts += 1
            self.outbox[key].parked = note or "parked"


class MemoryWork:
    """One batch."""

    def __init__(self, store: MemoryStore) -> None:
        """Work on this store; nothing is written before `apply`."""
        self._store = store
        self._claims: list[Claim] = []

    async def load(self, wanted: Wanted) -> Facts:
        """Claim correlation ids and read what the batch needs."""
        store = self._store
        earlier: dict[str, str] = {}
        used = {(row.caller, row.correlation): row.transfer for row in store.requests.values() if row.correlation}
        for claim in wanted.claims:
            known = store.requests.get(claim.request)
            first = known.transfer if known else used.get((claim.caller, claim.correlation or ""))
            if first is not None:
                earlier[claim.request] = first
                continue
            self._claims.append(claim)
            if claim.correlation:
                used[claim.caller, claim.correlation] = claim.transfer
        wanted_ids = {*wanted.transfers, *wanted.originals}
        return Facts(
            now_ms=store.now_ms(),
            scheme=await store.scheme(),
            claimed=frozenset(claim.request for claim in self._claims),
            earlier=earlier,
            transfers={id_: store.transfers[id_] for id_ in wanted_ids if id_ in store.transfers},
            reversed_minor={id_: sum(each.minor for each in self._reversals(id_)) for id_ in wanted.originals},
            promised={id_: store.records.promised(id_, store.transfers) for id_ in wanted.originals},
            taken_back={
                id_: sum(each.money_of(Operation.DEBIT).minor for each in self._reversals(id_))
                for id_ in wanted.originals
            },
            instruments={each.name: each for each in store.instruments_named(wanted.instruments)},
            overrides=store.overrides_of(wanted.identifiers),
            market=store.market_now() if wanted.market else Market(),
            cases=[case for case in await store.open_cases(len(store.cases)) if case.transfer in wanted.cases],
            records=store.records.wanted(wanted.records),
        )

    def _reversals(self, original: str) -> list[Transfer]:
        undone = (State.ABORTED, State.REFUNDED)
        every = self._store.transfers.values()
        return [each for each in every if each.original == original and each.state not in undone]

    async def lock(self, accounts: Sequence[int]) -> Book:
        """Open the book on copies of the accounts."""
        return Book([msgspec.structs.replace(self._store.ledger[id_]) for id_ in accounts])

    async def tallies(self, wanted: Mapping[str, int]) -> dict[str, Tally]:
        """Read the tallies of limits."""
        return {key: self._store.counted.get(key, Tally()) for key in wanted}

    async def head(self) -> int:
        """Return the last journal's number."""
        return len(self._store.journals)

    async def apply(self, decided: Decided, book: Book, now_ms: int) -> None:
        """Write everything."""
        store = self._store
        store.break_before_commit()
        self._refuse_the_forbidden(decided)
        store.records.write(decided.records)
        given_up = set(decided.given_up)
        for claim in self._claims:
            if claim.request not in given_up:
                values: dict[str, Any] = claim._asdict() | {"id": claim.request, "correlation": claim.correlation or ""}
                values.pop("request")
                store.requests[claim.request] = RequestRow(created_ms=now_ms, **values)
        store.transfers.update(decided.added)
        store.transfers.update(decided.moved)
        store.transitions.update({(each.transfer, each.seq): each for each in decided.transitions})
        store.cases.update({(each.transfer, each.seq): each for each in decided.cases})
        store.closed.update({(each.transfer, each.seq): each for each in decided.closings})
        store.issued.update({each.id: each for each in decided.instruments.values()})
        for id_, transfer in decided.used.items():
            store.issued[id_] = msgspec.structs.replace(store.issued[id_], used_by=transfer)
        for change in decided.amendments.values():
            was = store.issued[change.id]
            store.issued[change.id] = msgspec.structs.replace(
                was, terms=was.terms | change.terms, updated_ms=change.updated_ms
            )
        store.rate_log.extend(decided.rates)
        store.published.update({each.key: each for each in decided.rates})
        for key, minor in decided.exposures.items():
            store.exposures[key] = store.exposures.get(key, 0) + minor
        for counting in decided.tallies.values():
            so_far = store.counted.get(counting.key, Tally())
            store.counted[counting.key] = Tally(so_far.minor + counting.minor, so_far.times + counting.times)
        for each in decided.outbox:
            store.put_in_outbox(each)
        if book.entries:
            store.journals.append(list(book.entries))
            store.hashes.append(chained(store.hashes[-1] if store.hashes else GENESIS, digest(book.entries)))
        store.ledger.update({id_: book.accounts[id_] for id_ in book.touched})
        if decided.scheme is not None:
            store.put_in_force(decided.scheme.file, decided.scheme.by)
        store.break_after_commit()

    def _refuse_the_forbidden(self, decided: Decided) -> None:
        """Refuse what PostgreSQL's constraints refuse."""
        store = self._store
        for each in decided.transitions:
            if (each.transfer, each.seq) in store.transitions:
                raise AssertionError(f"transition {each.seq} of {each.transfer} is written twice")
        for id_, transfer in decided.moved.items():
            before = store.transfers[id_].state
            if before in FINAL and transfer.state is not before:
                raise AssertionError(f"transfer {id_} is {before} and stays so")
        for transfer in (*decided.added.values(), *decided.moved.values()):
            if (transfer.state in FINAL) is not (transfer.due_ms is None):
                raise AssertionError(f"transfer {transfer.id} is {transfer.state} and due at {transfer.due_ms}")
