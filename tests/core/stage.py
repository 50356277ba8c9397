"""A small scheme, and a hub without store: batches are decided on facts that are kept in dictionaries."""

from collections.abc import Sequence
from typing import Any

import msgspec

from hub.core.change import Outgoing, Transition
from hub.core.command import Body, Done, Heard, Reason, Refusal, Result, Submit, Transfer
from hub.core.decide import Bench, accounts_of, planned, tallies_of
from hub.core.facts import Facts, gather
from hub.core.instrument import Instrument
from hub.core.meaning import connection_for, reference
from hub.core.office.records import Funds
from hub.core.participant import (
    DirectoryEntry,
    Limits,
    Participant,
    Role,
    Scheme,
    SchemeFile,
    Status,
    Terms,
    chart,
)
from hub.core.pricing.limits import Tally
from hub.core.pricing.market import ExposureKey, Market, Published, RateKey
from hub.core.record import Entering, Kept, Record, Selector
from hub.core.transfer import State
from hub.ledger.account import Account
from hub.ledger.journal import Book
from hub.ledger.position import available
from routing.message import Errand, FailureClass, Operation, Outcome, Resource, Verdict
from routing.message import Heard as Source
from routing.money import Money
from routing.party import Identifier, Party, party
from routing.table import Connection, Rail

ALPHA, BRAVO, CORAL = "+254700000001", "+254710000001", "+254720000001"
PORTED = "+254700000099"
START_MS = 1_800_000_000_000
RAIL = Rail(
    operations=tuple(Operation),
    resources=tuple(Resource),
    answer_within_s=30,
    ask_first_after_s=5,
    ask_spacing_s=10,
    ask_spacing_max_s=60,
    asks_max=4,
    resend_safe=True,
)


def fsp(id_: str, status: Status = Status.ACTIVE, cap: str = "1000") -> Participant:
    return Participant(
        id=id_,
        name=id_,
        role=Role.FSP,
        country="KE",
        currencies=("KES",),
        net_debit_cap={"KES": cap},
        status=status,
    )


def scheme_file(**status: Status) -> SchemeFile:
    names = ("alpha", "bravo", "coral")
    return SchemeFile(
        scheme=Terms(name="test", limits={"KES": Limits(min="1", max="900")}),
        participant=(
            *(fsp(name, status.get(name, Status.ACTIVE)) for name in names),
            Participant(id="third", name="third", role=Role.THIRD_PARTY, country="KE"),
        ),
        connection=tuple(
            Connection(name=f"{name}-1", participant=name, adapter="x", rail=RAIL, currencies=("KES",))
            for name in names[:2]
        ),
        directory=tuple(
            DirectoryEntry(key="msisdn", value=f"+2547{number}", participant=name) for number, name in enumerate(names)
        ),
        override=(DirectoryEntry(key="msisdn", value=PORTED, participant="bravo"),),
    )


def scheme(file: SchemeFile) -> Scheme:
    return Scheme(1, file, {key: number for number, key in enumerate(sorted(chart(file)), 1)})


def msisdn(number: str) -> Party:
    return party([("msisdn", number)])


def submit(
    number: int,
    *,
    caller: str = "alpha",
    payer: str = ALPHA,
    payee: str = BRAVO,
    amount: str | None = "10",
    currency: str = "KES",
    correlation: str = "",
    institution: str = "",
    original: str = "",
) -> Submit:
    body = Body(
        request=f"{number:032x}",
        correlation=correlation or f"correlation-{number}",
        callback_url="http://127.0.0.1/callbacks",
        payer=msisdn(payer) if payer else (),
        payee=msisdn(payee) if payee else (),
        type="transfer",
    )
    money = None if amount is None else Money.parse(amount, currency)
    return Submit(
        transfer=transfer_id(number),
        caller=caller,
        body=body,
        money=money,
        institution=institution,
        original=original,
    )


def errand(
    number: int,
    resource: Resource,
    terms: dict[str, Any] | None = None,
    *,
    caller: str = "alpha",
    account: str = BRAVO,
    reference: str = "",
    institution: str = "",
) -> Submit:
    """Ask the holder of an account to make something new, or, with a reference, to change what it has made."""
    there = msisdn(account) if account else ()
    told = Errand(
        resource=resource,
        account=there,
        reference=reference,
        change=bool(reference),
        body={} if terms is None else terms,
    )
    plain = submit(number, caller=caller, institution=institution)
    body = msgspec.structs.replace(plain.body, payer=(), payee=there, type=str(resource), errand=told)
    return msgspec.structs.replace(plain, body=body, money=None)


def transfer_id(number: int) -> str:
    return f"{number + 0xA000:032x}"


def outcome(
    transfer: Transfer,
    operation: Operation,
    verdict: Verdict,
    failure: FailureClass | None = None,
    *,
    asked_ms: int = 0,
    money: Money | None = None,
    resource: dict[str, Any] | None = None,
    own: str | None = None,
) -> Outcome:
    """Say what a provider says; of what it has made it names its own reference, unless `own` says otherwise."""
    made = f"own-{transfer.id[-4:]}" if (operation, verdict) == (Operation.ISSUE, Verdict.ACCEPTED) else ""
    return Outcome(
        transfer=transfer.id,
        operation=operation,
        connection=connection_for(transfer, operation),
        reference=reference(transfer.id, operation),
        verdict=verdict,
        heard=Source.CALLBACK,
        failure=failure,
        money=money,
        asked_ms=asked_ms,
        provider_reference=made if own is None else own,
        resource={} if resource is None else resource,
    )


def reason_of(result: Result) -> str:
    """Say why a submission came to nothing, at the door or after it was accepted; empty: it did not."""
    return result.reason


def refused(result: Result, reason: Reason) -> bool:
    """Say whether this was refused at the door, for this reason."""
    return isinstance(result, Refusal) and result.reason is reason


class Hub:
    """Decides batches and keeps what they come to."""

    def __init__(self, file: SchemeFile | None = None) -> None:
        self.scheme = scheme(file or scheme_file())
        caps = chart(self.scheme.file)
        self.accounts = {
            number: Account(id=number, kind=key[2], participant=key[0], currency=key[1], cap_minor=caps[key])
            for key, number in self.scheme.accounts.items()
        }
        self.transfers: dict[str, Transfer] = {}
        self.first: dict[tuple[str, str], str] = {}
        self.records: dict[type[Record], dict[str, Record]] = {}
        self.instruments: dict[str, Instrument] = {}
        self.tallies: dict[str, Tally] = {}
        self.rates: dict[RateKey, Published] = {}
        self.exposures: dict[ExposureKey, int] = {}
        self.told: list[Outgoing] = []
        self.trail: list[Transition] = []
        self.now_ms = START_MS
        self.said: list[tuple[str, str]] = []  # (queue, transfer)
        self.cases: list[tuple[str, str]] = []
        self.kept: list[msgspec.Struct] = []  # records of the office, as they were written

    def facts(self, commands: Sequence[Entering]) -> Facts:
        wanted = gather(commands)
        claimed: set[str] = set()
        earlier: dict[str, str] = {}
        for claim in wanted.claims:
            key = (claim.caller, claim.correlation or claim.request)
            if key not in self.first:
                self.first[key] = claim.transfer
                claimed.add(claim.request)
            elif claim.request not in claimed:
                earlier[claim.request] = self.first[key]
        overrides = {Identifier(each.key, each.value): each.participant for each in self.scheme.file.override}
        undone = (State.ABORTED, State.REFUNDED)
        return Facts(
            now_ms=self.now_ms,
            scheme=self.scheme,
            claimed=frozenset(claimed),
            earlier=earlier,
            transfers={
                id_: self.transfers[id_] for id_ in (*wanted.transfers, *wanted.originals) if id_ in self.transfers
            },
            reversed_minor={
                id_: sum(
                    each.minor for each in self.transfers.values() if each.original == id_ and each.state not in undone
                )
                for id_ in wanted.originals
            },
            taken_back={
                id_: sum(
                    each.money_of(Operation.DEBIT).minor
                    for each in self.transfers.values()
                    if each.original == id_ and each.state not in undone
                )
                for id_ in wanted.originals
            },
            instruments={each.name: each for each in self.instruments_now() if each.name in wanted.instruments},
            overrides={each: overrides[each] for each in wanted.identifiers if each in overrides},
            records=self.wanted(wanted.records),
            market=self.market() if wanted.market else Market(),
        )

    def wanted(self, selectors: Sequence[Selector]) -> Kept:
        found: dict[type[Record], dict[str, Record]] = {}
        for kind, column, value in selectors:
            here = self.records.get(kind, {}).values()
            found.setdefault(kind, {}).update({each.id: each for each in here if getattr(each, column) == value})
        return found

    @property
    def funded(self) -> set[str]:
        """What the settlement bank has booked."""
        return set(self.records.get(Funds, ()))

    def market(self) -> Market:
        opened: dict[tuple[str, str], int] = {}
        for (provider, currency, until_ms), minor in self.exposures.items():
            if until_ms > self.now_ms:
                opened[provider, currency] = opened.get((provider, currency), 0) + minor
        left = {
            (each.participant, each.currency): available(each)
            for each in self.accounts.values()
            if each.participant in self.scheme.fx_providers
        }
        return Market(rates=dict(self.rates), open_minor=opened, available=left)

    def instruments_now(self) -> list[Instrument]:
        """List the instruments, each with how the transfer that used it stands."""
        return [
            each
            if each.used_by is None
            else msgspec.structs.replace(each, used_state=self.transfers[each.used_by].state)
            for each in self.instruments.values()
        ]

    def batch(self, commands: Sequence[Entering]) -> list[Result]:
        facts = self.facts(commands)
        plans = planned(commands, facts)
        book = Book(msgspec.structs.replace(self.accounts[id_]) for id_ in accounts_of(commands, plans, facts))
        tallies = {key: self.tallies.get(key, Tally()) for key in tallies_of(plans, facts)}
        decided = Bench(facts, book, tallies).decide(commands, plans)
        for counting in decided.tallies.values():
            so_far = self.tallies.get(counting.key, Tally())
            self.tallies[counting.key] = Tally(so_far.minor + counting.minor, so_far.times + counting.times)
        self.rates |= {each.key: each for each in decided.rates}
        for key, minor in decided.exposures.items():
            self.exposures[key] = self.exposures.get(key, 0) + minor
        self.transfers |= decided.added
        self.transfers |= decided.moved
        self.accounts |= {id_: book.accounts[id_] for id_ in book.touched}
        for written in decided.records.values():
            for each in written.values():
                if isinstance(each, Record):
                    self.records.setdefault(type(each), {})[each.id] = each
        self.instruments |= decided.instruments
        for id_, by in decided.used.items():
            self.instruments[id_] = msgspec.structs.replace(self.instruments[id_], used_by=by)
        for change in decided.amendments.values():
            was = self.instruments[change.id]
            self.instruments[change.id] = msgspec.structs.replace(
                was, terms=was.terms | change.terms, updated_ms=change.updated_ms
            )
        given_up = set(decided.given_up)
        for command in commands:
            if isinstance(command, Submit) and command.body.request in given_up:
                self.first.pop((command.caller, command.body.correlation.lower()), None)
        self.kept += [each for written in decided.records.values() for each in written.values()]
        self.told += decided.outbox
        self.trail += decided.transitions
        self.said += [(each.queue, each.transfer) for each in decided.outbox]
        self.cases += [(str(each.kind), each.transfer) for each in decided.cases]
        return decided.results

    def one(self, command: Entering) -> Result:
        return self.batch([command])[0]

    def begun(self, command: Submit) -> Transfer:
        """Carry out a submission that must succeed."""
        result = self.one(command)
        assert isinstance(result, Done), result
        return self.transfers[result.transfer]

    def hear(self, transfer: Transfer, operation: Operation, verdict: Verdict, **more: object) -> Transfer:
        said = outcome(transfer, operation, verdict, **more)  # type: ignore[arg-type]
        result = self.one(Heard(outcome=said))
        assert not isinstance(result, Refusal), result
        return self.transfers[transfer.id]
