"""The document says what is served, no more and no less, in the API's own words."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from openapi_spec_validator import validate
from pydantic import BaseModel, TypeAdapter

from hub.core.command import Reason
from hub.flow import Door
from hub.http.app import HttpSettings, build
from hub.http.errors import STATUS
from hub.http.openapi import document
from hub.http.operations import OPERATIONS
from hub.http.schema import COUNTRIES, TYPES, PatchItem, Reversal, Transaction, TransactionType
from hub.store.memory import MemoryStore
from routing.local import LocalBus
from routing.message import FailureClass
from routing.party import IDENTIFIER_KEYS
from tests.http.front import PREFIX, Front

SETTINGS: Final = HttpSettings(prefix=PREFIX)
WORDS: Final = tomllib.loads((Path(__file__).parents[2] / "config/errors.toml").read_text("utf-8"))

# GSMA Mobile Money API v1.2, errorObject.errorCode by errorCategory; the specification gives some codes no category.
_CODES: Final = """
businessRule: genericError dailyVolumeLimitExceeded dailyValueLimitExceeded weeklyVolumeLimitExceeded
    weeklyValueLimitExceeded monthlyVolumeLimitExceeded monthlyValueLimitExceeded accountMaxTotalVolumeExceeded
    accountMaxTotalValueExceeded lessThanTransactionMinValue greaterThanTransactionMaxValue maxBalanceExceeded
    samePartiesError duplicateRequest insufficientFunds incorrectState underPaymentNotAllowed overPaymentNotAllowed
    rateLimitError transactionTypeError noMandateAuthority linkViolation countryofOriginNotPermitted
    nationalityNotPermitted idDocumentNotSupported issuingCountryNotSupported quoteHasExpired
validation: genericError lengthError formatError negativeValue currencyNotSupported mandatoryValueNotSupplied
    invalidOffset
authorisation: clientAuthorisationError requestDeclined servicingPartyAuthorisationError
    requestingPartyAuthorisationError
identification: identifierError
internal: genericError
serviceUnavailable: genericError
"""
CODES: Final = {
    category: frozenset(codes.split()) for category, codes in re.findall(r"(?ms)^(\w+):(.*?)(?=^\w|\Z)", _CODES)
}
OWN: Final = {
    "/.well-known/jwks.json",
    "/v1/oauth/accesstoken",
    f"{PREFIX}/openapi.json",
    "/docs",
    "/metrics",
    "/healthz",
    "/readyz",
}
# Models by the specification's names; what is not here belongs to operations that the hub does not serve.
MODELS: Final[dict[str, type[BaseModel] | TypeAdapter[Any]]] = {
    "requestTransaction": Transaction,
    "requestTransactionType": TransactionType,
    "requestReversal": Reversal,
    "requestGenericPatchArray": TypeAdapter(list[PatchItem]),
}


def served() -> set[tuple[str, str]]:
    """Every method and path of the router that is not the hub's own, as the document would write it."""
    store = MemoryStore(lambda: 0)
    app = build(Door(store, LocalBus(), lambda _: None), store, SETTINGS)
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        if path not in OWN and route.method != "HEAD":
            found.add((route.method, path))
    return found


def official(gsma: Path, name: str) -> Any:
    return msgspec.json.decode((gsma / name).read_bytes())


def test_the_document_is_valid() -> None:
    validate(document(SETTINGS))


async def test_the_document_that_is_served_is_this_one(front: Front) -> None:
    served_document = (await front.call("GET", "/openapi.json", "nobody")).body
    assert served_document == msgspec.to_builtins(document(SETTINGS))


def test_what_is_served_is_documented_and_what_is_documented_is_served() -> None:
    paths = document(SETTINGS)["paths"]
    documented = {(method.upper(), path) for path, item in paths.items() for method in item if path not in OWN}
    assert served() == documented
    assert "/v1/oauth/accesstoken" in paths


def test_every_operation_has_a_name_of_its_own() -> None:
    ids = [each.id for each in OPERATIONS]
    assert len(ids) == len(set(ids))


def test_every_operation_but_the_token_asks_for_credentials() -> None:
    described = document(SETTINGS)
    assert described["security"] == [{"token": []}, {"basic": [], "apiKey": []}]
    own = {path for path, item in described["paths"].items() for each in item.values() if "security" in each}
    assert own == {"/v1/oauth/accesstoken"}


@pytest.mark.parametrize(("table", "names"), [("reason", Reason), ("failure", FailureClass)])
def test_every_reason_has_words_and_there_are_no_others(table: str, names: type[Reason | FailureClass]) -> None:
    assert set(WORDS[table]) == {str(each) for each in names}


@pytest.mark.parametrize(
    ("reason", "words"),
    [(f"{table}: {name}", words) for table, rows in WORDS.items() for name, words in rows.items()],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_words_for_a_reason_are_the_apis(reason: str, words: list[str]) -> None:
    category, code, description = words
    assert code in CODES[category], reason
    assert category in STATUS
    assert re.fullmatch(r"[A-Z][^\n]{10,250}\.", description), "a sentence that fits errorDescription"


def test_every_category_has_a_status() -> None:
    assert len(CODES) == 6
    assert STATUS.keys() == CODES.keys()


def test_the_codes_and_values_are_those_of_the_published_specification(gsma: Path) -> None:
    enums = official(gsma, "enums-v1.2.json")
    assert set(CODES) == set(enums["errorObject.errorCategory"])
    assert frozenset().union(*CODES.values()) == set(enums["errorObject.errorCode"])
    assert set(TYPES) == set(enums["param.transactionTypePath"])
    assert set(enums["param.identifierType"]) == IDENTIFIER_KEYS
    assert set(enums["nationality"]) - COUNTRIES <= {"AN"}, "the Netherlands Antilles ended in 2010"
    schemas = document(SETTINGS)["components"]["schemas"]
    assert schemas["requestStateObject"]["properties"]["status"]["enum"] == enums["requestStateObject.status"]
    assert schemas["responseAccountStatus"]["properties"]["accountStatus"]["enum"] == enums["accountStatus"]
    assert schemas["responseHeartbeat"]["properties"]["serviceStatus"]["enum"] == enums["serviceStatus"]


def test_every_operation_is_one_of_the_published_specification(gsma: Path) -> None:
    published = {
        (each["method"], re.sub(r"{\w+}", "{}", each["path"])) for each in official(gsma, "operations-v1.2.json")
    }
    ours = {(each.method, re.sub(r"{\w+}", "{}", each.path)) for each in OPERATIONS if not each.overrides}
    rates = {("GET", "/fxrates"), ("PUT", "/fxrates")}  # what FX providers sell for, of which the API has no word
    disputes = {  # what is asked back or reported; the API has reversals only
        *((method, "/disputes") for method in ("GET", "POST")),
        ("GET", "/disputes/{}"),
        ("POST", "/disputes/{}/answer"),
        ("POST", "/disputes/{}/withdrawal"),
    }
    days = {  # a participant's own day; the API has customers' accounts only
        *(("GET", path) for path in ("/statements/{}", "/statements/{}/proof", "/notifications/{}")),
        *(("POST", "/reconciliations"), ("GET", "/reconciliations/{}")),
    }
    assert ours - published == {("GET", "/errors/{}")} | rates | disputes | days, (
        "but for where the links of failed requests point"
    )


def test_every_patch_may_come_as_a_post() -> None:
    assert {each.path for each in OPERATIONS if each.overrides} == {
        each.path for each in OPERATIONS if each.method == "PATCH"
    }


def test_the_published_payloads_of_served_operations_are_accepted(gsma: Path) -> None:
    tried = set()
    for payload in official(gsma, "canonical-payloads.json"):
        model = MODELS.get(payload["schema"])
        if model is None:
            continue
        tried.add(payload["schema"])
        if isinstance(model, TypeAdapter):
            model.validate_python(payload["body"])
        else:
            model.model_validate(payload["body"])
    assert tried >= {"requestTransactionType", "requestReversal", "requestGenericPatchArray"}
