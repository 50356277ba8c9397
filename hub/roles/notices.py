"""Telling again: what a participant was to be told of a transfer; it must never change the transfer itself."""

from hub.core.admit import body_of
from hub.core.speech import notices_of
from hub.store.sql import SqlStore


class NothingToTellError(ValueError):
    """There is nothing of this id that anybody is told."""


async def tell_again(store: SqlStore, id_: str) -> int:
    """Have the letters about a transfer or a batch sent again; returns how many they are.

    Callbacks that were taken are not repeated: whoever asked finds the result by asking. A notice that was taken is
    written anew, without what a biller's own system said when it was paid, which is not kept.
    """
    name = id_.replace("-", "").lower()
    if len(name) != 32 or name.strip("0123456789abcdef"):
        raise NothingToTellError(f"{id_!r} is no id of a transfer")
    transfer = await store.transfer(name)
    notices = [] if transfer is None else notices_of(transfer, body_of(transfer), await store.scheme(), {})
    count = await store.letters.again(name, notices)
    if not count:
        raise NothingToTellError(f"nobody is to be told of {id_}, or is being told now")
    return count
