"""The document says what is served, no more and no less; every reason has its sentence, every kind its form."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate

from hub.core.command import Reason
from hub.core.deeds import DEEDS, RECORDS
from hub.http.errors import STATUS
from hub.http.operator.acts import BROUGHT, acts, deed_from, terms_of
from hub.http.operator.forms import form_of, parts, shown
from hub.http.operator.kept import KEPT
from hub.http.operator.openapi import document
from hub.http.operator.problems import ProblemError, sayings
from hub.http.operator.row import PREFIX
from hub.http.operator.rows import ROWS
from tests.http.operator.bureau import Bureau

ROOT = Path(__file__).parents[3]


def test_the_document_is_one_of_openapi() -> None:
    validate(document())


def test_the_document_lists_what_is_served_and_no_more() -> None:
    listed = {(path, method) for path, methods in document()["paths"].items() for method in methods}
    served = {(PREFIX + row.path, row.method.lower()) for row in ROWS} | {(f"{PREFIX}/token", "post")}
    assert listed == served
    assert len({row.id for row in ROWS}) == len(ROWS)


@pytest.mark.asyncio(loop_scope="module")
async def test_the_document_is_served(bureau: Bureau) -> None:
    served = await bureau.call("GET", "/openapi.json", "nobody")
    assert served.body == msgspec.json.decode(msgspec.json.encode(document()))
    assert f"{PREFIX}/openapi.json".encode() in (await bureau.call("GET", "//docs", "nobody")).raw


def test_every_reason_of_the_hub_has_its_status_and_sentence() -> None:
    written = tomllib.loads((ROOT / "config/operator_errors.toml").read_text("utf-8"))
    assert set(written["reason"]) == set(Reason), "a reason is added: say what it is here"
    for code, said in sayings().items():
        assert 400 <= said.status <= 599, code
        assert said.category in STATUS, code
        assert said.description.endswith("."), code


def test_a_fault_of_this_api_is_in_the_table() -> None:
    with pytest.raises(KeyError):
        ProblemError("never heard of")


def test_every_fault_in_the_table_is_said_somewhere() -> None:
    written = tomllib.loads((ROOT / "config/operator_errors.toml").read_text("utf-8"))
    said = "".join(path.read_text("utf-8") for path in (ROOT / "hub/http/operator").glob("*.py"))
    assert [code for code in written["fault"] if f'"{code}"' not in said] == []


def test_every_kind_of_record_is_listed_and_nothing_secret_has_a_form() -> None:
    assert {each.kind for each in KEPT} == set(RECORDS)
    names = {part.outside for kind in RECORDS for part in parts(kind)}
    assert not {name for name in names if re.search("secret|hash|password", name)} - {"secret_hash"}
    assert "secret_hash" not in {part.outside for part in parts(_kind("Operator"))}


def _kind(name: str) -> Any:
    return next(each for each in RECORDS if each.__name__ == name)


def test_no_form_speaks_of_minor_units_or_milliseconds() -> None:
    described = document()["components"]["schemas"]
    names = {(schema, name) for schema, body in described.items() for name in body.get("properties", {})}
    assert not {each for each in names if each[1].endswith(("minor", "_ms"))}


def test_whatever_a_proposal_may_contain_is_an_act() -> None:
    said = {each for each in DEEDS if each not in BROUGHT}
    assert {each.kind for each in acts().values() if each.kind.checked} == {each for each in said if each.checked}
    assert set(acts()) >= {each.__name__ for each in said}


@pytest.mark.parametrize("act", acts().values(), ids=lambda each: each.name)
def test_the_terms_of_an_act_have_no_amounts_deep_inside(act: Any) -> None:
    for part in parts(act.kind):
        inner = [
            each for each in (part.hint, *getattr(part.hint, "__args__", ())) if hasattr(each, "__struct_fields__")
        ]
        assert all(each.__name__ == "Amount" for each in inner), f"{act.name}.{part.outside}: read it in forms.py"
    assert form_of(act.kind).__name__ == terms_of(act).__name__


SAID: list[tuple[str, Any]] = [
    (
        "MoveFunds",
        {"participant": "b", "amount": {"amount": "5.5", "currency": "KES"}, "why": "x"}
        | {"out": True, "purpose": "guarantee"},
    ),
    ("SetCap", {"participant": "b", "amount": {"amount": "7", "currency": "UGX"}, "why": "x"}),
    (
        "RaiseFor",
        {"kind": "recall", "transfer": "c" * 32, "participant": "b", "reason": "DUPL"}
        | {"detail": "", "amount": {"amount": "0.01", "currency": "KES"}, "recall": False},
    ),
    (
        "Resolve",
        {"difference": "d" * 32, "resolution": "into_funds", "why": "x", "participant": "b", "currency": "KES"}
        | {"payment": "", "about": "", "bank_reference": "B"},
    ),
    ("AdmitOperator", {"operator": "b", "roles": ["maker", "viewer"], "secret_hash": "(hidden)", "why": "x"}),
]


MAKES = {"MoveFunds": "funds", "SetCap": "change", "RaiseFor": "dispute", "Resolve": "fresh"}


@pytest.mark.parametrize(("act", "terms"), SAID, ids=[act for act, _ in SAID])
def test_what_was_said_is_shown_as_it_was_said(act: str, terms: dict[str, Any]) -> None:
    deed = deed_from(acts()[act], terms, by="maker", ref="r")
    made = shown(deed).keys() - terms.keys()
    assert made == ({MAKES[act]} if act in MAKES else set())
    assert shown(deed) == terms | {name: getattr(deed, name) for name in made}
    assert (deed.by, deed.ref) == ("maker", "r")


@pytest.mark.parametrize(("act", "terms"), [each for each in SAID if each[0] in MAKES])
def test_what_a_deed_makes_gets_a_name_that_follows_from_its_reference_alone(act: str, terms: dict[str, Any]) -> None:
    name = MAKES[act]
    one, again, other = (deed_from(acts()[act], terms, by="maker", ref=ref) for ref in ("r", "r", "s"))
    assert one == again
    assert re.fullmatch("[0-9a-f]{32}", getattr(one, name))
    assert getattr(one, name) != getattr(other, name)
    for given in ("a" * 32, "", None):
        with pytest.raises(ProblemError) as refused:
            deed_from(acts()[act], terms | {name: given}, by="maker", ref="r")
        assert refused.value.said.status == 422
        assert refused.value.parameters["property"] == f"terms.{name}"
    assert name not in terms_of(acts()[act]).__struct_fields__


def test_minor_units_that_were_kept_as_they_came_are_shown_as_amounts() -> None:
    kept = {"minor": -250, "currency": "KES", "at_ms": 0, "count": 3, "inner": [{"minor": 5}], "text": None}
    assert shown(kept) == {
        "amount": {"amount": "-2.5", "currency": "KES"},
        "currency": "KES",
        "created_at": "1970-01-01T00:00:00.000Z",
        "count": 3,
        "inner": [{"amount": {"amount": "0.05", "currency": "KES"}}],
        "text": None,
    }


def test_it_is_served_by_nobody_unless_a_port_is_set() -> None:
    from hub.settings import Settings

    assert Settings(_env_file=None).operator_port is None


def test_the_command_prints_it() -> None:
    from typer.testing import CliRunner

    from hub.main import app

    printed = CliRunner().invoke(app, ["openapi", "--operator"])
    assert msgspec.json.decode(printed.stdout)["info"]["title"] == "Makutano: operators' API"
    assert "GSMA" in msgspec.json.decode(CliRunner().invoke(app, ["openapi"]).stdout)["info"]["title"]
