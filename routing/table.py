"""Where things go: party -> participant -> connection, each answer with its reasons; pure look-ups, no I/O.

The directory says which participant holds a party's account: an override (a ported number), then an
identifier that names the institution, then the longest prefix. The rails say over which connection a
participant is reached. Every answer carries the reasons that are stored with the transfer and shown.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from routing.message import Kind, Operation, Resource
from routing.money import Money
from routing.party import Identifier, Party

# Identifiers that name an institution by themselves, and how much of the value to compare.
INSTITUTION_KEYS: Final = ("swiftbic", "lei", "organisationid", "serviceprovider", "sortcode", "bankname")
PREFIX_KEYS: Final = ("iban", "msisdn", "bankaccountno", "accountid", "walletid")


class Rail(msgspec.Struct, frozen=True, kw_only=True):
    """How a connection behaves: what it can do, and how to find out what became of an instruction.

    From the adapter's manifest, overridden by the scheme file. Times are seconds.
    """

    operations: tuple[Operation, ...] = (Operation.CREDIT,)
    questions: tuple[Kind, ...] = ()
    resources: tuple[Resource, ...] = ()  # what can be made and changed here; BILL_PAYMENT: bills can be paid
    answer_within_s: int = 30  # silence longer than this is asked about
    ask_first_after_s: int = 5  # after an explicit "unknown", wait this long before asking
    ask_spacing_s: int = 10  # between two inquiries about one operation; doubled each time, up to ask_spacing_max_s
    ask_spacing_max_s: int = 600
    asks_max: int = 20  # then an operator is told; the operation stays in doubt
    resend_safe: bool = False  # the provider recognises a reference it has seen, so the same may be sent again


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One way to reach a participant: an adapter with its own address, credentials and limits."""

    name: str
    participant: str
    adapter: str
    rail: Rail
    currencies: tuple[str, ...]
    priority: int = 100  # the lowest number is tried first
    enabled: bool = True
    amount_min_minor: int = 1
    amount_max_minor: int | None = None
    base_url: str = ""
    settings: dict[str, str] = {}
    secrets: dict[str, str] = {}  # where each secret is found ("env:NAME", "file:PATH"), never the secret itself


class Resolved(NamedTuple):
    """A participant found for a party, or None, and why."""

    participant: str | None
    reasons: tuple[str, ...]


class Routed(NamedTuple):
    """A connection chosen for a participant, or None, and why."""

    connection: Connection | None
    reasons: tuple[str, ...]


class Directory:
    """Party -> participant. Built once from a scheme, then read only."""

    def __init__(self, entries: Sequence[tuple[str, str, str]]) -> None:
        """Take (identifier key, value or prefix, participant) rows; longer prefixes win."""
        self._exact: dict[tuple[str, str], str] = {}
        self._prefixes: dict[str, dict[str, str]] = {}
        for key, value, participant in entries:
            if key in PREFIX_KEYS:
                self._prefixes.setdefault(key, {})[value] = participant
            else:
                self._exact[key, value] = participant
        self._lengths = {
            key: sorted({len(prefix) for prefix in table}, reverse=True) for key, table in self._prefixes.items()
        }

    def resolve(self, party: Party, overrides: Mapping[Identifier, str]) -> Resolved:
        """Find the participant that holds the party's account; `overrides` are the rows loaded for it."""
        for identifier in party:
            if identifier in overrides:
                found = overrides[identifier]
                return Resolved(found, (f"override: {identifier} is at {found}",))
        for key in INSTITUTION_KEYS:
            for identifier in party:
                if identifier.key == key and (key, identifier.value) in self._exact:
                    found = self._exact[key, identifier.value]
                    return Resolved(found, (f"institution: {key} {identifier.value} is {found}",))
        for key in PREFIX_KEYS:
            for identifier in party:
                if identifier.key == key:
                    match = self._longest(key, identifier.value)
                    if match is not None:
                        return Resolved(match[1], (f"prefix: {key} {match[0]}... belongs to {match[1]}",))
        kinds = ", ".join(identifier.key for identifier in party)
        return Resolved(None, (f"no override, institution or prefix matches ({kinds})",))

    def _longest(self, key: str, value: str) -> tuple[str, str] | None:
        table = self._prefixes.get(key)
        if table is None:
            return None
        for length in self._lengths[key]:
            participant = table.get(value[:length])
            if participant is not None:
                return value[:length], participant
        return None


class Rails:
    """Participant -> connection. Built once from a scheme, then read only."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        """Take every connection of the scheme."""
        self.by_name: dict[str, Connection] = {connection.name: connection for connection in connections}
        self._by_participant: dict[str, list[Connection]] = {}
        for connection in sorted(connections, key=lambda each: (each.priority, each.name)):
            self._by_participant.setdefault(connection.participant, []).append(connection)

    def choose(self, participant: str, operations: Sequence[Operation], money: Money) -> Routed:
        """Choose the first connection, in order of priority, that can do all the operations with this money."""
        reasons: list[str] = []
        for connection in self._by_participant.get(participant, ()):
            obstacle = _obstacle(connection, operations, money)
            if obstacle is None:
                reasons.append(f"{connection.name}: chosen, priority {connection.priority}")
                return Routed(connection, tuple(reasons))
            reasons.append(f"{connection.name}: passed over, {obstacle}")
        return Routed(None, tuple(reasons) or (f"{participant} has no connection",))

    def to_ask(self, participant: str, kind: Kind) -> Routed:
        """Choose the first connection of the participant that answers this kind of question."""
        return self._first(participant, f"it does not answer {kind}", lambda rail: kind in rail.questions)

    def to_issue(self, participant: str, resource: Resource) -> Routed:
        """Choose the first connection of the participant over which this can be made, changed or paid."""
        return self._first(participant, f"it has no {resource}", lambda rail: resource in rail.resources)

    def _first(self, participant: str, obstacle: str, can: Callable[[Rail], bool]) -> Routed:
        reasons: list[str] = []
        for connection in self._by_participant.get(participant, ()):
            if connection.enabled and can(connection.rail):
                return Routed(connection, (*reasons, f"{connection.name}: chosen"))
            reasons.append(f"{connection.name}: passed over, {obstacle}")
        return Routed(None, tuple(reasons) or (f"{participant} has no connection",))


def _obstacle(connection: Connection, operations: Sequence[Operation], money: Money) -> str | None:
    if not connection.enabled:
        return "it is switched off"
    missing = [operation for operation in operations if operation not in connection.rail.operations]
    if missing:
        return f"it cannot {' or '.join(missing)}"
    if money.currency not in connection.currencies:
        return f"it does not carry {money.currency}"
    if money.minor < connection.amount_min_minor:
        return "the amount is under its minimum"
    if connection.amount_max_minor is not None and money.minor > connection.amount_max_minor:
        return "the amount is over its maximum"
    return None
