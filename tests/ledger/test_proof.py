"""The proof of a statement: whatever in it is changed is found, and nothing of anybody else is in it."""

import random
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ledger import merkle
from hub.ledger.account import Account, Counters, Kind, counters
from hub.ledger.journal import GENESIS, Book, Entry, Phase, Posting, blinds, chained, digest, leaves
from hub.ledger.proof import Line, Part, Proof, ProofError, decode, encode, moved, verify

NONCE = b"sixteen bytes..."
OWN = 2


class Told(NamedTuple):
    """A ledger as a store keeps it: its journals, and the counters of the account after each of them."""

    journals: list[list[Entry]]
    counters: list[Counters]


def told(seed: int, heights: int) -> Told:
    chance = random.Random(seed)
    book = Book(
        Account(id=id_, kind=Kind.POSITION, participant=f"fsp{id_}", currency="KES", cap_minor=None)
        for id_ in range(1, 5)
    )
    held: list[Posting] = []
    journals, stands = [], [counters(book.accounts[OWN])]
    for height in range(heights):
        for line in range(chance.randrange(1, 7)):
            if held and chance.random() < 0.5:
                before = held.pop(chance.randrange(len(held)))
                book.enter(before._replace(phase=chance.choice([Phase.POSTED, Phase.VOIDED])))
                continue
            debit, credit = chance.sample(range(1, 5), 2)
            phase = chance.choice([Phase.PENDING, Phase.DIRECT])
            new = Posting(f"t{height}-{line}", debit, credit, chance.randrange(1, 10_000), phase)
            book.enter(new)
            held.extend([new] if phase is Phase.PENDING else [])
        journals.append(list(book.entries))
        book.entries.clear()
        stands.append(counters(book.accounts[OWN]))
    return Told(journals, stands)


def proved(seed: int = 1, heights: int = 9, after: int = 3) -> Proof:
    ledger = told(seed, heights)
    own = ledger.journals[after:]
    digests = [merkle.leaf(digest(entries, NONCE)) for entries in own]
    parts = []
    for number, entries in enumerate(own):
        hashed, hidden = leaves(entries, NONCE), blinds(NONCE, 2 * len(entries))
        lines = [
            Line(entry.posting, left, hidden[index], merkle.path(hashed, index))
            for line, entry in enumerate(entries)
            for index, account, left in (
                (2 * line, entry.posting.debit, (entry.debit_balance, entry.debit_held)),
                (2 * line + 1, entry.posting.credit, (entry.credit_balance,)),
            )
            if account == OWN
        ]
        if lines:
            parts.append(Part(after + number + 1, merkle.path(digests, number), tuple(lines)))
    hash_ = GENESIS
    for entries in ledger.journals:
        hash_ = chained(hash_, digest(entries, NONCE))
    return Proof(
        account=OWN,
        currency="KES",
        after=after,
        to=heights,
        after_hash=GENESIS,
        to_hash=hash_,
        root=merkle.root(digests),
        opening=ledger.counters[after],
        closing=ledger.counters[heights],
        parts=tuple(parts),
    )


@given(st.integers(0, 10**6), st.integers(1, 20), st.data())
def test_a_true_statement_is_proved_wherever_it_begins_and_read_as_it_was_written(
    seed: int, heights: int, data: st.DataObject
) -> None:
    proof = proved(seed, heights, data.draw(st.integers(0, heights - 1)))
    assert verify(proof) == []
    assert decode(encode(proof)) == proof


# What the signature vouches for, since nothing else in a proof depends on it.
SIGNED = {"currency", "after_hash", "to_hash", "to"}


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the way to every single value of a proof as JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        return [] if at[0] in SIGNED else [at]
    return [place for key, each in inner for place in places(each, (*at, key))]


def changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if value in list(Phase):
        return "voided" if value != "voided" else "posted"
    return ("B" if value.startswith("A") else "A") + value[1:]


PLACES = places(msgspec.json.decode(encode(proved())))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(str(each) for each in place))
def test_whatever_single_value_of_a_proof_is_changed_it_is_found(place: tuple[Any, ...]) -> None:
    document = msgspec.json.decode(encode(proved()))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = changed(inner[place[-1]])
    assert verify(decode(msgspec.json.encode(document))) != []


@given(st.integers(0, 10**6), st.data())
def test_an_entry_taken_out_added_twice_or_moved_is_found(seed: int, data: st.DataObject) -> None:
    proof = proved(seed, 12, 2)
    if not proof.parts:
        return
    number = data.draw(st.integers(0, len(proof.parts) - 1))
    part = proof.parts[number]
    line = data.draw(st.integers(0, len(part.lines) - 1))
    out = part._replace(lines=part.lines[:line] + part.lines[line + 1 :])
    twice = part._replace(lines=(*part.lines, part.lines[line]))
    elsewhere = part._replace(height=part.height % 12 + 1)
    for lie in (out, twice, elsewhere):
        assert verify(msgspec.structs.replace(proof, parts=(*proof.parts[:number], lie, *proof.parts[number + 1 :])))
    without = msgspec.structs.replace(proof, parts=proof.parts[:number] + proof.parts[number + 1 :])
    stands = (0, 0, 0, 0)
    for each in part.lines:
        stands = moved(stands, each.posting, OWN)
    # A reservation taken out together with its release moved nothing: the one thing that a proof does not tell.
    assert (verify(without) == []) is (stands == (0, 0, 0, 0))
    if len(proof.parts) > 1:
        assert verify(msgspec.structs.replace(proof, parts=proof.parts[::-1]))


def test_another_accounts_postings_and_balances_are_not_in_it() -> None:
    proof = proved(7, 30, 0)
    shown = [line for part in proof.parts for line in part.lines]
    assert all(OWN in (line.posting.debit, line.posting.credit) for line in shown)
    assert all(len(line.left) == (2 if line.posting.debit == OWN else 1) for line in shown)
    others = {
        entry.posting.subject
        for entries in told(7, 30).journals
        for entry in entries
        if OWN not in (entry.posting.debit, entry.posting.credit)
    }
    assert others
    assert not [subject for subject in others if f'"{subject}"'.encode() in encode(proof)]


def test_a_blind_says_nothing_of_the_next_one() -> None:
    first, second = blinds(NONCE, 2)
    assert first != second
    assert blinds(NONCE, 5)[:2] == [first, second]
    assert blinds(b"another nonce", 2)[0] != first


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", encode(proved())[:-1], b'{"account":true}'])
def test_what_is_no_proof_is_refused(content: bytes) -> None:
    with pytest.raises(ProofError, match="not a proof"):
        decode(content)
