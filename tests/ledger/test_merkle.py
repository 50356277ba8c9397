"""Merkle trees are those of RFC 6962, and nothing but the leaf itself in its own place has a way to the root."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ledger import merkle

CONTENTS = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
# Of these contents, as the test suites of Certificate Transparency have them.
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = range(1, 34)


def some(size: int) -> list[bytes]:
    return [merkle.leaf(b"%d" % number) for number in range(size)]


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_roots_are_those_of_the_standard(size: int) -> None:
    assert merkle.root([merkle.leaf(each) for each in CONTENTS[:size]]).hex() == ROOTS[size]


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_has_a_way_to_the_root_and_no_other_leaf_has_it(size: int) -> None:
    leaves = some(size)
    root = merkle.root(leaves)
    for index, leaf in enumerate(leaves):
        way = merkle.path(leaves, index)
        assert merkle.root_from(leaf, way) == root
        assert [other for other in leaves if merkle.root_from(other, way) == root] == [leaf]


@pytest.mark.parametrize("size", SIZES)
def test_the_turns_of_a_way_say_which_leaf_it_is(size: int) -> None:
    leaves = some(size)
    turns = [merkle.turns(index, size) for index in range(size)]
    assert turns == [tuple(step.left for step in merkle.path(leaves, index)) for index in range(size)]
    assert len(set(turns)) == size
    assert [found[::-1] for found in turns] == sorted(found[::-1] for found in turns), "from the root they are in order"


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_tree_that_grows_is_the_tree_of_all_its_leaves_wherever_it_was_put_down(first: int, more: int) -> None:
    leaves = some(first + more)
    grown = merkle.Growing()
    for leaf in leaves[:first]:
        grown.add(leaf)
    assert len(grown.peaks) == first.bit_count()
    resumed = merkle.Growing(first, grown.peaks)
    for leaf in leaves[first:]:
        resumed.add(leaf)
    assert (grown.root(), resumed.root()) == (merkle.root(leaves[:first]), merkle.root(leaves))


@given(st.integers(1, 40), st.data())
def test_a_changed_way_leads_elsewhere(size: int, data: st.DataObject) -> None:
    leaves = some(size)
    index = data.draw(st.integers(0, size - 1))
    way = list(merkle.path(leaves, index))
    root = merkle.root(leaves)
    if not way:
        assert leaves[index] == root
        return
    at = data.draw(st.integers(0, len(way) - 1))
    left, neighbour = way[at]
    for changed in (
        [*way[:at], merkle.Step(not left, neighbour), *way[at + 1 :]],
        [*way[:at], merkle.Step(left, sha256(neighbour).digest()), *way[at + 1 :]],
        [*way[:at], *way[at + 1 :]],
        [*way, way[at]],
    ):
        assert merkle.root_from(leaves[index], changed) != root


def test_a_node_is_never_taken_for_a_leaf() -> None:
    left, right = some(2)
    assert merkle.leaf(left + right) != merkle.root([left, right])
