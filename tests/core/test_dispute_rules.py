"""The tables of disputes: every step leads somewhere, and the documentation is theirs."""

from pathlib import Path

import msgspec
import pytest

from hub.core.office.dispute_rules import ENDED, STEPS, DisputeEvent, disputes_markdown, step_of
from hub.core.office.dispute_terms import DisputeTerms
from hub.core.office.records import DisputeKind, DisputeState
from hub.core.participant import check
from hub.core.pricing.rules import SchemeError
from tests.core.counter import told_scheme

S = DisputeState


def test_every_step_leads_somewhere_and_every_kind_ends() -> None:
    for row in STEPS:
        assert row.state not in ENDED, row
        assert row.next in ENDED or any((each.kind, each.state) == (row.kind, row.next) for each in STEPS), row
    for kind in DisputeKind:
        assert step_of(kind, None, DisputeEvent.RAISED) is not None
    assert len({row[:3] for row in STEPS}) == len(STEPS)
    assert {S.OPEN, S.ACCEPTED, S.DEEMED} == set(S) - ENDED


@pytest.mark.parametrize("term", ["recall_answer_s", "fraud_recall_answer_s", "return_within_s"])
@pytest.mark.parametrize("value", [0, -1, 10**10])
def test_a_scheme_gives_everybody_some_time(term: str, value: int) -> None:
    with pytest.raises(SchemeError, match=term):
        check(told_scheme(msgspec.structs.replace(DisputeTerms(), **{term: value})))


def test_the_documentation_is_that_of_the_tables() -> None:
    written = (Path(__file__).parents[2] / "docs/disputes.md").read_text("utf-8")
    assert written == disputes_markdown(), "the tables changed: `hub disputes rules > docs/disputes.md`, read the diff"
