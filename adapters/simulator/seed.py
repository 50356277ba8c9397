"""What a simulated provider has at the beginning: read from TOML or JSON, and refused whole where a key is unknown."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from adapters.simulator.bills import Bill, Company
from adapters.simulator.book import Account, Book
from adapters.simulator.instruments import INSTRUMENTS, Code, Link, Mandate
from adapters.simulator.kept import Resource, Use
from adapters.simulator.order import Direction, Entry, Kind, Order, Write
from adapters.simulator.quotes import Rate
from adapters.simulator.rules import Fate, Refusal, Rule
from adapters.simulator.shelf import TYPES
from adapters.simulator.words import now_ms, pairs, time_ms
from routing.money import Money


class Sown(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """A table whose keys are all known."""


class Heartbeat(Sown, frozen=True, kw_only=True):
    """What is said of the provider as a whole."""

    service_status: Literal["available", "degraded", "unavailable"] = "available"
    delay: int | None = None  # milliseconds
    planned_restoration_time: str = ""

    def shown(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return {"serviceStatus": self.service_status} | fields


class Identity(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who holds an account, and how well that is known."""

    identity_kyc: dict[str, Any] = {}
    identity_id: str = ""
    identity_type: str = "individual"
    identity_status: str = ""
    account_relationship: str = "accountholder"
    kyc_verification_status: Literal["verified", "unverified", "rejected"] = "unverified"
    kyc_verification_entity: str = ""
    kyc_level: int | None = None
    custom_data: list[Any] = []


class SownIdentity(Identity, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, where every key is known."""


class SownAccount(Sown, frozen=True, kw_only=True):
    """An account. Where `balances` are given it holds no other currency."""

    account: str  # "msisdn@+254700111222"
    aliases: list[str] = []
    name: str = ""
    account_status: Literal["available", "unavailable", "unregistered"] = "available"
    account_sub_status: str = ""
    account_type: str = ""
    balances: dict[str, str] | None = None
    identity: list[SownIdentity] = []
    asks_customer: bool = False
    tokens: list[str] = []


class SownBill(Bill, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bill and whose it is."""

    account: str
    paid: str = ""


class SownMandate(Mandate, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mandate, whose it is, and the days on which payments were taken."""

    account: str
    taken: list[str] = []


class SownLink(Link, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link and whose it is."""

    account: str


class SownCode(Code, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A code and whose it is."""

    account: str


class SownCompany(Company, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A company that sends bills."""


class SownTransaction(Sown, frozen=True, kw_only=True):
    """A transaction of an account's history; it changes no balance and no total."""

    account: str
    direction: Direction
    amount: str
    currency: str
    creation_date: str
    type: str = "transfer"
    other: str = ""  # "organisationid@SHOP1"
    transaction_status: Literal["completed", "failed"] = "completed"
    description_text: str = ""

    def __post_init__(self) -> None:
        """Refuse an amount or a time that is none."""
        Money.parse(self.amount, self.currency)
        time_ms(self.creation_date)


class Seed(Sown, frozen=True, kw_only=True):
    """The content of one provider."""

    closed: bool = False  # nobody else has an account here
    heartbeat: Heartbeat | None = None
    account: list[SownAccount] = []
    billcompany: list[SownCompany] = []
    bill: list[SownBill] = []
    debitmandate: list[SownMandate] = []
    link: list[SownLink] = []
    authorisationcode: list[SownCode] = []
    rate: list[Rate] = []
    transaction: list[SownTransaction] = []
    rule: list[Rule] = []

    def __post_init__(self) -> None:
        """Refuse balances, days and identifiers that are none."""
        for account in self.account:
            _balances(account)
            if not all(all(each.partition("@")) for each in (account.account, *account.aliases)):
                raise ValueError(f"an account is named as 'msisdn@+254700111222', not {account.account!r}")
        for bill in self.bill:
            Money.parse(bill.paid or "0", bill.currency)
        for mandate in self.debitmandate:
            _ = [time_ms(each) for each in mandate.taken]
        named = [(INSTRUMENTS[kind][1], each) for kind, table in self._instruments() for each in table]
        for field, each in named:
            if not msgspec.to_builtins(each).get(field):
                raise ValueError(f"{field} is missing")

    def _instruments(self) -> list[tuple[Kind, Sequence[Resource]]]:
        return [(Kind.MANDATE, self.debitmandate), (Kind.LINK, self.link), (Kind.CODE, self.authorisationcode)]


def read_seeds(path: Path) -> dict[str, Seed]:
    """Read a TOML file that has a table for each provider; raises msgspec.ValidationError, tomllib.TOMLDecodeError."""
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), dict[str, Seed])


def sow(seed: Seed, book: Book) -> None:
    """Put everything in its place."""
    book.closed = seed.closed or book.closed
    for account in seed.account:
        book.register(_account(account, book.opening))
    book.shelf.companies |= {each.service_provider: each for each in seed.billcompany}
    if seed.rate:
        book.exchange.sell([*book.exchange.rates.values(), *seed.rate], now_ms())
    for bill in seed.bill:
        paid = Money.parse(bill.paid or "0", bill.currency).minor
        _keep(book, Kind.BILL, bill, [Use(now_ms(), paid)] if paid else [])
    for mandate in seed.debitmandate:
        _keep(book, Kind.MANDATE, mandate, [Use(time_ms(each), 0) for each in mandate.taken])
    for link in seed.link:
        _keep(book, Kind.LINK, link)
    for code in seed.authorisationcode:
        _keep(book, Kind.CODE, code)
    for transaction in seed.transaction:
        book.enter(_past(transaction, len(book.entries), book))


_STATES: Final = {Kind.MANDATE: "mandateStatus", Kind.LINK: "status", Kind.CODE: "codeState"}


def begun(kind: Kind, fields: dict[str, Any]) -> dict[str, Any]:
    """Return a new instrument's fields, active unless something else is said."""
    state = _STATES[kind]
    return fields | {state: fields.get(state) or "active"}


def identities(given: Sequence[Identity], of: str) -> dict[str, dict[str, Any]]:
    """Return identities by their ids, which they get here if they have none."""
    named = [(each.identity_id or f"{of}-{number}", each) for number, each in enumerate(given, 1)]
    return {name: identity_fields(each) | {"identityId": name} for name, each in named}


def identity_fields(identity: Identity) -> dict[str, Any]:
    """Return what is known of an identity, in the API's form."""
    return {name: value for name, value in msgspec.to_builtins(identity).items() if value not in ("", None, [])}


def _balances(account: SownAccount) -> dict[str, int]:
    given = account.balances or {}
    return {currency: Money.parse(amount, currency).minor for currency, amount in given.items()}


def _account(sown: SownAccount, opening: int) -> Account:
    return Account(
        name=sown.name or f"Customer {sown.account[-4:]}",
        status=sown.account_status,
        sub_status=sown.account_sub_status,
        type=sown.account_type,
        balances=_balances(sown),
        opening=0 if sown.balances is not None else opening,
        registered=True,
        identifiers=[sown.account, *sown.aliases],
        identities=identities(sown.identity, sown.account.partition("@")[2]),
        asks=sown.asks_customer,
        tokens=sown.tokens,
        at_ms=now_ms(),
    )


def _keep(book: Book, kind: Kind, sown: Resource, uses: list[Use] | None = None) -> None:
    fields = msgspec.to_builtins(sown)
    account = book.named([fields["account"]])
    known = {field.encode_name for field in msgspec.structs.fields(TYPES[kind])}
    kept = {name: value for name, value in fields.items() if name in known}
    named = INSTRUMENTS[kind][1] if kind in INSTRUMENTS else "billReference"
    kept = begun(kind, kept) if kind in _STATES else kept
    book.shelf.write(Write(kind=kind, reference=kept[named], fields=kept), account, now_ms(), uses or [])


def _past(sown: SownTransaction, number: int, book: Book) -> Entry:
    account = book.named([sown.account])
    ours, other = pairs([account]), pairs([sown.other or "organisationid@elsewhere"])
    sides = (other, ours) if sown.direction is Direction.CREDIT else (ours, other)
    details = {"type": sown.type, "debitParty": sides[0], "creditParty": sides[1]}
    order = Order(
        reference=f"past-{number}",
        direction=sown.direction,
        account=account,
        money=Money.parse(sown.amount, sown.currency),
        type=sown.type,
        details=details | ({"descriptionText": sown.description_text} if sown.description_text else {}),
    )
    refusal = Refusal.DECLINED if sown.transaction_status == "failed" else None
    at_ms = time_ms(sown.creation_date)
    return Entry(number=number, order=order, fate=Fate.ACCEPTED, at_ms=at_ms, refusal=refusal, past=True)
