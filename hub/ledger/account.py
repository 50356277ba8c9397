"""Accounts: where balances are, in whole minor units; an account never holds two currencies.

Four counters, as in every serious ledger: debits and credits, each pending or posted. They only grow,
except that a pending amount leaves when it is posted or voided.
"""

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What an account is for."""

    POSITION = "position"  # one for each participant and currency: what it owes or is owed
    SETTLEMENT_BANK = "settlement_bank"  # the scheme's cash at the settlement bank (an asset)
    FEES = "fees"  # what the scheme has earned
    SUSPENSE = "suspense"  # money whose owner is being found out
    GUARANTEE = "guarantee"  # what was paid in to cover participants that cannot pay; never below zero


class Account(msgspec.Struct, kw_only=True):
    """An account and its counters. Mutable: a `Book` works on the copies it was given."""

    id: int
    kind: Kind
    participant: str  # empty for the scheme's own accounts
    currency: str
    cap_minor: int | None  # net debit cap; None: the account has no floor
    debits_pending: int = 0
    debits_posted: int = 0
    credits_pending: int = 0
    credits_posted: int = 0
    blocked: bool = False  # no new debits; credits go on
    alarm: int = 0  # how many of its thresholds what it may spend is under


Counters = tuple[int, int, int, int]


def counters(account: Account) -> Counters:
    """Return (debits pending, debits posted, credits pending, credits posted)."""
    return (account.debits_pending, account.debits_posted, account.credits_pending, account.credits_posted)
