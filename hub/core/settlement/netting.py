"""Netting: from what has moved in a window to what is owed for it; it must never lose or make a minor unit.

What two sides owe each other is one sum with a sign, an edge. "" is the hub: the scheme, over its settlement account.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hub.core.settlement.rules import Netting
from hub.core.settlement.window import Movement

SCHEME = ""


class Edge(NamedTuple):
    """Two sides, in the order of their names, and the transfer of a gross model."""

    first: str
    second: str
    subject: str = ""


class Due(NamedTuple):
    """What one side owes another, in minor units above zero."""

    debtor: str
    creditor: str
    minor: int
    subject: str = ""


Edges = Mapping[Edge, int]  # minor units that the first side owes the second; below zero: the second owes the first


def edge_of(debtor: str, creditor: str, subject: str = "") -> tuple[Edge, int]:
    """Return the edge between two sides, and the sign with which what the debtor owes is counted on it."""
    if debtor <= creditor:
        return Edge(debtor, creditor, subject), 1
    return Edge(creditor, debtor, subject), -1


def add(edges: Counter[Edge], debtor: str, creditor: str, minor: int, subject: str = "") -> None:
    """Count that the debtor owes the creditor so much more."""
    edge, sign = edge_of(debtor, creditor, subject)
    edges[edge] += sign * minor


def owed(edges: Edges, debtor: str, creditor: str, subject: str = "") -> int:
    """Return what the debtor owes the creditor; below zero: the creditor owes it."""
    edge, sign = edge_of(debtor, creditor, subject)
    return sign * edges.get(edge, 0)


def netted(netting: Netting, movements: Iterable[Movement]) -> Counter[Edge]:
    """Net movements as the model says."""
    edges: Counter[Edge] = Counter()
    if netting is Netting.PREFUNDED:
        return edges
    for each in movements:
        if netting is Netting.MULTILATERAL:
            # Whatever the two owe each other goes over the scheme; what the hub earns is there already.
            for debtor, creditor in ((each.debtor, SCHEME), (SCHEME, each.creditor)):
                if debtor != creditor:
                    add(edges, debtor, creditor, each.minor)
        else:
            subject = each.subject if netting is Netting.GROSS else ""
            add(edges, each.debtor, each.creditor, each.minor, subject)
    return edges


def dues(edges: Edges) -> list[Due]:
    """List what is owed, each one way and above zero, in a fixed order."""
    found = [
        Due(edge.first, edge.second, minor, edge.subject)
        if minor > 0
        else Due(edge.second, edge.first, -minor, edge.subject)
        for edge, minor in edges.items()
        if minor
    ]
    return sorted(found)


def nets(movements: Iterable[Movement]) -> Counter[str]:
    """Return what each side has gained by movements; below zero: lost."""
    sums: Counter[str] = Counter()
    for each in movements:
        sums[each.creditor] += each.minor
        sums[each.debtor] -= each.minor
    return sums


def without(movements: Iterable[Movement], left_out: Iterable[str]) -> tuple[Movement, ...]:
    """Return the movements in which none of these takes part."""
    names = frozenset(left_out)
    return tuple(each for each in movements if not names & {each.debtor, each.creditor})


def of(movements: Iterable[Movement], participant: str) -> tuple[Movement, ...]:
    """Return the movements in which one takes part."""
    return tuple(each for each in movements if participant in (each.debtor, each.creditor))
