"""Proofs: that the postings of one account over a range of journals are in the chain, checked without anybody else's.

Each entry comes with its way to the digest of its journal, and each journal with its way to the root over the range.
Other entries, and what was left to the other side, are there only as hashes, blinded, so that nothing can be found by
trying. The root, the heights, the chain's hashes and the account are what the hub signs; everything else follows from
them or is found wrong.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from hub.ledger import merkle
from hub.ledger.account import Counters
from hub.ledger.journal import Phase, Posting, leaf
from hub.ledger.merkle import Path


class Line(NamedTuple):
    """One posting of the account, what it left to the account, what was hashed with it, and its way to the digest."""

    posting: Posting
    left: tuple[int, ...]  # (balance, held) when it was debited, (balance,) when it was credited
    blind: bytes
    path: Path


class Part(NamedTuple):
    """The account's entries in one journal, in their order, and the way of its digest to the root."""

    height: int
    path: Path
    lines: tuple[Line, ...]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A statement of one account over the journals above `after` up to `to`. Amounts in minor units."""

    account: int
    currency: str
    after: int
    to: int
    after_hash: bytes  # of the chain at `after`
    to_hash: bytes  # of the chain at `to`
    root: bytes
    opening: Counters
    closing: Counters
    parts: tuple[Part, ...]


_read: Final = msgspec.json.Decoder(Proof).decode


class ProofError(Exception):
    """The proof cannot be read, or cannot be made; says why."""


def encode(proof: Proof) -> bytes:
    """Write a proof down as JSON, hashes in base64: what is signed."""
    return msgspec.json.encode(proof)


def decode(content: bytes) -> Proof:
    """Read what `encode` wrote; raises ProofError."""
    try:
        return _read(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProofError(f"this is not a proof: {error}") from error


def moved(before: Counters, posting: Posting, account: int) -> Counters:
    """Return an account's counters after one of its postings."""
    debits_pending, debits_posted, credits_pending, credits_posted = before
    _, debit, _, minor, phase = posting
    held = minor if phase is Phase.PENDING else 0 if phase is Phase.DIRECT else -minor
    posted = minor if phase in (Phase.POSTED, Phase.DIRECT) else 0
    if account == debit:
        return debits_pending + held, debits_posted + posted, credits_pending, credits_posted
    return debits_pending, debits_posted, credits_pending + held, credits_posted + posted


def verify(proof: Proof) -> list[str]:
    """Say what is wrong with a proof; nothing: all of it is in the tree under its root, and the balances follow.

    Whatever moved the counters cannot be left out. A reservation that is left out together with its release moved
    nothing, and is not missed.
    """
    findings = list(_places(proof))
    stands = proof.opening
    for part in proof.parts:
        for line in part.lines:
            where = f"journal {part.height}, posting {line.posting.subject}"
            stands = moved(stands, line.posting, proof.account)
            findings.extend(f"{where}: {flaw}" for flaw in _flaws(line, proof.account, stands))
    if stands != proof.closing:
        findings.append(f"the entries lead from {proof.opening} to {stands}, and not to {proof.closing}")
    return findings


def _places(proof: Proof) -> Iterator[str]:
    """Say which entries are not under the root in the order in which they are shown."""
    last = proof.after
    for part in proof.parts:
        where, digests, turns = f"journal {part.height}", set(), []
        if not last < part.height <= proof.to:
            yield f"{where}: out of order, or not of this range"
            continue
        last = part.height
        for line in part.lines:
            digests.add(merkle.root_from(leaf(line.posting, line.left, line.blind), line.path))
            turns.append([step.left for step in reversed(line.path)])
        if turns != sorted(turns) or len({tuple(each) for each in turns}) != len(turns):
            yield f"{where}: its entries are out of order, or one is there twice"
        expected = merkle.turns(part.height - proof.after - 1, proof.to - proof.after)
        if tuple(step.left for step in part.path) != expected:
            yield f"{where}: its way is that of another journal"
        roots = {merkle.root_from(merkle.leaf(digest), part.path) for digest in digests}
        if roots != {proof.root}:
            yield f"{where}: its entries are not under the root, so they or their ways were changed"


def _flaws(line: Line, account: int, after: Counters) -> Iterator[str]:
    """Say what is wrong with one line, after which the account stands as `after`."""
    posting, balance = line.posting, after[3] - after[1]
    if account not in (posting.debit, posting.credit) or posting.debit == posting.credit:
        yield "it is not this account's"
    if posting.minor <= 0 or min(after) < 0:
        yield "it is not possible after what came before"
    should = (balance, after[0]) if account == posting.debit else (balance,)
    if line.left != should:
        yield f"it left {line.left}, but should leave {should}"
