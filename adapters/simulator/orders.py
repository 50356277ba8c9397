"""Reads orders out of the GSMA API's requests; it decides nothing but whether a request can be read."""

import re
import secrets
import uuid
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec
from aiohttp import web

from adapters.simulator.bills import Payment
from adapters.simulator.instruments import INSTRUMENTS
from adapters.simulator.kept import Pair
from adapters.simulator.order import Direction, Entry, Kind, Order, Write
from adapters.simulator.provider import Provider
from adapters.simulator.quotes import Quotation, quoted
from adapters.simulator.rules import Refusal
from adapters.simulator.seed import Identity, begun, identities, identity_fields
from adapters.simulator.shelf import TYPES
from adapters.simulator.words import FORMAT, MANDATORY, NOT_FOUND, REFUSALS, ApiError, now_ms, pairs
from routing.money import Money

# With both parties named, the type says whose account is here.
_DEBITS: Final = frozenset({"merchantpay", "billpay", "withdrawal"})
# Whose account it is is known here, by the name of what allows to use it.
_ALLOWED_BY: Final = {"mandatereference": Kind.MANDATE, "linkref": Kind.LINK}
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_CHANGES_MAX: Final = 10
CHANGEABLE: Final = {
    Kind.ACCOUNT: {"accountStatus", "accountSubStatus"},
    Kind.IDENTITY: {"identityStatus", "kycVerificationStatus", "kycVerificationEntity", "kycLevel"},
    Kind.TRANSACTION: {"transactionStatus"},
    Kind.MANDATE: {"mandateStatus", "startDate", "endDate", "frequencyType", "numberOfPayments"},
    Kind.LINK: {"mode", "status"},
    Kind.CODE: {"codeState"},
    Kind.BATCH: {"batchStatus"},
}
# These change in one way only.
_ONLY_TO: Final = {Kind.CODE: "cancelled", Kind.BATCH: "approved"}

T_ = TypeVar("T_")


class Posted(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of a transaction or a reversal; amount and currency are optional in the latter."""

    amount: str | None = None
    currency: str | None = None
    type: str = ""
    credit_party: list[Pair] = []
    debit_party: list[Pair] = []
    requesting_organisation_transaction_reference: str = ""
    one_time_code: str = ""
    description_text: str = ""
    international_transfer_information: dict[str, Any] = {}


class Change(msgspec.Struct, frozen=True):
    """One line of a PATCH."""

    op: Literal["replace", "add"]
    path: str
    value: str | int


class NewAccount(msgspec.Struct, frozen=True, rename="camel"):
    """What is read of an account that is to be."""

    identity: list[Identity]
    account_identifiers: list[Pair] = []
    account_type: str = ""


class AccountStatus(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What can be changed of an account."""

    account_status: Literal["available", "unavailable", "unregistered", ""] = ""
    account_sub_status: str = ""


class TransactionStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What can be changed of a transaction that waits."""

    transaction_status: Literal["completed", "failed"]


_CHANGED: Final[dict[Kind, type[msgspec.Struct]]] = {
    **TYPES,
    Kind.ACCOUNT: AccountStatus,
    Kind.IDENTITY: Identity,
    Kind.TRANSACTION: TransactionStatus,
}


def read(body: bytes, type_: type[T_]) -> T_:
    """Read a body; raises ApiError for what is missing in it and msgspec.DecodeError for what is wrong."""
    try:
        return msgspec.json.decode(body, type=type_, strict=False)
    except msgspec.ValidationError as error:
        if "missing required field" in str(error):
            raise ApiError(*MANDATORY) from error
        raise


class Orders:
    """The reader of one provider."""

    def __init__(self, provider: Provider) -> None:
        """Read for a provider."""
        self._provider = provider
        self._book = provider.book

    def own(self, entry: Entry) -> str:
        """Return what we call an entry."""
        return f"{self._provider.settings.name}-{entry.number:09d}"

    def named(self, own: str) -> Entry | None:
        """Return the entry that we call so."""
        name, _, number = own.rpartition("-")
        return self.at(number, 10) if name == self._provider.settings.name else None

    def at(self, digits: str, base: int) -> Entry | None:
        """Return the entry of a number."""
        try:
            number = int(digits, base)
        except ValueError:
            return None
        return self._book.entries[number] if 0 <= number < len(self._book.entries) else None

    async def transaction(self, request: web.Request, type_: str = "") -> Order:
        """Read a transaction; without a type in the path it is in the body."""
        posted = read(await request.read(), Posted)
        order = self.posted(posted, type_ or posted.type, correlation(request))
        proven = self._proven(request, order.account) if order.direction is Direction.DEBIT else None
        return msgspec.structs.replace(order, callback_url=_callback(request), proven=proven)

    def posted(self, posted: Posted, type_: str, reference: str) -> Order:
        """Return the order of a transaction that was read; raises ApiError, MoneyError."""
        if posted.amount is None or posted.currency is None or not type_:
            raise ApiError(*MANDATORY)
        debits = self._debits(posted, type_)
        party, others = posted.debit_party, posted.credit_party
        if not debits:
            party, others = others, party
        uses = self._uses(posted, party, debits=debits)
        if not party and Kind.CODE not in uses:
            raise ApiError(*MANDATORY)
        return Order(
            reference=reference,
            direction=Direction.DEBIT if debits else Direction.CREDIT,
            account=self._account_of(party, uses),
            money=Money.parse(posted.amount, posted.currency),
            type=type_,
            business=posted.requesting_organisation_transaction_reference,
            details=self._repeated_fields(posted, type_),
            uses=uses,
            others=[str(each) for each in others],
        )

    async def reversal(self, request: web.Request, reference: str) -> Order:
        """Read what takes back an order, by our reference or the caller's."""
        posted = read(await request.read(), Posted)
        was = self.named(reference) or self._book.by_reference.get(reference)
        if was is None or was.refusal is not None or was.order.write is not None:
            raise ApiError(*NOT_FOUND)
        if was.waits:
            raise ApiError(*REFUSALS[Refusal.WRONG_STATE])
        currency = posted.currency or was.order.money.currency
        fields = self._repeated_fields(posted, posted.type or "reversal")
        return Order(
            reference=correlation(request),
            direction=Direction.DEBIT if was.order.direction is Direction.CREDIT else Direction.CREDIT,
            account=was.order.account,
            money=was.order.money if posted.amount is None else Money.parse(posted.amount, currency),
            type=posted.type or "reversal",
            business=posted.requesting_organisation_transaction_reference,
            reverses=self.own(was),
            callback_url=_callback(request),
            details=fields | {"originalTransactionReference": self.own(was)},
        )

    async def payment(self, request: web.Request, account: str, bill: str) -> Order:
        """Read a payment: of a bill, or into an account with a biller."""
        paid = read(await request.read(), Payment)
        fields = msgspec.to_builtins(paid)
        return Order(
            reference=correlation(request),
            direction=Direction.CREDIT,
            account=self._book.billed(account, bill),
            money=Money.parse(paid.amount_paid, paid.currency),
            type="payments",
            business=paid.requesting_organisation_transaction_reference,
            callback_url=_callback(request),
            details={name: value for name, value in fields.items() if name not in {"amountPaid", "currency"}},
            uses={Kind.BILL: bill} if bill else {},
        )

    async def instrument(self, request: web.Request, account: str, kind: Kind) -> Order:
        """Read a mandate, a link or a code that is to be."""
        type_, named = INSTRUMENTS[kind]
        fields = msgspec.to_builtins(read(await request.read(), type_))
        code = f"{secrets.randbelow(10**10):010d}"
        minted = code if kind is Kind.CODE else f"{self._provider.settings.name}-{secrets.token_hex(6)}"
        fields = begun(kind, fields | {named: minted})
        return self._write(request, account, Write(kind=kind, reference=minted, fields=fields))

    async def quotation(self, request: web.Request) -> Order:
        """Read a question for quotes, and quote."""
        asked = read(await request.read(), Quotation)
        if not asked.credit_party or not asked.debit_party:
            raise ApiError(*MANDATORY)
        settings, minted = self._provider.settings, f"{self._provider.settings.name}-{secrets.token_hex(6)}"
        account = self.account([str(each) for each in asked.credit_party])
        known = self._book.accounts.get(account)
        currency = next(iter(known.balances), "") if known and known.registered else ""
        until_ms = now_ms() + settings.quote_s * 1000
        quotes = quoted(
            asked,
            currency or asked.request_currency,
            self._book.exchange.rates,
            provider=settings.name,
            until_ms=until_ms,
        )
        made = {"quotationReference": minted, "quotationStatus": "completed", "quotes": quotes}
        fields = msgspec.to_builtins(asked) | made
        return self._write(request, account, Write(kind=Kind.QUOTATION, reference=minted, fields=fields))

    async def registration(self, request: web.Request) -> Order:
        """Read an account that is to be."""
        new = read(await request.read(), NewAccount)
        if not new.identity:
            raise ApiError(*MANDATORY)
        minted = f"accountid@{self._provider.settings.name}-{secrets.token_hex(6)}"
        named = [str(each) for each in new.account_identifiers] or [minted]
        # The name that an account had before stays its first: its history is under it.
        before = [key for each in named if (key := self._book.named([each])) in self._book.accounts]
        identifiers = list(dict.fromkeys([*before[:1], *named]))
        known = identities(new.identity, identifiers[0].partition("@")[2])
        fields = {
            "name": full_name(next(iter(known.values()))) or f"Customer {identifiers[0][-4:]}",
            "type": new.account_type,
            "identifiers": identifiers,
            "identities": known,
            "registered": True,
        }
        write = Write(kind=Kind.ACCOUNT, reference=identifiers[0].partition("@")[2], fields=fields)
        return self._write(request, identifiers[0], write)

    async def change(self, request: web.Request, account: str, kind: Kind, reference: str) -> Order:
        """Read the changes of something that is kept; all of them or none."""
        body = await request.read()
        changes = read(body if body.lstrip().startswith(b"[") else b"[" + body + b"]", list[Change])
        values = {change.path.removeprefix("/"): change.value for change in changes}
        if not 0 < len(changes) <= _CHANGES_MAX or not values.keys() <= CHANGEABLE[kind] or "" in values.values():
            raise ApiError(*FORMAT)
        if kind in _ONLY_TO and set(values.values()) != {_ONLY_TO[kind]}:
            raise ApiError(*FORMAT)
        was = self._was(account, kind, reference)
        as_text = {
            name: value if name in {"kycLevel", "numberOfPayments"} else str(value) for name, value in values.items()
        }
        changed = msgspec.convert(was | as_text, _CHANGED[kind], strict=False)
        fields = identity_fields(changed) if isinstance(changed, Identity) else msgspec.to_builtins(changed)
        if kind is Kind.TRANSACTION:
            fields |= {"number": was["number"]}
        return self._write(request, account, Write(kind=kind, reference=reference, fields=fields, change=True))

    def account(self, identifiers: Sequence[str]) -> str:
        """Return the account that is meant, also by the name of a mandate or a link."""
        key, _, value = identifiers[0].partition("@")
        kept = self._book.shelf.get(_ALLOWED_BY[key], value) if key in _ALLOWED_BY else None
        return kept.account if kept else self._book.named(identifiers)

    def _was(self, account: str, kind: Kind, reference: str) -> dict[str, Any]:
        """Return what is to be changed, in the API's form; raises ApiError."""
        if kind is Kind.TRANSACTION:
            entry = self.named(reference)
            if entry is not None and entry.order.write is None:
                return {"number": entry.number}
        elif kind in {Kind.ACCOUNT, Kind.IDENTITY}:
            known = self._book.known(account)
            if known is not None and kind is Kind.ACCOUNT:
                return {}
            if known is not None and reference in known.holders():
                return known.holders()[reference]
        elif (kept := self._book.shelf.get(kind, reference)) and kept.account == account:
            fields: dict[str, Any] = msgspec.to_builtins(kept.value)
            return fields
        raise ApiError(*NOT_FOUND)

    def _write(self, request: web.Request, account: str, write: Write) -> Order:
        # A change may come without a correlation id.
        anonymous = write.change and "X-CorrelationID" not in request.headers
        return Order(
            reference=str(uuid.uuid4()) if anonymous else correlation(request),
            account=account,
            type=write.kind,
            callback_url=_callback(request),
            write=write,
        )

    def _debits(self, posted: Posted, type_: str) -> bool:
        if posted.one_time_code and type_ in _DEBITS:
            return True
        if not posted.credit_party or not posted.debit_party:
            return bool(posted.debit_party)
        if any(each.key in _ALLOWED_BY for each in posted.debit_party):
            return True
        return type_ in _DEBITS and not any(each.key in _ALLOWED_BY for each in posted.credit_party)

    def _uses(self, posted: Posted, party: list[Pair], *, debits: bool) -> dict[Kind, str]:
        uses = {_ALLOWED_BY[each.key]: each.value for each in party if each.key in _ALLOWED_BY}
        if debits and posted.one_time_code:
            uses[Kind.CODE] = posted.one_time_code
        if quotation := posted.international_transfer_information.get("quotationReference"):
            uses[Kind.QUOTATION] = str(quotation)
        return uses

    def _account_of(self, party: list[Pair], uses: dict[Kind, str]) -> str:
        if party:
            return self.account([str(each) for each in party])
        code = self._book.shelf.get(Kind.CODE, uses[Kind.CODE])
        return code.account if code else ""

    def _proven(self, request: web.Request, account: str) -> bool | None:
        """Say whether the customer's token is the customer's; None where there is none, or nothing to compare."""
        shown = request.headers.get("X-User-Bearer") or request.headers.get("X-User-Credential-1", "")
        known = self._book.accounts.get(account)
        if not shown or known is None or not (known.tokens or known.asks):
            return None
        return shown.removeprefix("Bearer ") in known.tokens

    def _repeated_fields(self, posted: Posted, type_: str) -> dict[str, Any]:
        us = pairs([f"organisationid@{self._provider.settings.name}"])
        fields = {
            "type": type_,
            "creditParty": [msgspec.to_builtins(pair) for pair in posted.credit_party] or us,
            "debitParty": [msgspec.to_builtins(pair) for pair in posted.debit_party] or us,
            "descriptionText": posted.description_text,
            "requestingOrganisationTransactionReference": posted.requesting_organisation_transaction_reference,
            "internationalTransferInformation": posted.international_transfer_information,
        }
        return {name: value for name, value in fields.items() if value}


def full_name(identity: dict[str, Any]) -> str:
    """Return the name by which an identity is called."""
    name = identity.get("identityKyc", {}).get("subjectName", {})
    return str(name.get("fullName") or " ".join(filter(None, (name.get("firstName"), name.get("lastName")))))


def correlation(request: web.Request) -> str:
    """Return the caller's reference; raises ApiError."""
    correlation = request.headers.get("X-CorrelationID", "")
    if not correlation:
        raise ApiError(*MANDATORY)
    if _UUID.fullmatch(correlation) is None:
        raise ApiError(*FORMAT)
    return correlation.lower()


def _callback(request: web.Request) -> str:
    return request.headers.get("X-Callback-URL", "")
