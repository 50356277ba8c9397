"""Participants and the scheme they are admitted to: who may do what, where, within which limits.

A `Scheme` is an immutable snapshot of one applied scheme file. The store says at every batch which version
is in force, so that no rule is ever decided on a stale one. Caps live in the accounts, never here.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import msgspec
import pycountry

from hub.core.office.dispute_terms import DisputeTerms, check_disputes
from hub.core.pricing.checks import check_pricing, no_repeats
from hub.core.pricing.fees import Schedule, minor_of
from hub.core.pricing.limits import Limits as Tallied
from hub.core.pricing.price import HUB
from hub.core.pricing.rate import BASIS_POINTS, Rounding
from hub.core.pricing.rules import Corridor, FeeRule, FxOffer, LimitRule, ReversalRate, Unquoted
from hub.core.pricing.rules import SchemeError as SchemeError  # noqa: PLC0414 - said here of the whole scheme
from hub.core.scheme_values import check_values
from hub.core.settlement.rules import BankAccount, Model, SettlementBank, check_settlement
from hub.ledger.account import Kind
from routing.money import EXPONENTS, Money, MoneyError
from routing.table import INSTITUTION_KEYS, PREFIX_KEYS, Connection, Directory, Rails

QUOTE_LIFETIME_MAX_S: Final = 86_400
# Ids stand in paths, in names of files and columns of CSV, and beside the names of operators.
_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")  # of connections and models, for people
# Who else has a part in what is kept: no participant may be taken for one of them.
_OTHERS: Final = frozenset({"bank", "hub", "scheme", "operator", "calendar"})
UTC_OFFSET_MAX: Final = 14 * 60  # minutes; the easternmost time zone


class NoSchemeError(SchemeError):
    """No scheme is in force yet: nothing can be decided."""

    def __init__(self) -> None:
        """Say what to do first."""
        super().__init__("no scheme is in force yet: put one in force with `hub apply config/scheme.toml`, or your own")


class Role(StrEnum):
    """What a participant is admitted as."""

    FSP = "fsp"  # holds customers' accounts: wallet provider or bank; settles
    BILLER = "biller"  # shows bills and is paid; settles itself, or is paid at an account elsewhere
    THIRD_PARTY = "third_party"  # asks for transfers between others' customers; holds no position
    FX_PROVIDER = "fx_provider"  # sells one currency for another; settles in both


class Status(StrEnum):
    """Whether a participant may take part."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Participant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An organisation admitted to the scheme."""

    id: str
    name: str
    role: Role
    country: str
    currencies: tuple[str, ...] = ()
    status: Status = Status.ACTIVE
    net_debit_cap: dict[str, str] = {}  # currency -> amount; none means nothing beyond prefunding
    callback_hosts: tuple[str, ...] = ()  # host or host:port that X-Callback-URL may name
    notify_url: str = ""  # where it is told of payments to or from it that it did not ask for; signed
    paid_at: dict[str, str] = {}  # of a biller that does not settle itself: identifiers of its account at an FSP
    deliveries: tuple[str, ...] = ("directtoaccount",)  # how its customers can be given money from abroad
    tolerance_bps: int | None = None  # of transfers abroad without a quote: how far below the published rate it takes
    settles_at: dict[str, BankAccount] = {}  # currency -> its own account at the settlement bank
    alarms: dict[str, tuple[str, ...]] = {}  # currency -> amounts under which what it may spend raises an alarm


class DirectoryEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts with this identifier, or beginning with this prefix, are at the participant."""

    key: str
    value: str
    participant: str


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one transfer may carry in a currency."""

    min: str
    max: str


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scheme's own rules. Times are seconds."""

    name: str
    transfer_lifetime_s: int = 300  # the lease: after it, no instruction of the transfer is sent any more
    lapse_margin_s: int = 60  # clocks may differ and a request may be on its way this long after the lease
    limits: dict[str, Limits] = {}
    rounding: Rounding = Rounding.HALF_EVEN  # of what falls between two minor units
    quote_lifetime_s: int = 300
    reference_currencies: tuple[str, ...] = ()  # by way of which currencies are joined that nobody sells directly
    unquoted: Unquoted = Unquoted.REFUSE  # transfers abroad that name no quote
    reversal_rate: ReversalRate = ReversalRate.ORIGINAL
    utc_offset_minutes: int = 0  # when the days of limits begin


class SchemeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scheme as it is stored: connections already carry their rails."""

    scheme: Terms
    participant: tuple[Participant, ...]
    connection: tuple[Connection, ...] = ()
    directory: tuple[DirectoryEntry, ...] = ()
    override: tuple[DirectoryEntry, ...] = ()  # single accounts, such as ported numbers
    fee: tuple[FeeRule, ...] = ()
    limit: tuple[LimitRule, ...] = ()
    corridor: tuple[Corridor, ...] = ()
    fx: tuple[FxOffer, ...] = ()
    settlement_model: tuple[Model, ...] = ()
    settlement_bank: tuple[SettlementBank, ...] = ()
    disputes: DisputeTerms = DisputeTerms()


AccountKey = tuple[str, str, Kind]  # participant ("" for the scheme's own), currency, kind


def purse_key(who: str, currency: str) -> AccountKey:
    """Return under which key the account is on which a leg of a price is posted."""
    return who, currency, Kind.FEES if who == HUB else Kind.POSITION


class Scheme:
    """A scheme in force: look-ups built once, then read only."""

    def __init__(self, version: int, file: SchemeFile, accounts: Mapping[AccountKey, int]) -> None:
        """Build the look-ups; `accounts` are the ledger's account numbers."""
        self.version = version
        self.file = file
        self.accounts = dict(accounts)
        self.currencies = frozenset(currency for _, currency, _ in self.accounts)
        self.participants = {each.id: each for each in file.participant}
        self.directory = Directory([(each.key, each.value, each.participant) for each in file.directory])
        self.rails = Rails(file.connection)
        self.limits = {
            currency: (Money.parse(limits.min, currency).minor, Money.parse(limits.max, currency).minor)
            for currency, limits in file.scheme.limits.items()
        }
        terms = file.scheme
        self.rounding = terms.rounding
        self.quote_lifetime_ms = terms.quote_lifetime_s * 1000
        self.fees = Schedule(file.fee, terms.rounding)
        self.tallied = Tallied(file.limit, terms.utc_offset_minutes, self.participants.keys())
        self.corridors = {(each.source, each.target): each for each in file.corridor}
        self.fx: dict[tuple[str, str], tuple[FxOffer, ...]] = {}
        self.fx_bounds: dict[tuple[str, str, str], tuple[int, int | None, int | None]] = {}
        for each in file.fx:
            pair = (each.source, each.target)
            self.fx[pair] = (*self.fx.get(pair, ()), each)
            self.fx_bounds[each.provider, *pair] = (
                minor_of(each.min, each.source),
                minor_of(each.max, each.source) if each.max else None,
                minor_of(each.exposure_max, each.target) if each.exposure_max else None,
            )
        self.fx_providers = tuple(each.id for each in file.participant if each.role is Role.FX_PROVIDER)
        self.accounts_of: dict[str, list[int]] = {}
        for (who, _, _), number in self.accounts.items():
            self.accounts_of.setdefault(who, []).append(number)
        # Whoever may win a price that is made by the market, and what the hub may earn by it.
        self.market_accounts = tuple(
            number for who in (*self.fx_providers, HUB) for number in self.accounts_of.get(who, ())
        )
        # Of the position accounts that have any: the thresholds in minor units, the highest first.
        self.alarms: dict[int, tuple[int, ...]] = {
            self.accounts[each.id, currency, Kind.POSITION]: tuple(
                sorted((Money.parse(text, currency).minor for text in texts), reverse=True)
            )
            for each in file.participant
            for currency, texts in each.alarms.items()
        }
        self.models = file.settlement_model
        self.banks = {each.currency: each for each in file.settlement_bank}
        self.disputes = file.disputes
        self.lifetime_ms = file.scheme.transfer_lifetime_s * 1000
        self.lapse_margin_ms = file.scheme.lapse_margin_s * 1000

    def active(self, participant: str) -> bool:
        """Say whether the participant exists and is not suspended."""
        found = self.participants.get(participant)
        return found is not None and found.status is Status.ACTIVE

    def purse(self, who: str, currency: str) -> int | None:
        """Return the account on which a leg of a price is posted: a position, or the scheme's own fees."""
        return self.accounts.get(purse_key(who, currency))

    def position(self, participant: str, currency: str) -> int | None:
        """Return the number of the participant's position account, or None when it has none."""
        return self.accounts.get((participant, currency, Kind.POSITION))


def chart(file: SchemeFile) -> dict[AccountKey, int | None]:
    """List the accounts a scheme needs, each with its cap in minor units (None: no floor)."""
    accounts: dict[AccountKey, int | None] = {}
    for participant in file.participant:
        for currency in participant.currencies:
            cap = participant.net_debit_cap.get(currency, "0")
            accounts[participant.id, currency, Kind.POSITION] = Money.parse(cap, currency).minor
            for kind in (Kind.SETTLEMENT_BANK, Kind.FEES, Kind.SUSPENSE):
                accounts["", currency, kind] = None
            accounts["", currency, Kind.GUARANTEE] = 0
    return accounts


def check(file: SchemeFile) -> None:
    """Refuse a scheme that contradicts itself; raises SchemeError."""
    listed = [each.id for each in file.participant]
    no_repeats("participant", listed)
    ids = frozenset(listed)
    no_repeats("connection", [each.name for each in file.connection])
    no_repeats("override of", [f"{each.key} {each.value!r}" for each in file.override])
    for where, named in (("connection", file.connection), ("settlement_model", file.settlement_model)):
        for row in named:
            if not _NAME.fullmatch(row.name):
                text = "a name is 1 to 64 letters, digits, blanks, dots, underscores and hyphens"
                raise SchemeError(f"{where} {row.name[:64]!r}: {text}, and begins with one of the first two")
    for participant in file.participant:
        _check_participant(participant)
    for connection in file.connection:
        _known(f"connection {connection.name!r}", connection.participant, ids)
    for entry in (*file.directory, *file.override):
        _known(f"directory entry {entry.key} {entry.value!r}", entry.participant, ids)
    for entry in file.directory:
        if entry.key not in (*INSTITUTION_KEYS, *PREFIX_KEYS):
            raise SchemeError(f"directory entry {entry.key} {entry.value!r}: single accounts belong into [[override]]")
    for currency, limits in file.scheme.limits.items():
        _amount(f"limits of {currency}", limits.min, currency)
        _amount(f"limits of {currency}", limits.max, currency)
    _check_terms(file.scheme)
    settles = {each.id: each.currencies for each in file.participant}
    sellers = {each.id for each in file.participant if each.role is Role.FX_PROVIDER}
    check_pricing(
        fees=file.fee,
        limits=file.limit,
        corridors=file.corridor,
        fx=file.fx,
        references=file.scheme.reference_currencies,
        settles=settles,
        sellers=sellers,
    )
    capped = {
        each.id: [currency for currency, cap in each.net_debit_cap.items() if Money.parse(cap, currency).minor]
        for each in file.participant
    }
    check_settlement(file.settlement_model, file.settlement_bank, settles, capped)
    check_disputes(file.disputes)
    check_values(file)


def _check_terms(terms: Terms) -> None:
    if terms.transfer_lifetime_s < 1:
        raise SchemeError("scheme: transfer_lifetime_s is at least 1")
    if not 1 <= terms.quote_lifetime_s <= QUOTE_LIFETIME_MAX_S:
        raise SchemeError(f"scheme: quote_lifetime_s is from 1 to {QUOTE_LIFETIME_MAX_S}")
    if abs(terms.utc_offset_minutes) > UTC_OFFSET_MAX:
        raise SchemeError(f"scheme: utc_offset_minutes is from -{UTC_OFFSET_MAX} to {UTC_OFFSET_MAX}")


def _check_participant(participant: Participant) -> None:
    where = f"participant {participant.id!r}"
    if not _ID.fullmatch(participant.id):
        text = "an id is 1 to 64 of a-z, 0-9, dot, underscore and hyphen, and begins with a letter or a digit"
        raise SchemeError(f"{where}: {text}")
    if participant.id in _OTHERS:
        raise SchemeError(f"{where}: this id is not a participant's; give it another than {', '.join(sorted(_OTHERS))}")
    if pycountry.countries.get(alpha_2=participant.country) is None:
        raise SchemeError(f"{where}: {participant.country!r} is not an ISO 3166 country code")
    for currency in participant.currencies:
        if currency not in EXPONENTS:
            raise SchemeError(f"{where}: {currency!r} is not an ISO 4217 currency")
    for currency, cap in participant.net_debit_cap.items():
        if currency not in participant.currencies:
            raise SchemeError(f"{where}: a cap in {currency}, which is not among its currencies")
        _amount(f"{where}: net_debit_cap", cap, currency)
    _check_settling(where, participant)
    if participant.tolerance_bps is not None and not 0 <= participant.tolerance_bps <= BASIS_POINTS:
        raise SchemeError(f"{where}: tolerance_bps is from 0 to {BASIS_POINTS}")
    if participant.notify_url:
        _check_notify_url(f"{where}: notify_url", participant)


def _check_settling(where: str, participant: Participant) -> None:
    for what, listed in (("settles_at", participant.settles_at), ("alarms", participant.alarms)):
        for currency in listed.keys() - set(participant.currencies):
            raise SchemeError(f"{where}: {what} in {currency}, which is not among its currencies")
    for currency, texts in participant.alarms.items():
        for text in texts:
            _amount(f"{where}: alarms", text, currency)


def _check_notify_url(where: str, participant: Participant) -> None:
    """Refuse an address that notices could be read at by others, or that the participant is not called back at."""
    try:
        url = urlsplit(participant.notify_url)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise SchemeError(f"{where}: {error}") from error
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(host)):
        raise SchemeError(f"{where}: begin it with https://; only this machine itself may be told without")
    if not host or "@" in url.netloc or url.fragment:
        raise SchemeError(f"{where}: name a host, and neither credentials nor a fragment")
    if not {host, f"{host}:{port}"} & set(participant.callback_hosts):
        raise SchemeError(f"{where}: {host!r} is not among its callback_hosts")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _amount(where: str, text: str, currency: str) -> None:
    try:
        Money.parse(text, currency)
    except MoneyError as error:
        raise SchemeError(f"{where}: {text!r}: {error}") from error


def _known(where: str, participant: str, ids: frozenset[str]) -> None:
    if participant not in ids:
        some = ", ".join(sorted(ids)[:20])
        raise SchemeError(f"{where} names the participant {participant!r}; known are {some}")
