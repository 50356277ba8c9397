"""How a simulated provider behaves for an order: by rule, or by the amount's last two digits; it keeps no state."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec


class Fate(StrEnum):
    """What becomes of an order and of the words about it. README.md has the table."""

    ACCEPTED = "accepted"
    NO_FUNDS = "no_funds"
    LATE = "late"  # taken at once, decided and told late
    ANSWER_LOST = "answer_lost"  # executed, then the connection is dropped
    TWICE = "twice"  # the callback comes twice
    WRONG_AMOUNT = "wrong_amount"  # the callback (or the synchronous answer) names another amount
    GARBAGE = "garbage"  # executed, and the answer is no document
    OVER_LIMIT = "over_limit"
    UNHEARD = "unheard"  # the first request is dropped before anything happens
    SILENT = "silent"  # executed, told only to who asks
    BROKEN = "broken"  # executed, then HTTP 500
    EARLY = "early"  # the callback comes before the answer
    NOT_FOUND = "not_found"
    BLOCKED = "blocked"
    DECLINED = "declined"
    UNAVAILABLE = "unavailable"  # HTTP 503 and nothing else happens
    ASKS_CUSTOMER = "asks_customer"  # a debit waits until the customer confirms or declines


class Refusal(StrEnum):
    """Why an order was not executed."""

    NO_FUNDS = "no_funds"
    OVER_LIMIT = "over_limit"
    NOT_FOUND = "not_found"
    BLOCKED = "blocked"
    DECLINED = "declined"
    WRONG_STATE = "wrong_state"
    WRONG_TYPE = "wrong_type"  # the code is not for transactions of this type
    WRONG_CURRENCY = "wrong_currency"
    NO_MANDATE = "no_mandate"  # there is one, and it does not allow this
    LINK_VIOLATION = "link_violation"
    OVER_MAXIMUM = "over_maximum"
    UNDER_MINIMUM = "under_minimum"
    UNDER_PAYMENT = "under_payment"
    OVER_PAYMENT = "over_payment"
    QUOTE_EXPIRED = "quote_expired"
    NO_CONVERSION = "no_conversion"  # none that was confirmed and kept, to let go of or to turn round
    UNPROVEN = "unproven"  # the customer's token is not the customer's


class Answer(StrEnum):
    """What the request itself is answered with."""

    PLAIN = "plain"  # taken, or the outcome where the provider answers synchronously
    TAKEN = "taken"  # taken, whatever the provider's style
    DROPPED = "dropped"
    GARBAGE = "garbage"
    BROKEN = "broken"


class Manner(NamedTuple):
    """How one fate shows. `callbacks` counts those of a provider that calls back."""

    answer: Answer = Answer.PLAIN
    callbacks: int = 1
    refusal: Refusal | None = None
    late: bool = False
    early: bool = False
    wrong_amount: bool = False


MANNERS: Final = {
    Fate.ACCEPTED: Manner(),
    Fate.NO_FUNDS: Manner(refusal=Refusal.NO_FUNDS),
    Fate.LATE: Manner(answer=Answer.TAKEN, late=True),
    Fate.ANSWER_LOST: Manner(answer=Answer.DROPPED, callbacks=0),
    Fate.TWICE: Manner(callbacks=2),
    Fate.WRONG_AMOUNT: Manner(wrong_amount=True),
    Fate.GARBAGE: Manner(answer=Answer.GARBAGE, callbacks=0),
    Fate.OVER_LIMIT: Manner(refusal=Refusal.OVER_LIMIT),
    Fate.SILENT: Manner(answer=Answer.TAKEN, callbacks=0),
    Fate.BROKEN: Manner(answer=Answer.BROKEN, callbacks=0),
    Fate.EARLY: Manner(early=True),
    Fate.NOT_FOUND: Manner(refusal=Refusal.NOT_FOUND),
    Fate.BLOCKED: Manner(refusal=Refusal.BLOCKED),
    Fate.DECLINED: Manner(refusal=Refusal.DECLINED),
    Fate.ASKS_CUSTOMER: Manner(answer=Answer.TAKEN),
}

# The last two digits of the amount in minor units.
MAGIC: Final = {
    1: Fate.NO_FUNDS,
    2: Fate.LATE,
    3: Fate.ANSWER_LOST,
    4: Fate.TWICE,
    5: Fate.WRONG_AMOUNT,
    6: Fate.GARBAGE,
    7: Fate.OVER_LIMIT,
    8: Fate.UNHEARD,
    9: Fate.SILENT,
    10: Fate.BROKEN,
    11: Fate.EARLY,
}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fate of what it matches: an account ("msisdn@+254700111222"), an amount in minor units, a type of order."""

    fate: Fate
    account: str = ""
    minor: int | None = None
    type: str = ""  # of a transaction, or the last word of the path: "debitmandates", "payments"

    def matches(self, account: str, minor: int | None, type_: str) -> bool:
        """Say whether the rule is meant; a rule for nothing in particular is meant always."""
        return self.account in ("", account) and self.minor in (None, minor) and self.type in ("", type_)


class Rules:
    """The script of one provider."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        """Take the rules; the first that matches decides."""
        self.rules = tuple(rules)

    def fate_of(self, account: str, minor: int | None = None, type_: str = "") -> Fate:
        """Return the fate of an order, or of a question about an account (no amount)."""
        for rule in self.rules:
            if rule.matches(account, minor, type_):
                return rule.fate
        if account.endswith("404"):
            return Fate.NOT_FOUND
        return Fate.ACCEPTED if minor is None else MAGIC.get(minor % 100, Fate.ACCEPTED)
