"""Mandates, links and codes: who may take or give money without asking again; nothing here moves any."""

import calendar
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from adapters.simulator.kept import Kept, Pair, Resource
from adapters.simulator.order import Direction, Kind, Order
from adapters.simulator.rules import Refusal
from routing.money import Money

_WEEKS: Final = {"weekly": 1, "fortnight": 2}
_MONTHS: Final = {
    "monthspecificdate": 1,
    "twomonths": 2,
    "threemonths": 3,
    "fourmonths": 4,
    "sixmonths": 6,
    "yearly": 12,
}
_CALENDAR: Final = {"lastdaymonth", "lastdaymonthworking", "specificdaymonthly"} | {
    f"last{name}day" for name in ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")
}


def day_of(at_ms: int) -> date:
    """Return the day, in UTC, of a time."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).date()


def day(text: str) -> date:
    """Read a date, or the date of a date-time; raises ValueError."""
    return date.fromisoformat(text[:10])


def period(frequency: str, start: date, when: date) -> int:
    """Return which of a mandate's periods, counted from its start, a day is in; one payment fits into each."""
    if weeks := _WEEKS.get(frequency):
        return (when - start).days // (7 * weeks)
    months = (when.year - start.year) * 12 + when.month - start.month
    if frequency in _CALENDAR:
        return months
    begins = min(start.day, calendar.monthrange(when.year, when.month)[1])
    return (months - (when.day < begins)) // _MONTHS[frequency]


class Mandate(Resource, frozen=True, kw_only=True):
    """A payer's permission to take payments."""

    start_date: str
    mandate_reference: str = ""
    payee: list[Pair] = []
    end_date: str = ""
    amount_limit: str = ""
    currency: str = ""
    frequency_type: str = ""
    number_of_payments: int | None = None
    mandate_status: Literal["active", "inactive", ""] = ""
    requesting_organisation: Any = None
    request_date: str = ""
    custom_data: list[Any] = []

    def __post_init__(self) -> None:
        """Refuse dates, amounts and frequencies that are none."""
        day(self.start_date)
        if self.end_date:
            day(self.end_date)
        if self.amount_limit:
            Money.parse(self.amount_limit, self.currency)
        if self.frequency_type not in {"", *_WEEKS, *_MONTHS, *_CALENDAR}:
            raise ValueError(f"{self.frequency_type!r} is no frequency")

    def obstacle(self, kept: Kept, order: Order, at_ms: int) -> Refusal | None:
        """Allow what status, dates, limit, frequency and number of payments allow."""
        today, taken = day_of(at_ms), [day_of(use.at_ms) for use in kept.uses]
        start = day(self.start_date)
        limit = Money.parse(self.amount_limit, self.currency) if self.amount_limit else None
        allowed = (
            order.direction is Direction.DEBIT
            and self.mandate_status == "active"
            and start <= today
            and (not self.end_date or today <= day(self.end_date))
            and (not self.currency or self.currency == order.money.currency)
            and (limit is None or order.money.minor <= limit.minor)
            and (self.number_of_payments is None or len(taken) < self.number_of_payments)
            and not (
                self.frequency_type
                and period(self.frequency_type, start, today)
                in {period(self.frequency_type, start, each) for each in taken}
            )
        )
        return None if allowed else Refusal.NO_MANDATE


_MODES: Final = {"push": {Direction.CREDIT}, "pull": {Direction.DEBIT}, "both": set(Direction)}


class Link(Resource, frozen=True, kw_only=True):
    """A permission to give to, or take from, an account by a name of its own."""

    source_account_identifiers: list[Pair]
    mode: Literal["push", "pull", "both"]
    link_reference: str = ""
    status: Literal["active", "inactive"]
    requesting_organisation: Any = None
    request_date: str = ""
    custom_data: list[Any] = []

    def obstacle(self, kept: Kept, order: Order, at_ms: int) -> Refusal | None:  # noqa: ARG002 - as every kind
        """Allow the directions of the mode while it is active."""
        allowed = self.status == "active" and order.direction in _MODES[self.mode]
        return None if allowed else Refusal.LINK_VIOLATION


class Code(Resource, frozen=True, kw_only=True):
    """A payment that its payer approved before, for whoever shows the code."""

    authorisation_code: str = ""
    code_state: Literal["active", "expired", "cancelled", ""] = ""
    amount: str = ""
    currency: str = ""
    amount_type: Literal["exact", "maximum", ""] = ""
    code_lifetime: int | None = None  # seconds
    hold_funds_indicator: bool | None = None
    redemption_account_identifiers: list[Pair] = []
    redemption_channels: list[Any] = []
    redemption_transaction_types: list[dict[str, str]] = []
    requesting_organisation: Any = None
    request_date: str = ""
    custom_data: list[Any] = []
    metadata: list[Any] = []

    def __post_init__(self) -> None:
        """Refuse an amount that is none and a lifetime of nothing."""
        if self.amount or self.currency:
            Money.parse(self.amount, self.currency)
        if self.code_lifetime is not None and self.code_lifetime < 1:
            raise ValueError("a code lives at least a second")

    def state(self, kept: Kept, at_ms: int) -> str:
        """Return the state; the API has no word for a code that was used but expired."""
        over = self.code_lifetime is not None and at_ms >= kept.at_ms + self.code_lifetime * 1000
        return "expired" if self.code_state != "cancelled" and (over or kept.uses) else self.code_state

    def held(self, kept: Kept, currency: str, at_ms: int) -> int:
        """Return what is set aside for it, in minor units."""
        holds = self.hold_funds_indicator and self.currency == currency and self.state(kept, at_ms) == "active"
        return Money.parse(self.amount, self.currency).minor if holds and self.amount else 0

    def shown(self, kept: Kept, at_ms: int) -> dict[str, Any]:
        """Show the state as it is now."""
        return super().shown(kept, at_ms) | {"codeState": self.state(kept, at_ms)}

    def obstacle(self, kept: Kept, order: Order, at_ms: int) -> Refusal | None:
        """Allow one payment of the right account, type, payee and amount."""
        if kept.account != order.account:
            return Refusal.NOT_FOUND
        if self.state(kept, at_ms) != "active":
            return Refusal.WRONG_STATE
        types = {each.get("transactionType") for each in self.redemption_transaction_types}
        if types and order.type not in types:
            return Refusal.WRONG_TYPE
        payees = {str(each) for each in self.redemption_account_identifiers}
        if payees and payees.isdisjoint(order.others):
            return Refusal.UNPROVEN
        return self._amount_obstacle(order.money) if self.amount else None

    def _amount_obstacle(self, money: Money) -> Refusal | None:
        limit = Money.parse(self.amount, self.currency)
        if money.currency != limit.currency:
            return Refusal.WRONG_CURRENCY
        if money.minor > limit.minor:
            return Refusal.OVER_MAXIMUM
        return Refusal.UNDER_MINIMUM if money.minor < limit.minor and self.amount_type != "maximum" else None


# What an account's resources are called, and in which field they are named.
INSTRUMENTS: Final[dict[Kind, tuple[type[Resource], str]]] = {
    Kind.MANDATE: (Mandate, "mandateReference"),
    Kind.LINK: (Link, "linkReference"),
    Kind.CODE: (Code, "authorisationCode"),
}
