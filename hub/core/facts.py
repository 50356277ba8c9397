"""Facts: what a batch of commands needs to know before it can be decided; loaded by the store, never by the core.

`gather` says what to load, `Facts` is what was loaded. Rows that a decision may change are locked.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from hub.core.change import Case
from hub.core.command import Heard, Publish, Submit, Transfer
from hub.core.instrument import Instrument, Named
from hub.core.office.records import Operator
from hub.core.participant import Scheme
from hub.core.pricing.market import Market
from hub.core.record import Deed, Entering, Kept, Selector
from hub.core.terms import crosses, quotes
from hub.core.use import named_by
from routing.party import Identifier

# Ids come from outside; what is not 32 hexadecimal digits names nothing and is not looked up.
_ID = re.compile(r"[0-9a-f]{32}")


class Claim(NamedTuple):
    """A correlation id, or a request without one, that a submission wants to be the first to use."""

    request: str
    caller: str
    correlation: str | None
    transfer: str


class Wanted(NamedTuple):
    """What to load. Every list is sorted and free of repeats, so that locks are always taken in one order."""

    claims: Sequence[Claim]
    transfers: Sequence[str]  # to be locked
    originals: Sequence[str]  # of reversals, to be locked too
    identifiers: Sequence[Identifier]  # whose directory overrides are needed
    instruments: Sequence[Named] = ()  # mandates, links, codes and quotations that are used, to be locked
    market: bool = False  # rates, open quotes and what FX providers have left
    quoting: bool = False  # quotes are made or rates published: one batch after the other, each on what the last left
    cases: Sequence[str] = ()  # transfers whose open entries of the exception queue are wanted, to be locked
    records: Sequence[Selector] = ()  # of the office, to be locked
    counts: bool = False  # how many records there are decides a deed: one batch with such a deed after the other
    cuts: bool = False  # a deed cuts the chain of journals: no other may be written before this batch is


class Facts(msgspec.Struct, kw_only=True):
    """What was loaded."""

    now_ms: int
    scheme: Scheme
    claimed: frozenset[str]  # requests that are the first with their correlation id
    earlier: Mapping[str, str]  # for the other requests: the transfer of the first
    transfers: Mapping[str, Transfer]
    reversed_minor: Mapping[str, int]  # original -> sum of its reversals that are not undone, in its own currency
    # original -> the transfers that disputes are still to give back by, none of which has begun, and how much each is
    promised: Mapping[str, Mapping[str, int]] = {}
    taken_back: Mapping[str, int] = {}  # original -> what these take from the payee's side, in the currency given
    instruments: Mapping[Named, Instrument] = {}
    overrides: Mapping[Identifier, str]
    market: Market = Market()
    records: Kept = {}
    cases: Sequence[Case] = ()  # open ones


def gather(commands: Sequence[Entering]) -> Wanted:
    """Say what to load for these commands."""
    claims: list[Claim] = []
    transfers: set[str] = set()
    originals: set[str] = set()
    identifiers: set[Identifier] = set()
    instruments: set[Named] = set()
    records: set[Selector] = set()
    cases: set[str] = set()
    market = quoting = counts = cuts = False
    for command in commands:
        if isinstance(command, Submit):
            body = command.body
            claims.append(Claim(body.request, command.caller, body.correlation.lower() or None, command.transfer))
            identifiers.update(body.payer)
            identifiers.update(body.payee)
            instruments.update(named_by(body))
            if command.original:
                originals.add(command.original)
            quoting = quoting or quotes(command.body)
            market = market or bool(command.original) or crosses(command.body)
        elif isinstance(command, Publish):
            quoting = True
        elif isinstance(command, Deed):
            records.add(Selector(Operator, "id", command.by))
            records.update(command.wants())
            originals.update(command.originals())
            cases.update(command.cases())
            counts = counts or command.counts
            cuts = cuts or command.cuts()
        elif isinstance(command, Heard):
            transfers.add(command.outcome.transfer)
        else:
            transfers.add(command.transfer)
    return Wanted(
        # Stable: of two claims on one correlation id, the one that came first stays first.
        sorted(claims, key=lambda claim: (claim.caller, claim.correlation or "")),
        sorted(id_ for id_ in transfers if _ID.fullmatch(id_)),
        sorted(id_ for id_ in originals if _ID.fullmatch(id_)),
        sorted(identifiers, key=lambda each: (each.key, each.value)),
        sorted(instruments),
        market=market or quoting,
        quoting=quoting,
        cases=sorted(id_ for id_ in cases if _ID.fullmatch(id_)),
        records=sorted(records, key=lambda each: (each.kind.table, each.column, each.value)),
        counts=counts,
        cuts=cuts,
    )
