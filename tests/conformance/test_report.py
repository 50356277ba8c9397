"""The page about conformance is what the tests' tables say, and every file it names is there."""

from pathlib import Path

import pytest

from hub.http.operations import OPERATIONS
from tests.conformance.report import PROOFS, WHERE, markdown, proof


def test_the_page_is_what_the_tests_say() -> None:
    assert WHERE.read_text("utf-8") == markdown(), "write it again: python -m tests.conformance.report"


@pytest.mark.parametrize(("_", "file"), PROOFS)
def test_the_tests_that_hold_an_operation_are_there(_: str, file: str) -> None:
    assert (Path(__file__).parents[2] / file).is_file()


def test_every_operation_is_held_by_some_tests() -> None:
    assert [f"{each.method} {each.path}" for each in OPERATIONS if not proof(f"{each.method} {each.path}")] == []
