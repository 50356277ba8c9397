"""Ids that sort by time, so that new rows go to the end of an index; random enough never to be guessed or repeated."""

import os
import time


def new_id() -> str:
    """Return a UUID of version 7 (RFC 9562) as 32 hexadecimal digits."""
    head = time.time_ns() // 1_000_000 << 16 | 0x7000
    tail = os.urandom(10)
    head |= int.from_bytes(tail[:2]) & 0x0FFF
    low = int.from_bytes(tail[2:]) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    return f"{head:016x}{low:016x}"


def dashed(id_: str) -> str:
    """Write 32 hexadecimal digits as a UUID."""
    return f"{id_[:8]}-{id_[8:12]}-{id_[12:16]}-{id_[16:20]}-{id_[20:]}"


def undashed(text: str) -> str:
    """Read an id in either form; anything else is returned as it is and names nothing."""
    return text.replace("-", "").lower()
