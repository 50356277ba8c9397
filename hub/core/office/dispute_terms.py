"""The scheme's terms for disputes: how long each side has, and what silence means; it must never know a dispute."""

from enum import StrEnum
from typing import Final

import msgspec

from hub.core.pricing.rules import SchemeError

_DAY_S: Final = 86_400
_LONGEST_S: Final = 10 * 366 * _DAY_S


class Deemed(StrEnum):
    """What it means that a recall was not answered before its deadline."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class DisputeTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long each side has. Times are seconds, and run on weekends and holidays too."""

    recall_answer_s: int = 10 * _DAY_S  # to answer a recall
    fraud_recall_answer_s: int = 3 * _DAY_S  # to answer where fraud is the reason, and a report of fraud
    return_within_s: int = 400 * _DAY_S  # after the transfer's completion, to give back or to ask back at all
    deemed: Deemed = Deemed.ACCEPTED


def check_disputes(terms: DisputeTerms) -> None:
    """Refuse times that are none; raises SchemeError."""
    for name in ("recall_answer_s", "fraud_recall_answer_s", "return_within_s"):
        if not 1 <= getattr(terms, name) <= _LONGEST_S:
            raise SchemeError(f"disputes: {name} is from 1 to {_LONGEST_S}")
