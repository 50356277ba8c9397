"""Limits by transaction, day, week and month: which tallies a transfer counts towards; the tallies are the store's.

A tally is named by its rule, its subject and its period. A customer's account is a digest there, never a number.
"""

import hashlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from hub.core.pricing.fees import minor_of
from hub.core.pricing.price import Count
from hub.core.pricing.rules import LimitRule, Period, Then, Whose
from routing.money import MINOR_MAX, Money
from routing.party import Party

_LASTS: Final = {Period.DAY: timedelta(days=2), Period.WEEK: timedelta(days=9), Period.MONTH: timedelta(days=33)}

# What says of an account where or of what kind it is, and not which one.
_NOT_AN_ACCOUNT: Final = frozenset(
    {"accountcategory", "accountrank", "bankaccounttitle", "bankname", "serviceprovider", "sortcode", "swiftbic"}
)


class Tally(NamedTuple):
    """What has been counted so far."""

    minor: int = 0
    times: int = 0


class Payment(NamedTuple):
    """What limits look at."""

    payer_fsp: str
    payee_fsp: str
    payer: Party
    payee: Party
    type: str
    sent: Money
    given: Money


class Counted(NamedTuple):
    """A payment under one limit; `adds` is what it adds to a tally, and None under a limit per transaction."""

    rule: LimitRule
    money: Money
    adds: Count | None
    least: int
    most: int | None

    def overflows(self, tally: Tally) -> bool:
        """Say whether no tally could hold it: nothing is let through uncounted."""
        return tally.minor + self.money.minor > MINOR_MAX

    def passed(self, tally: Tally) -> str:
        """Say which limit is passed on top of what was counted: "least", "value", "count"; empty: none."""
        if self.money.minor < self.least:
            return "least"
        if self.most is not None and tally.minor + self.money.minor > self.most:
            return "value"
        most = self.rule.max_count
        return "count" if most is not None and tally.times + 1 > most else ""


class Limits:
    """All limits of a scheme. Built once, then read only."""

    def __init__(
        self, rules: Sequence[LimitRule], utc_offset_minutes: int, participants: AbstractSet[str] = frozenset()
    ) -> None:
        """Read the rules, which have been checked; days begin at midnight of this offset."""
        self._participants = participants
        self._offset = timedelta(minutes=utc_offset_minutes)
        self._rules: dict[str, list[tuple[LimitRule, int, int | None]]] = {}
        for rule in rules:
            least = minor_of(rule.min_value, rule.currency) if rule.min_value else 0
            most = minor_of(rule.max_value, rule.currency) if rule.max_value else None
            self._rules.setdefault(rule.currency, []).append((rule, least, most))

    def counted(self, payment: Payment, now_ms: int) -> list[Counted]:
        """List the limits that the payment is under."""
        if not self._rules:
            return []
        return list(self._counted(payment, now_ms))

    def _counted(self, payment: Payment, now_ms: int) -> Iterator[Counted]:
        for currency in {payment.sent.currency: None, payment.given.currency: None}:
            for rule, least, most in self._rules.get(currency, ()):
                pays = rule.of in (Whose.PAYER_FSP, Whose.PAYER)
                own, other = (payment.sent, payment.given) if pays else (payment.given, payment.sent)
                if own.currency != currency or not rule.is_about(
                    payer_fsp=payment.payer_fsp,
                    payee_fsp=payment.payee_fsp,
                    type_=payment.type,
                    other=other.currency,
                ):
                    continue
                for subject in _subjects(rule.of, payment, self._participants):
                    yield Counted(rule, own, self._count(rule, subject, own.minor, now_ms), least, most)

    def _count(self, rule: LimitRule, subject: str, minor: int, now_ms: int) -> Count | None:
        if rule.per is Period.TRANSACTION:
            return None
        at = datetime.fromtimestamp(now_ms // 1000, UTC) + self._offset
        year, week, _ = at.isocalendar()
        period = {
            Period.DAY: f"{at:%Y-%m-%d}",
            Period.WEEK: f"{year}-W{week:02}",
            Period.MONTH: f"{at:%Y-%m}",
        }[rule.per]
        ends_ms = now_ms + int(_LASTS[rule.per].total_seconds()) * 1000
        return Count(f"{rule.name}/{rule.currency}/{subject}/{period}", minor, ends_ms)


def _subjects(whose: Whose, payment: Payment, participants: AbstractSet[str]) -> list[str]:
    """Name whose transfers are counted together; nobody, where nobody's account is known.

    An account that is named in several ways is counted under each of them, so that none of them is a way round. A
    participant that is named beside it says where the account is, and is nobody's account itself.
    """
    if whose is Whose.PAYER_FSP:
        return [payment.payer_fsp]
    if whose is Whose.PAYEE_FSP:
        return [payment.payee_fsp]
    fsp, party = (payment.payer_fsp, payment.payer) if whose is Whose.PAYER else (payment.payee_fsp, payment.payee)
    names = [
        each
        for each in party
        if each.key not in _NOT_AN_ACCOUNT and not (each.key == "organisationid" and each.value in participants)
    ]
    return sorted(
        {hashlib.sha256(f"{fsp}\n{each.key}\n{each.value}".encode()).hexdigest()[:32] for each in names or party}
    )


def reviews(counted: Counted) -> bool:
    """Say whether passing the limit only makes an operator look."""
    return counted.rule.then is Then.REVIEW
