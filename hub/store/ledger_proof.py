"""Loading the proof of an account's statement from PostgreSQL; it holds one journal at a time, and hashes of the rest.

What was archived, and what was written before digests were Merkle roots, cannot be proved here.
"""

from itertools import islice
from typing import Any, Final

import psycopg

from hub.ledger import merkle
from hub.ledger.account import Counters
from hub.ledger.audit import NOTHING_POSTED
from hub.ledger.checkpoint import Checkpoint
from hub.ledger.journal import Entry, Phase, blinds, leaves
from hub.ledger.proof import Line, Part, Proof, ProofError, moved, verify
from hub.store import ledger_read
from hub.store.ledger_read import Connection, entry_in

# Two hashes for each journal are held: some 150 MB.
JOURNALS_MAX: Final = 1_000_000
ENTRIES_MAX: Final = 100_000

_ACCOUNT: Final = "SELECT currency FROM account WHERE id = %s"
_HASH: Final = "SELECT hash FROM journal WHERE height = %s"
_DIGESTS: Final = "SELECT height, digest FROM journal WHERE height > %s AND height <= %s ORDER BY height"

# Whole journals, of which the account has at least one entry.
_ENTRIES: Final = """
SELECT p.journal, j.nonce, p.subject, p.debit, p.credit, p.minor, p.phase, p.debit_balance, p.debit_held,
       p.credit_balance
FROM posting AS p JOIN journal AS j ON j.height = p.journal AND j.at_ms = p.at_ms
WHERE p.journal = ANY(%s) ORDER BY p.journal, p.line"""

_TOUCHED: Final = """
SELECT DISTINCT journal FROM posting
WHERE journal > %(after)s AND journal <= %(to)s AND %(account)s IN (debit, credit) ORDER BY journal"""

_SUMS: Final = """
SELECT phase, debit = %(account)s, sum(minor)::bigint FROM posting
WHERE journal > %(after)s AND journal <= %(to)s AND %(account)s IN (debit, credit) GROUP BY 1, 2"""

TOGETHER: Final = 100


def prove(url: str, account: int, after: int, to: int) -> Proof:
    """Prove the entries of an account in the journals above `after` up to `to`; raises ProofError and says why not."""
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        currency = connection.execute(_ACCOUNT, [account]).fetchone()
        if currency is None:
            raise ProofError(f"there is no account {account}")
        begun = _check_range(connection, after, to)
        opening = counters_at(connection, account, after, begun)
        tree = _tree(connection, after, to)
        parts, closing = _parts(connection, account, after, tree, opening)
        proof = Proof(
            account=account,
            currency=currency[0],
            after=after,
            to=to,
            after_hash=_hash(connection, after, begun),
            to_hash=_hash(connection, to, begun),
            root=tree[-1][0] if to > after else merkle.NOTHING,
            opening=opening,
            closing=closing,
            parts=parts,
        )
        if closing != counters_at(connection, account, to, begun) or (flaws := verify(proof)):
            why = flaws[0] if closing == counters_at(connection, account, to, begun) else "the balances do not follow"
            raise ProofError(f"the books do not agree with themselves; run `hub audit`: {why}")
        return proof


def counters_at(connection: Connection, account: int, height: int, begun: Checkpoint) -> Counters:
    """Return an account's counters after a journal: of the last checkpoint up to there, and what was posted since."""
    kept = ledger_read.checkpoint_before(connection, height)
    start = begun if kept is None or kept.height < begun.height else kept
    pending, posted, credit_pending, credit_posted = start.counters.get(account, NOTHING_POSTED)
    parameters = {"account": account, "after": start.height, "to": height}
    for phase, is_debit, minor in connection.execute(_SUMS, parameters):
        held = minor if phase == Phase.PENDING else 0 if phase == Phase.DIRECT else -minor
        booked = minor if phase in (Phase.POSTED, Phase.DIRECT) else 0
        if is_debit:
            pending, posted = pending + held, posted + booked
        else:
            credit_pending, credit_posted = credit_pending + held, credit_posted + booked
    return pending, posted, credit_pending, credit_posted


def _check_range(connection: Connection, after: int, to: int) -> Checkpoint:
    """Refuse a range that cannot be proved; return where what is kept begins."""
    head, begun = ledger_read.head(connection), ledger_read.archived(connection).stood
    if not 0 <= after <= to <= head.height:
        raise ProofError(f"journals above {after} up to {to} are no range of the {head.height} there are")
    if to - after > JOURNALS_MAX:
        raise ProofError(f"{to - after} journals are more than {JOURNALS_MAX} at once: ask for a shorter range")
    if after < begun.height:
        raise ProofError(f"journals up to {begun.height} were archived: prove from there on")
    if after + 1 < head.merkle_from:
        raise ProofError(f"journals before {head.merkle_from} have no Merkle digest: prove from there on")
    return begun


def _tree(connection: Connection, after: int, to: int) -> list[Any]:
    """Return the levels of the tree over the digests of the range."""
    hashed = []
    with connection.cursor(name="digests") as cursor:
        cursor.itersize = ledger_read.FETCH
        cursor.execute(_DIGESTS, (after, to), binary=True)
        for number, (height, digest) in enumerate(cursor, after + 1):
            if height != number:
                raise ProofError(f"journal {number} is missing; run `hub audit`")
            hashed.append(merkle.leaf(digest))
    if len(hashed) != to - after:
        raise ProofError(f"journal {after + len(hashed) + 1} is missing; run `hub audit`")
    return merkle.levels(hashed)


def _parts(
    connection: Connection, account: int, after: int, tree: list[Any], opening: Counters
) -> tuple[tuple[Part, ...], Counters]:
    """Return the account's entries with their ways, and how the account stands after them."""
    found: list[Part] = []
    stands, entries = opening, 0
    touched = connection.execute(_TOUCHED, {"account": account, "after": after, "to": after + len(tree[0])})
    heights = iter([row[0] for row in touched])
    while together := list(islice(heights, TOGETHER)):
        for height, (nonce, whole) in _whole(connection, together).items():
            part = _part(height, nonce, whole, account, merkle.path_in(tree, height - after - 1))
            found.append(part)
            entries += len(part.lines)
            if entries > ENTRIES_MAX:
                raise ProofError(f"the account has more than {ENTRIES_MAX} entries there: ask for a shorter range")
            for line in part.lines:
                stands = moved(stands, line.posting, account)
    return tuple(found), stands


def _whole(connection: Connection, heights: list[int]) -> dict[int, tuple[bytes, list[Entry]]]:
    """Return whole journals with their nonces."""
    found: dict[int, tuple[bytes, list[Entry]]] = {}
    for height, nonce, *row in connection.execute(_ENTRIES, [heights]):
        found.setdefault(height, (nonce, []))[1].append(entry_in(row))
    return found


def _part(height: int, nonce: bytes, whole: list[Entry], account: int, above: merkle.Path) -> Part:
    """Return the account's own lines of a journal; everything else goes no further than its hashes."""
    hashed = leaves(whole, nonce)
    tree, hidden = merkle.levels(hashed), blinds(nonce, len(hashed))
    own: list[Line] = []
    left: tuple[int, ...]
    for number, (posting, debit_balance, debit_held, credit_balance) in enumerate(whole):
        if account == posting.debit:
            index, left = 2 * number, (debit_balance, debit_held)
        elif account == posting.credit:
            index, left = 2 * number + 1, (credit_balance,)
        else:
            continue
        own.append(Line(posting, left, hidden[index], merkle.path_in(tree, index)))
    return Part(height, above, tuple(own))


def _hash(connection: Connection, height: int, begun: Checkpoint) -> bytes:
    """Return the chain's hash at a height."""
    if height == begun.height:
        return begun.hash
    row = connection.execute(_HASH, [height]).fetchone()
    if row is None:
        raise ProofError(f"journal {height} is missing; run `hub audit`")
    return bytes(row[0])
