"""Merkle trees in the shape of RFC 6962: that one leaf is in a tree is shown without showing any other leaf.

Leaves and inner nodes are hashed in domains of their own, so that neither can be passed off as the other. A node
without a neighbour goes up as it is. It must never know what its leaves mean.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

LEAF: Final = b"\x00"
NODE: Final = b"\x01"
# The root of no leaves.
NOTHING: Final = sha256(b"").digest()


class Step(NamedTuple):
    """One step from a leaf to the root: the neighbour, and whether it stands on the left."""

    left: bool
    hash: bytes


Path = tuple[Step, ...]


def leaf(content: bytes) -> bytes:
    """Hash what a leaf holds."""
    return sha256(LEAF + content).digest()


def _above(level: Sequence[bytes]) -> list[bytes]:
    """Return the next level: pairs hashed together, the odd one out as it is."""
    pairs = iter(level)
    above = [sha256(NODE + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
    if len(level) % 2:
        above.append(level[-1])
    return above


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over hashed leaves."""
    level = leaves
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else NOTHING


def levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Return all levels of the tree over hashed leaves, from the leaves to the root: for many paths of one tree."""
    found: list[Sequence[bytes]] = [leaves]
    while len(found[-1]) > 1:
        found.append(_above(found[-1]))
    return found


def path_in(tree: Sequence[Sequence[bytes]], index: int) -> Path:
    """Return the way from a leaf, counted from 0, to the root of a tree given by its levels."""
    steps = []
    for level in tree[:-1]:
        neighbour = index ^ 1
        if neighbour < len(level):
            steps.append(Step(neighbour < index, level[neighbour]))
        index //= 2
    return tuple(steps)


def path(leaves: Sequence[bytes], index: int) -> Path:
    """Return the way from a leaf, counted from 0, to the root."""
    return path_in(levels(leaves), index)


def turns(index: int, size: int) -> tuple[bool, ...]:
    """Return on which side the neighbours stand on the way of leaf `index` in a tree of `size` leaves: left or not.

    No two leaves of a tree have the same turns, so they prove the place of a leaf.
    """
    found = []
    while size > 1:
        if index ^ 1 < size:
            found.append(index % 2 == 1)
        index, size = index // 2, (size + 1) // 2
    return tuple(found)


def root_from(hashed: bytes, way: Iterable[Step]) -> bytes:
    """Return the root that a hashed leaf and its way come to."""
    for left, neighbour in way:
        hashed = sha256(NODE + neighbour + hashed if left else NODE + hashed + neighbour).digest()
    return hashed


class Growing:
    """A tree that leaves are added to, of which no more is kept than goes on: one root for each full subtree."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Go on from a tree of `size` leaves, given by its `peaks`."""
        self.size = size
        self.peaks = list(peaks)

    def add(self, hashed: bytes) -> None:
        """Add a hashed leaf."""
        size = self.size
        while size % 2:
            hashed = sha256(NODE + self.peaks.pop() + hashed).digest()
            size //= 2
        self.peaks.append(hashed)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self.peaks:
            return NOTHING
        *higher, found = self.peaks
        for peak in reversed(higher):
            found = sha256(NODE + peak + found).digest()
        return found
