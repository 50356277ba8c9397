"""Rules of settlement in the scheme file: models, settlement banks and accounts; only shapes and their checks.

Which model a movement is settled by is a function of its two participants and its currency, so each is settled once.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from hub.core.pricing.checks import no_repeats
from hub.core.pricing.rules import SchemeError
from hub.core.settlement.calendar import CalendarError, check_calendar

EVERY_MIN_S: Final = 1
SLA_MAX_S: Final = 31 * 86_400


class Netting(StrEnum):
    """What becomes of the movements of a window."""

    MULTILATERAL = "net_multilateral"  # each participant owes, or is owed, one sum for the whole window
    BILATERAL = "net_bilateral"  # each pair owes one sum, one way
    GROSS = "gross"  # real time: each transfer is an obligation of its own, as soon as it is committed
    PREFUNDED = (
        "prefunded"  # continuous gross: the prefunding is moved in the books with each transfer; nothing is owed
    )


class DefaultPath(StrEnum):
    """What is done when a participant cannot pay."""

    COVER = "cover"  # the guarantee pays for it, and the participant owes the guarantee
    EXCLUDE = "exclude"  # all movements with it are left out, and carried into the model's next window
    UNWIND = "unwind"  # all movements with it are left out, and undone between the positions


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a currency is settled between some participants. Of several models, the first that has both sides counts."""

    name: str
    netting: Netting
    currency: str
    participants: tuple[str, ...] = ()  # none: everybody whom no model before this one has
    close: tuple[str, ...] = ()  # when windows close, as cron says it; none: when an operator closes them
    every_s: int = 0  # besides, so often; how real time is kept by a gross model
    time_zone: str = "UTC"  # in which `close` is said, and days of statements begin
    holidays: str = ""  # the country (ISO 3166) or the subdivision (KE, IN-MH) on whose holidays no window closes
    default: DefaultPath = DefaultPath.COVER
    automatic: bool = False  # what is owed is released to the settlement bank without a maker and a checker
    sla_s: int = 7_200  # how long the settlement bank has to say that a payment is booked


class BankAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account at the settlement bank."""

    bic: str = ""
    account: str  # an IBAN, or the bank's own number


class SettlementBank(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a currency is settled: the scheme's account, and by which keys the bank signs its files."""

    currency: str
    name: str
    bic: str
    account: str  # the scheme's own, in which prefunding and guarantees are
    keys: str = ""  # file:PATH of a JWKS; none: its files are not signed, and two operators take each


def check_settlement(
    models: Sequence[Model],
    banks: Sequence[SettlementBank],
    settles: Mapping[str, Collection[str]],
    capped: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> None:
    """Refuse rules that contradict themselves; raises SchemeError.

    `settles`: which currencies a participant has; `capped`: in which of them it may owe beyond its prefunding.
    """
    no_repeats("settlement_model", [each.name for each in models])
    no_repeats("settlement_bank of a currency", [each.currency for each in banks])
    for model in models:
        _check_model(model, settles)
    for currency in {each.currency for each in models}:
        last = [each for each in models if each.currency == currency][-1]
        if last.participants:
            raise SchemeError(f"settlement_model {last.name!r}: the last model of {currency} is for everybody else")
    for who, currency in sorted((who, currency) for who, found in capped.items() for currency in found):
        if is_prefunded(models, currency, who):
            raise SchemeError(f"participant {who!r} has a net_debit_cap in {currency}, but is to be prefunded")


def _check_model(model: Model, settles: Mapping[str, Collection[str]]) -> None:
    where = f"settlement_model {model.name!r}"
    for each in model.participants:
        if model.currency not in settles.get(each, ()):
            raise SchemeError(f"{where}: {each!r} does not settle in {model.currency}")
    if model.every_s and model.every_s < EVERY_MIN_S:
        raise SchemeError(f"{where}: every_s is at least {EVERY_MIN_S}, or 0")
    if not 1 <= model.sla_s <= SLA_MAX_S:
        raise SchemeError(f"{where}: sla_s is from 1 to {SLA_MAX_S}")
    try:
        check_calendar(close=model.close, time_zone=model.time_zone, holidays=model.holidays)
    except CalendarError as error:
        raise SchemeError(f"{where}: {error}") from error


def is_prefunded(models: Sequence[Model], currency: str, participant: str) -> bool:
    """Say whether a model has this participant whose members owe nothing: what they owed would never be settled."""
    named: set[str] = set()
    for model in models:
        if model.currency != currency:
            continue
        is_member = participant in model.participants if model.participants else participant not in named
        if is_member and model.netting is Netting.PREFUNDED:
            return True
        named.update(model.participants)
    return False


def model_of(models: Sequence[Model], currency: str, one: str, other: str) -> Model | None:
    """Return the model by which a movement between these two is settled; the hub ("") is in every model."""
    for model in models:
        if model.currency != currency:
            continue
        members = model.participants
        if not members or all(not each or each in members for each in (one, other)):
            return model
    return None
