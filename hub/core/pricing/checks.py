"""Checking the rules of pricing before they are in force; a rule that could fail on a payment is refused here."""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Final

from hub.core.pricing.fees import minor_of
from hub.core.pricing.price import Side
from hub.core.pricing.rate import BASIS_POINTS, RateError, share_of
from hub.core.pricing.rules import Corridor, FeeRule, FxOffer, LimitRule, Period, Rule, SchemeError, Then
from routing.money import EXPONENTS, MoneyError

Settles = Mapping[str, Sequence[str]]  # participant -> its currencies

_WHOLE: Final = 1


def check_pricing(
    *,
    fees: Sequence[FeeRule],
    limits: Sequence[LimitRule],
    corridors: Sequence[Corridor],
    fx: Sequence[FxOffer],
    references: Sequence[str],
    settles: Settles,
    sellers: AbstractSet[str],
) -> None:
    """Refuse rules that contradict themselves or the participants; raises SchemeError."""
    names: dict[tuple[Side, str], set[str]] = {}
    for fee in fees:
        before = names.setdefault((fee.paid_by, fee.currency), set())
        _check_fee(fee, before, settles)
        before.add(fee.name)
    # Limits of one name would count into one tally.
    no_repeats("limit", [f"{each.name} of a {each.per} in {each.currency}" for each in limits])
    for limit in limits:
        _check_limit(limit, settles)
    no_repeats("corridor", [f"{each.source}-{each.target}" for each in corridors])
    for corridor in corridors:
        for currency in (corridor.source, corridor.target):
            _currency(f"corridor {corridor.source}-{corridor.target}", currency)
    for currency in references:
        _currency("reference_currencies", currency)
    no_repeats("fx", [f"{each.provider} {each.source}-{each.target}" for each in fx])
    for offer in fx:
        _check_offer(offer, settles, sellers)


def _check_rule(where: str, rule: Rule, settles: Settles) -> None:
    _currency(where, rule.currency)
    if rule.other:
        _currency(where, rule.other)
    for participant in (rule.payer_fsp, rule.payee_fsp):
        if participant and participant not in settles:
            raise SchemeError(f"{where} names the participant {participant!r}; known are {', '.join(settles)}")


def _check_fee(fee: FeeRule, before: AbstractSet[str], settles: Settles) -> None:
    where = f"fee {fee.name!r} in {fee.currency}"
    _check_rule(where, fee, settles)
    for text in (fee.band_from, fee.band_to, fee.fixed, fee.min, fee.max, *(each.fixed for each in fee.tiers)):
        _amount(where, text, fee.currency)
    of_amount = fee.paid_by is Side.PAYEE and not fee.of
    _percents(where, [fee.percent, *(each.percent for each in fee.tiers)], below_whole=of_amount)
    _in_order(where, fee.min, fee.max, fee.currency)
    if fee.band_to and minor_of(fee.band_to, fee.currency) <= minor_of(fee.band_from, fee.currency):
        raise SchemeError(f"{where}: its band_to is not above its band_from")
    if fee.tiers and (minor_of(fee.fixed, fee.currency) or share_of(fee.percent)):
        raise SchemeError(f"{where}: what is charged stands in its tiers or beside them, not in both")
    unknown = sorted(set(fee.of) - before)
    if unknown:
        raise SchemeError(f"{where}: it is of {', '.join(unknown)}, which no fee of its side before it is called")
    ends = [each.up_to for each in fee.tiers]
    if "" in ends[:-1]:
        raise SchemeError(f"{where}: only its last tier may be without up_to")
    for each in ends:
        _amount(where, each, fee.currency)
    if any(minor_of(a, fee.currency) >= minor_of(b, fee.currency) for a, b in pairwise(filter(None, ends))):
        raise SchemeError(f"{where}: each tier ends above the one before")


def _check_limit(limit: LimitRule, settles: Settles) -> None:
    where = f"limit {limit.name!r} in {limit.currency}"
    _check_rule(where, limit, settles)
    for text in (limit.min_value, limit.max_value):
        _amount(where, text, limit.currency)
    alone = limit.per is Period.TRANSACTION
    if limit.min_value and not alone:
        raise SchemeError(f"{where}: min_value is of a transaction, not of a {limit.per}")
    if limit.max_count is not None and alone:
        raise SchemeError(f"{where}: max_count is of a day, week or month")
    if limit.max_count is not None and limit.max_count < 1:
        raise SchemeError(f"{where}: max_count is at least 1; to forbid a type, give it no route")
    if not (limit.min_value or limit.max_value or limit.max_count is not None):
        raise SchemeError(f"{where}: say min_value, max_value or max_count")
    if limit.min_value and limit.then is Then.REVIEW:
        raise SchemeError(f"{where}: what is under min_value is refused, not reviewed")
    _in_order(where, limit.min_value, limit.max_value, limit.currency)


def _check_offer(offer: FxOffer, settles: Settles, sellers: AbstractSet[str]) -> None:
    where = f"fx {offer.provider} {offer.source}-{offer.target}"
    if offer.provider not in sellers:
        raise SchemeError(f"{where}: {offer.provider!r} is not a participant of role fx_provider")
    for currency in (offer.source, offer.target):
        if currency not in settles[offer.provider]:
            raise SchemeError(f"{where}: {currency} is not among the currencies of {offer.provider}")
    if offer.source == offer.target:
        raise SchemeError(f"{where}: name two currencies")
    if not 0 <= offer.spread_bps < BASIS_POINTS:
        raise SchemeError(f"{where}: spread_bps is from 0 to {BASIS_POINTS - 1}")
    for text, currency in ((offer.min, offer.source), (offer.max, offer.source), (offer.exposure_max, offer.target)):
        _amount(where, text, currency)
    _in_order(where, offer.min, offer.max, offer.source)
    if offer.jump_max_percent:
        _percents(where, [offer.jump_max_percent], below_whole=False)
    if min(offer.valid_s, offer.stale_after_s) < 1 or offer.poll_s < 0:
        raise SchemeError(f"{where}: valid_s and stale_after_s are at least 1 s, poll_s is not below 0")


def _percents(where: str, texts: Sequence[str], *, below_whole: bool) -> None:
    for text in texts:
        try:
            share = share_of(text)
        except RateError as error:
            raise SchemeError(f"{where}: {error}") from None
        if below_whole and share >= _WHOLE:
            raise SchemeError(f"{where}: {text} percent would leave the payee nothing")


def _in_order(where: str, least: str, most: str, currency: str) -> None:
    if most and minor_of(most, currency) < minor_of(least, currency):
        raise SchemeError(f"{where}: its max is under its min")


def _amount(where: str, text: str, currency: str) -> None:
    if not text:
        return
    try:
        minor_of(text, currency)
    except MoneyError as error:
        raise SchemeError(f"{where}: {text!r}: {error}") from None


def _currency(where: str, currency: str) -> None:
    if currency not in EXPONENTS:
        raise SchemeError(f"{where}: {currency!r} is not an ISO 4217 currency")


def no_repeats(what: str, names: Sequence[str]) -> None:
    """Refuse what is listed twice; raises SchemeError."""
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise SchemeError(f"{what} {', '.join(repeated)} is listed twice")
