"""Checkpoints: how the ledger stood at one height, recomputed from postings alone; nothing stored is taken over.

An audit begins where one ends. The root is over the digests of the journals since the checkpoint before it.
"""

from typing import Final

import msgspec

from hub.ledger import merkle
from hub.ledger.account import Counters
from hub.ledger.journal import GENESIS


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How the ledger stood after the journal `height`."""

    height: int
    hash: bytes  # of the chain
    at_ms: int  # of that journal
    since: int  # height of the checkpoint before it
    root: bytes
    counters: dict[int, Counters]  # of each account that was ever posted to


# Before the first journal.
NEW: Final = Checkpoint(height=0, hash=GENESIS, at_ms=0, since=0, root=merkle.NOTHING, counters={})
