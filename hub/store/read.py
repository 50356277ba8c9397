"""Reading: what the doors may look up; nothing here changes money or locks a row."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from hub.core.change import Case, Transition
from hub.core.command import Transfer
from hub.core.instrument import Instrument
from hub.core.listing import Page, Sought
from hub.core.participant import Scheme
from hub.core.pricing.market import Market, Published
from hub.ledger.account import Account
from hub.ledger.journal import Entry
from routing.message import Resource
from routing.party import Identifier, Party


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """How a participant's software proves who it is. Secrets are 256 random bits; only their SHA-256 is kept."""

    client_id: str
    participant: str
    secret_hash: bytes
    api_key_hash: bytes = b""
    enabled: bool = True


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One write request: GSMA's request state hangs on it."""

    id: str
    caller: str
    correlation: str
    transfer: str
    created_ms: int


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known about one transfer."""

    transfer: Transfer
    transitions: list[Transition]
    entries: list[Entry]
    cases: list[Case]
    reversals: list[Transfer] = []  # what gives it back, or was to


class Reader(Protocol):
    """Look-ups. Ids are 32 hexadecimal digits; None: there is no such thing."""

    async def transfer(self, id_: str) -> Transfer | None:
        """Return a transfer as it stands."""

    async def listed(self, sought: Sought) -> Page:
        """Return a page of an account's transfers as they stand, the newest first."""

    async def request(self, id_: str) -> RequestRow | None:
        """Return a write request."""

    async def response(self, caller: str, correlation: str) -> RequestRow | None:
        """Return the write request that this caller sent with this correlation id."""

    async def credential(self, client_id: str) -> Credential | None:
        """Return a credential."""

    async def save_token(self, token_hash: bytes, client_id: str, expires_ms: int) -> None:
        """Keep an access token's hash; forget expired ones."""

    async def token(self, token_hash: bytes) -> Credential | None:
        """Return whose token it is; None when unknown, expired, or its credential is switched off."""

    async def scheme(self) -> Scheme:
        """Return the scheme in force."""

    async def overrides(self, party: Party) -> dict[Identifier, str]:
        """Return the directory overrides for a party's identifiers."""

    async def timeline(self, id_: str) -> Timeline | None:
        """Return everything known about a transfer."""

    async def accounts(self) -> list[Account]:
        """Return every ledger account."""

    async def open_cases(self, limit: int) -> list[Case]:
        """Return the operators' exception queue, the oldest first."""

    async def instruments(self, kind: Resource, reference: str) -> list[Instrument]:
        """Return what participants issued under this reference; several only of bills, which billers number alike."""

    async def issued_by(self, participant: str, kind: Resource, own: Sequence[str]) -> list[Instrument]:
        """Return what this participant issued under these names of its own."""

    async def quotation_of(self, quote: str) -> Instrument | None:
        """Return the quotation that has this quote; every quotation is looked through, so this is for operators."""

    async def rates(self) -> list[Published]:
        """Return the last rate of every FX provider in every direction."""

    async def market(self) -> Market:
        """Return the market as it stands, to be shown: what is decided on is loaded in its own batch."""

    async def rate_history(self, provider: str, source: str, target: str, limit: int) -> list[Published]:
        """Return what was published in this direction, the newest first."""

    async def alive(self) -> bool:
        """Say whether the database answers."""
