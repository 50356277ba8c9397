"""Lists of transfers in memory: the twin of `hub.store.listings`; it keeps nothing and looks through everything."""

from collections.abc import Iterable

from hub.core.admit import body_of
from hub.core.command import Transfer
from hub.core.listing import COUNT_MAX, Page, Side, Sought, lines


def listed(transfers: Iterable[Transfer], sought: Sought) -> Page:
    """Return a page of an account's transfers, the newest first."""
    every = [(each.created_ms, each.id, side, each) for each in transfers for side in _found(each, sought)]
    every.sort(key=lambda each: each[:3], reverse=True)
    end = sought.offset + sought.limit
    return Page(min(len(every), max(COUNT_MAX, end)), [each[2:] for each in every[sought.offset : end]])


def _found(transfer: Transfer, sought: Sought) -> list[Side]:
    if not sought.from_ms <= transfer.created_ms <= sought.to_ms or not _fits(transfer, sought):
        return []
    keys = set(sought.keys)
    every = lines(transfer)
    sides = [side for side in Side if keys <= {each.key for each in every if each.side is side}]
    return [side for side in sides if side in sought.sides] if sought.sides else [Side.ASKED for _ in sides[:1]]


def _fits(transfer: Transfer, sought: Sought) -> bool:
    in_state = not sought.states or transfer.state in sought.states
    return in_state and sought.type in ("", body_of(transfer).type)
