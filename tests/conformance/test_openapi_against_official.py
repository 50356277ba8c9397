"""The served document against the GSMA's own file: every path, parameter, field and word; differences have reasons."""

import re
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from hub.http.api import HttpSettings
from hub.http.openapi import document
from hub.http.schema.objects import words
from routing.money import EXPONENTS
from tests.conformance.flat import Field, flat, resolved

OFFICIAL: Final = "mobile-money-api-specification-1.2.0-master_0.yaml"
Where = tuple[str, str]

# What is not served yet. Whoever serves one takes it out; at the end there is nothing here.
NOT_YET: Final[frozenset[Where]] = frozenset()

# What the hub serves besides, and why.
BESIDES: Final[dict[Where, str]] = {
    ("get", "/errors/{errorId}"): "links of failed requests must point somewhere; the GSMA's guide names this path",
    ("post", "/v1/oauth/accesstoken"): "the specification leaves how a token is obtained to the provider",
    ("put", "/fxrates"): "FX providers publish what they sell for; the specification has rates in quotes only",
    ("get", "/fxrates"): "and see how their rates stand",
    (
        "get",
        "/statements/{date}",
    ): "a participant's position day by day, signed; the specification has customers only",
    ("get", "/statements/{date}/proof"): "and the proof that it is in the chain of journals",
    ("get", "/notifications/{date}"): "what the settlement bank has booked for a participant",
    ("post", "/reconciliations"): "a participant's own day is held against the books",
    ("get", "/reconciliations/{reconciliationReference}"): "and what differs",
    ("post", "/disputes"): "recalls, returns and reports of fraud; the specification has reversals only",
    ("get", "/disputes"): "and those of the caller",
    ("get", "/disputes/{disputeReference}"): "and how one stands",
    ("post", "/disputes/{disputeReference}/answer"): "what is asked back is agreed to or not, before the deadline",
    ("post", "/disputes/{disputeReference}/withdrawal"): "and asked for no more",
}

# Fields: (path, what differs, official, ours) as patterns, and why.
DIFFERENT: Final[dict[tuple[str, str, str, str], str]] = {
    (r".*\bother[Ii]d[dD]escription", "is there", ".*", ".*"): "written otherIdDescription; read in any case",
    (r"batch[dD]escription", "is there", ".*", ".*"): "written batchDescription, as the text and every client has it",
    (r"bill[dD]escription", "is there", ".*", ".*"): "written billDescription, as the text has it; read in any case",
    (r"\[\]\.bill[dD]escription", "is there", ".*", ".*"): "the same in a list",
    (r"(.*\.)?error[dD]escription", "is there", ".*", ".*"): "written errorDescription, as the text has it",
    (r"errorReference(\..*)?", "is there", "False", "True"): "the text's name of `error`; clients know either one",
    (r"(.*\.)?oneTimeCode", "is there", "True", "False"): "a spent code is a secret, and is not repeated",
    (r"(\[\]\.)?(sender|recipient)Kyc(\..*|\[.*)?", "is there", "True", "False"): "who sends and who receives is "
    "passed on, to whoever acts on it, and not repeated",
    (r"(.*\.)?(remittancePurpose|relationshipSender)", "is there", "True", "False"): "nor is why",
    (r"(approval|completion)Date", "required", "True", "False"): "a batch that has just come was never approved",
    (r"amountLimit", "type", "", "string"): "the file forgot that it is an amount",
    (r".*", "type", "number", "integer"): "what is counted is whole; text is read as well",
    (r"serverCorrelationId", "format", "None", "uuid"): "the pattern is that of a UUID",
    (r"(identityId|limit)", "min.*", "None", "1"): "none is no answer to how many, or to which",
    (r"(\[\]\.)?(authorisationCode|mandateReference)", "minLength", "None", "1"): "an empty reference names nothing",
    (r".*kycLevel", "minimum", "None", ".*"): "the least that 32 bits hold",
    (r"transactionStatus|displayType|codeState", "enum|maxLength", "None|256", ".*"): "the words that the hub knows",
    (r"identityId", "maxLength", "None", "256"): "as every other reference",
}

# Lists of these are one object in the file, and arrays in all of the text and in every client.
LISTS: Final = re.compile(r"/payments$|/authorisationcodes$")


@pytest.fixture
def official(gsma: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((gsma / OFFICIAL).read_text("utf-8"))
    return found


@pytest.fixture
def ours() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(document(HttpSettings(prefix="")))
    return found


def operations(described: dict[str, Any]) -> dict[Where, dict[str, Any]]:
    """Every operation by method and path, but PATCH under another method."""
    return {
        (method, path): operation | {"parameters": [*item.get("parameters", ()), *operation.get("parameters", ())]}
        for path, item in described["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post", "patch", "put") and not (method == "post" and "patch" in item)
    }


def both(official: dict[str, Any], ours: dict[str, Any]) -> list[tuple[Where, dict[str, Any], dict[str, Any]]]:
    """Every operation that is in both, with what each says."""
    there, here = operations(official), operations(ours)
    return [(where, there[where], here[where]) for where in sorted(there.keys() & here.keys())]


def schema_in(described: dict[str, Any], node: dict[str, Any] | None) -> dict[str, Any]:
    """The schema of a body, or nothing."""
    content = resolved(described, node or {}).get("content", {})
    found: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return found


def differing(
    official: tuple[dict[str, Any], dict[str, Any]], ours: tuple[dict[str, Any], dict[str, Any]]
) -> list[str]:
    """Say how two schemas differ without a reason; each comes with its document."""
    there, here = flat(*official), flat(*ours)
    rows = {row for path in there.keys() | here.keys() for row in unlike(path, there.get(path), here.get(path))}
    return sorted(f"{row}" for row in rows if not any(explained(row, known) for known in DIFFERENT))


def explained(row: tuple[str, str, str, str], known: tuple[str, str, str, str]) -> bool:
    return all(re.fullmatch(pattern, said, re.DOTALL) for pattern, said in zip(known, row, strict=True))


def unlike(path: str, official: Field | None, ours: Field | None) -> set[tuple[str, str, str, str]]:
    """Return how a field differs: its path, the fact, and what each document says."""
    if official is None or ours is None:
        return {(path, "is there", str(official is not None), str(ours is not None))}
    facts: dict[str, tuple[Any, Any]] = {
        "required": (official.required, ours.required),
        "type": (official.type, ours.type),
    }
    facts |= {fact: (official.said.get(fact), ours.said.get(fact)) for fact in official.said.keys() | ours.said.keys()}
    found = {(path, fact, str(there), str(here)) for fact, (there, here) in facts.items() if there != here}
    listed, allowed = (frozenset(each or ()) for each in facts.get("enum", ((), ())))
    if listed and (listed == allowed or allowed == EXPONENTS.keys()):
        return {row for row in found if row[1] != "enum"}
    return found


def test_every_operation_of_the_specification_is_served(official: dict[str, Any], ours: dict[str, Any]) -> None:
    there = operations(official).keys()
    assert len(there) == 71
    assert there - operations(ours).keys() == NOT_YET
    assert operations(ours).keys() - there == BESIDES.keys()


def test_every_parameter_is_the_specifications(official: dict[str, Any], ours: dict[str, Any]) -> None:
    wrong = []
    for where, there, here in both(official, ours):
        wanted = {(p["in"], p["name"]): p for p in (resolved(official, each) for each in there.get("parameters", []))}
        found = {(p["in"], p["name"]): p for p in here["parameters"]}
        wanted.pop(("header", "X-API-Key"), None)  # described as a security scheme
        if where == ("get", "/accounts/balance"):
            found.pop(("query", "currency"))  # a participant has a position in each currency
        if where == ("patch", "/requeststates/{serverCorrelationId}"):
            found.pop(("header", "X-Callback-URL"))  # answered at once, so it is not used
        if wanted.keys() != found.keys():
            wrong.append(f"{where}: {wanted.keys() ^ found.keys()}")
            continue
        for name, each in wanted.items():
            # The file requires codeState of whoever lists codes, and calls it a filter.
            if each.get("required", False) != found[name]["required"] and name[1] != "codeState":
                wrong.append(f"{where}: {name} required")
            named = [{"type": "object", "properties": {name[1]: p["schema"]}} for p in (each, found[name])]
            wrong += [f"{where}: {row}" for row in differing((official, named[0]), (ours, named[1]))]
    assert not wrong


def test_every_field_of_every_request_is_the_specifications(official: dict[str, Any], ours: dict[str, Any]) -> None:
    wrong = []
    for where, there, here in both(official, ours):
        wanted, found = schema_in(official, there.get("requestBody")), schema_in(ours, here.get("requestBody"))
        assert bool(wanted) == bool(found), where
        if wanted:
            wrong += [f"{where}: {row}" for row in differing((official, wanted), (ours, found))]
    assert not wrong


def test_every_field_of_every_answer_is_the_specifications(official: dict[str, Any], ours: dict[str, Any]) -> None:
    wrong = []
    for where, there, here in both(official, ours):
        for status, answer in there["responses"].items():
            wanted = schema_in(official, answer)
            if str(status) not in here["responses"]:
                continue  # the next test says which
            found = schema_in(ours, here["responses"][str(status)])
            if LISTS.search(where[1]) and where[0] == "get" and status == 200:
                found = found["items"]
            if bool(wanted) != bool(found):
                wrong.append(f"{where} {status}: a body")
            elif wanted:
                wrong += [f"{where} {status}: {row}" for row in differing((official, wanted), (ours, found))]
    assert not wrong


def test_every_status_is_the_specifications(official: dict[str, Any], ours: dict[str, Any]) -> None:
    """A write may be answered at once or later; the hub does not know at once, so it does not say 201 or 204."""
    for where, there, here in both(official, ours):
        wanted = {str(status) for status in there["responses"]}
        found = set(here["responses"])
        assert found <= wanted, where
        assert wanted - found <= {"201", "202", "204"}, where
        assert {"200", "202", "204"} & found, where


def test_every_header_of_an_answer_is_the_specifications(official: dict[str, Any], ours: dict[str, Any]) -> None:
    for where, there, here in both(official, ours):
        for status in there["responses"]:
            if answer := here["responses"].get(str(status)):
                wanted = resolved(official, there["responses"][status]).get("headers", {})
                assert answer["headers"].keys() - wanted.keys() <= {"X-Date"}, (where, status)
                assert wanted.keys() <= answer["headers"].keys(), (where, status)


def test_every_callback_brings_the_specifications_objects(official: dict[str, Any], ours: dict[str, Any]) -> None:
    for where, there, here in both(official, ours):
        if "202" not in here["responses"]:
            continue
        wanted, found = (
            [
                schema_in(described, callback["{$request.header.X-Callback-URL}"]["put"]["requestBody"])
                for callback in operation["callbacks"].values()
            ]
            for described, operation in ((official, there), (ours, here))
        )
        assert [each["$ref"] for each in found] == [each["$ref"] for each in wanted], where


def test_the_currencies_are_those_of_iso_4217(gsma: Path) -> None:
    """The file's list is of about 2016; codes that are no currency of people are not money here."""
    listed = set(msgspec.json.decode((gsma / "enums-v1.2.json").read_bytes())["currency"])
    assert EXPONENTS.keys() - listed == words("MRU SLE STN UYW VED VES XAD XCG ZWG")
    ended = words("ANG BGN CUC HRK MRO SLL STD VEF ZWL")
    metals_and_tests = words("XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX")
    assert listed - EXPONENTS.keys() == ended | metals_and_tests
