"""Positions: what a participant may still spend; three sums, no rule beside them."""

from hub.ledger.account import Account


def balance(account: Account) -> int:
    """Return posted credits less posted debits, in minor units; below zero the participant owes."""
    return account.credits_posted - account.debits_posted


def available(account: Account) -> int | None:
    """Return what may still be debited, in minor units: balance, less what is held, plus the cap; None: no floor.

    Prefunding is a posted credit, so it raises this; credits still pending do not.
    """
    if account.cap_minor is None:
        return None
    return balance(account) - account.debits_pending + account.cap_minor


def covers(account: Account, minor: int) -> bool:
    """Say whether a further debit of `minor` keeps the account within its cap."""
    room = available(account)
    return room is None or minor <= room
