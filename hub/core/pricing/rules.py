"""The rules of pricing as the scheme file writes them: fees, limits, corridors, what is sold; it charges nothing.

Amounts are decimal texts in the currency that the rule names, percentages decimal texts.
"""

from enum import StrEnum

import msgspec

from hub.core.pricing.price import Side


class SchemeError(ValueError):
    """The scheme file contradicts itself; the message says where and what to do."""


class Earner(StrEnum):
    """Who earns a fee."""

    HUB = "hub"
    PAYER_FSP = "payer_fsp"
    PAYEE_FSP = "payee_fsp"
    FX_PROVIDER = "fx_provider"  # the last one on the way, where there is one


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which transfers a rule is about; what is left empty is about all."""

    name: str
    currency: str
    other: str = ""  # the currency on the other side; that of a corridor, or the same one for domestic only
    payer_fsp: str = ""
    payee_fsp: str = ""
    types: tuple[str, ...] = ()

    def is_about(self, *, payer_fsp: str, payee_fsp: str, type_: str, other: str) -> bool:
        """Say whether it is about such transfers, whatever their amount; `other` is the other side's currency."""
        return (
            self.other in ("", other)
            and self.payer_fsp in ("", payer_fsp)
            and self.payee_fsp in ("", payee_fsp)
            and (not self.types or type_ in self.types)
        )


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is charged up to an amount, inclusive."""

    up_to: str = ""  # empty: without end
    fixed: str = "0"
    percent: str = "0"


class FeeRule(Rule, frozen=True, kw_only=True):
    """A fee or tax. Of the rules of one name only the first that fits is charged; different names add up.

    `currency` is that of the side which pays: the one sent for the payer, the one that arrives for the payee.
    """

    tax: bool = False
    paid_by: Side = Side.PAYER
    earned_by: Earner = Earner.HUB
    delivery: tuple[str, ...] = ()  # delivery methods
    band_from: str = "0"  # the amounts it is for: from here,
    band_to: str = ""  # and below this
    fixed: str = "0"
    percent: str = "0"
    min: str = "0"
    max: str = ""
    of: tuple[str, ...] = ()  # the percentage is of these fees of the same side, listed before; none: of the amount
    tiers: tuple[Tier, ...] = ()  # instead of fixed and percent
    graduated: bool = False  # each part of the amount is charged by its own tier


class Period(StrEnum):
    """What a limit counts over."""

    TRANSACTION = "transaction"
    DAY = "day"
    WEEK = "week"  # from Monday
    MONTH = "month"


class Whose(StrEnum):
    """Whose transfers a limit counts together."""

    PAYER_FSP = "payer_fsp"
    PAYEE_FSP = "payee_fsp"
    PAYER = "payer"  # the customer's account
    PAYEE = "payee"


class Then(StrEnum):
    """What is done with a transfer that passes a limit."""

    REFUSE = "refuse"
    REVIEW = "review"  # it waits for an operator: velocity


class LimitRule(Rule, frozen=True, kw_only=True):
    """A limit. `currency` is that of the side whose transfers are counted."""

    per: Period
    of: Whose = Whose.PAYER
    min_value: str = ""  # per transaction only
    max_value: str = ""
    max_count: int | None = None
    then: Then = Then.REFUSE


class Corridor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ordered currency pair that may be crossed, and what must be known of who crosses it."""

    source: str
    target: str
    requires: tuple[str, ...] = ()  # fields of the API, such as senderKyc.idDocument.idNumber; a|b: one of them
    origin_countries: tuple[str, ...] = ()  # none: every one
    id_types: tuple[str, ...] = ()  # of identity documents that are taken; none: every one


class FxOffer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an FX provider sells in one direction, and within which limits; the rate itself comes by the door."""

    provider: str
    source: str
    target: str
    spread_bps: int = 0  # taken off the rate that the provider publishes
    min: str = "0"  # of the source amount
    max: str = ""
    exposure_max: str = ""  # what its open quotes may come to, in the target currency
    valid_s: int = 300  # of a rate that does not say itself until when it holds
    stale_after_s: int = 600  # a rate that is older is not used, whatever it says
    jump_max_percent: str = ""  # a rate further than this from the last one waits for an operator
    confirm: bool = False  # the provider is asked for each conversion, and the transfer waits for its word
    poll_s: int = 0  # how often its adapter is asked for rates; 0: it sends them itself


class Unquoted(StrEnum):
    """What becomes of a cross-border transfer that names no quote."""

    REFUSE = "refuse"
    QUOTE = "quote"  # the hub makes one, within what the caller tolerates


class ReversalRate(StrEnum):
    """At which rate a cross-border transfer is reversed."""

    ORIGINAL = "original"
    CURRENT = "current"
