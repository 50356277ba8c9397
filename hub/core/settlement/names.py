"""How windows, obligations and payments are called: each name follows from what it names, so none is made twice.

All of them have 32 hexadecimal digits. A window's has those of its model first, and then its number.
"""

from hashlib import sha256
from typing import Final

HALF: Final = 16


def window_id(model: str, number: int) -> str:
    """Return what the window of this number is called."""
    return f"{sha256(model.encode()).hexdigest()[:HALF]}{number:0{HALF}x}"


def line_of(window: str) -> str:
    """Return what the names of all windows of the same model begin with."""
    return window[:HALF]


def obligation_id(window: str, revision: int, debtor: str, creditor: str, subject: str) -> str:
    """Return what an obligation is called."""
    return _named("obligation", window, str(revision), debtor, creditor, subject)


def payment_id(obligation: str) -> str:
    """Return what the payment of an obligation is called: the end-to-end reference that the bank sees."""
    return _named("payment", obligation)


def blocking_id(window: str, revision: int, participant: str) -> str:
    """Return what the change is called by which a default blocks a participant."""
    return _named("blocking", window, str(revision), participant)


def _named(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[: 2 * HALF]
