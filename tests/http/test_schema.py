"""What comes in is read liberally, what goes out is the API's to the letter, whatever JSON it was made from."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS30Validator
from pydantic import TypeAdapter, ValidationError

from hub.http import schema
from hub.http.schema import AMOUNT, ENUMS, Model, PatchItem
from hub.http.schema.objects import OBJECTS
from hub.http.schema.out import OutgoingError, outgoing
from routing.money import EXPONENTS, Money, MoneyError

PARTY: Final = [{"key": "msisdn", "value": "+250788123456"}]
PAID: Final = {"amount": "5", "currency": "RWF"}
OFFICIAL: Final = "mobile-money-api-specification-1.2.0-master_0.yaml"


def decoded(gsma: Path, name: str) -> Any:
    return msgspec.json.decode((gsma / name).read_bytes())


@pytest.mark.parametrize(
    ("model", "data", "read"),
    [
        ("Reversal", {"type": "Reversal"}, {"type": "reversal"}),
        ("TransactionType", PAID | {"debitParty": PARTY, "creditParty": []}, PAID | {"debitParty": PARTY}),
        ("TransactionType", PAID | {"SubType": "x", "colour": "red"}, PAID | {"subType": "x", "colour": "red"}),
        ("TransactionType", PAID | {"subtype": "x", "subType": "y"}, PAID | {"subType": "y"}),
        ("DebitMandate", {"startDate": "2026-02-01T10:00:00Z"}, {"startDate": "2026-02-01"}),
        (
            "DebitMandate",
            {"startDate": "2026-02-01", "numberOfPayments": "12", "frequencyType": "MonthSpecificDate"},
            {"startDate": "2026-02-01", "numberOfPayments": 12, "frequencyType": "monthspecificdate"},
        ),
        ("AuthorisationCode", {"codeLifetime": "600"}, {"codeLifetime": 600}),
        (
            "AuthorisationCode",
            {"redemptionTransactionTypes": [{"transactionType": "Withdrawal", "transactionSubType": "x"}]},
            {"redemptionTransactionTypes": [{"transactionType": "withdrawal", "transactionSubtype": "x"}]},
        ),
        ("BillPayment", {"paidAmount": "5", "currency": "KES"}, {"amountPaid": "5", "currency": "KES"}),
        ("Kyc", {"idDocument": [{"idType": "Other ID", "otherIddescription": "x"}], "gender": "F"}, {
            "idDocument": [{"idType": "otherId", "otherIdDescription": "x"}], "gender": "f"}),
        ("BatchTransaction", {"Transactions": [PAID | {"type": "transfer", "debitParty": PARTY, "creditParty": PARTY}],
            "batchdescription": "x"}, {"transactions": [PAID | {"type": "transfer", "debitParty": PARTY,
            "creditParty": PARTY}], "batchDescription": "x"}),
        ("PatchItem", {"op": "Replace", "path": "/kycLevel", "value": 2},
            {"op": "replace", "path": "/kycLevel", "value": "2"}),
        ("Organisation", {"requestingOrganisationIdentifierType": "LEI", "requestingOrganisationIdentifier": "x"},
            {"requestingOrganisationIdentifierType": "lei", "requestingOrganisationIdentifier": "x"}),
    ],
)  # fmt: skip
def test_what_comes_in_is_read_liberally_and_kept_as_the_api_writes_it(
    model: str, data: dict[str, Any], read: dict[str, Any]
) -> None:
    kind: type[Model] = getattr(schema, model)
    assert kind.model_validate(data).plain() == read


@pytest.mark.parametrize(
    ("model", "data"),
    [
        ("TransactionType", {"amount": 5, "currency": "RWF"}),
        ("TransactionType", {"amount": 5.0, "currency": "RWF"}),
        ("Transaction", PAID | {"type": "gift", "debitParty": PARTY, "creditParty": PARTY}),
        ("Transaction", PAID | {"type": "transfer", "debitParty": [], "creditParty": PARTY}),
        ("DebitMandate", {"startDate": "soon"}),
        ("DebitMandate", {"startDate": "2026-02-01", "numberOfPayments": True}),
        ("DebitMandate", {"startDate": "2026-02-01", "numberOfPayments": "-1"}),
        ("AuthorisationCode", {"codeLifetime": 0}),
        ("AuthorisationCode", {"codeLifetime": "٦٠٠"}),
        ("Kyc", {"nationality": "rw"}),
        ("PatchItem", {"op": "remove", "path": "/x", "value": "y"}),
        ("PatchItem", {"op": "add", "path": "/x", "value": True}),
        ("Link", {"sourceAccountIdentifiers": PARTY, "mode": "sideways", "status": "active"}),
    ],
)
def test_what_means_nothing_is_refused(model: str, data: dict[str, Any]) -> None:
    kind: type[Model] = getattr(schema, model)
    with pytest.raises(ValidationError):
        kind.model_validate(data)


def test_every_published_request_is_accepted(gsma: Path) -> None:
    names = {f"request{name}": getattr(schema, name) for name in schema.__all__ if name[0].isupper()}
    names["requestGenericPatchArray"] = list[PatchItem]
    tried = set()
    for payload in decoded(gsma, "canonical-payloads.json"):
        if payload["schema"].startswith("request") and payload["schema"] != "requestStateObject":
            TypeAdapter(names[payload["schema"]]).validate_python(payload["body"])
            tried.add(payload["schema"])
    assert len(tried) >= 9


def test_every_published_answer_leaves_as_it_is(gsma: Path) -> None:
    tried = set()
    for payload in decoded(gsma, "canonical-payloads.json"):
        if payload["schema"] in OBJECTS:
            assert dated(outgoing(payload["schema"], payload["body"])) == payload["body"], payload["schema"]
            tried.add(payload["schema"])
    assert len(tried) >= 9


def dated(found: Any) -> Any:
    """The same with times to the second, as the published examples write them."""
    return msgspec.json.decode(re.sub(rb"(T[0-9:]{8})\.000Z", rb"\1Z", msgspec.json.encode(found)))


def test_an_amount_is_what_the_published_examples_say(gsma: Path) -> None:
    for vector in decoded(gsma, "amount-vectors.json"):
        value, good = vector["value"], vector["docs"]
        assert bool(re.fullmatch(AMOUNT, value)) == good, value
        found = outgoing("responseAccountBalance", {"currentBalance": value})
        assert ("currentBalance" in found) == good, value
        currency = "CLF" if value.rpartition(".")[2].rstrip("0") and "." in value else "RWF"
        if good:
            assert Money.parse(found["currentBalance"], currency) == Money.parse(value, currency)
            assert not re.search(r"\.[0-9]*0$|\.$", found["currentBalance"]), "every version takes it without them"
        else:
            with pytest.raises(MoneyError):
                Money.parse(value, currency)


@pytest.mark.parametrize(
    ("name", "data", "found"),
    [
        ("responseAccountStatus", {"accountStatus": "Available", "lei": None, "a": 1}, {"accountStatus": "available"}),
        ("responseAccountBalance", {"unClearedBalance": "5.50", "currentBalance": -5}, {"unclearedBalance": "5.5"}),
        ("responseAccountBalance", {"currentBalance": 5.5, "availableBalance": 5}, {"availableBalance": "5"}),
        ("responseBills", {"billdescription": "x" * 300, "metadata": []}, {"billDescription": "x" * 256}),
        ("responseBills", {"billReference": "x" * 300, "dueDate": "2026-02-01T10:00:00Z"}, {"dueDate": "2026-02-01"}),
        ("responseHeartbeat", {"serviceStatus": "degraded", "delay": "4"}, {"serviceStatus": "degraded", "delay": 4}),
        ("errorObject", {"errorcategory": "BusinessRule", "errorCode": "Generic Error", "errordescription": "x"},
            {"errorCategory": "businessRule", "errorCode": "genericError", "errorDescription": "x"}),
        ("responseLink",
            {"linkReference": 7, "sourceAccountIdentifiers": PARTY * 12, "mode": "both", "status": "active"},
            {"linkReference": "7", "sourceAccountIdentifiers": PARTY * 10, "mode": "both", "status": "active"}),
    ],
)  # fmt: skip
def test_what_goes_out_is_the_apis_object(name: str, data: dict[str, Any], found: dict[str, Any]) -> None:
    assert outgoing(name, data) == found


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("responseResponse", {}),
        ("responseResponse", []),
        ("responseResponse", {"link": "x" * 257}),
        ("responseAccountStatus", {"accountStatus": "frozen"}),
        ("responseLink", {"linkReference": "7", "sourceAccountIdentifiers": [{}], "mode": "both", "status": "active"}),
    ],
)
def test_what_cannot_be_the_apis_object_does_not_go_out(name: str, data: Any) -> None:
    with pytest.raises(OutgoingError):
        outgoing(name, data)


def scalars() -> st.SearchStrategy[Any]:
    words = sorted({word for name, words in ENUMS.items() for word in words[:3]} | {"RWF", "KES"})
    return st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=300),
        st.sampled_from(words), st.sampled_from(["5", "5.50", "600", "1.3436", "2026-02-01", "2026-02-01T10:00:00"]),
    )  # fmt: skip


def values(name: str, depth: int = 0) -> st.SearchStrategy[Any]:
    """Anything in the fields of an object: mostly of the right shape, so that what is wrong is deep inside."""
    required = OBJECTS[name].get("required", ())
    fields = {field: value(kind, depth) for field, kind in OBJECTS[name]["properties"].items()}
    return st.fixed_dictionaries(
        {field: fields[field] for field in required},
        optional={field: each for field, each in fields.items() if field not in required} | {"unknown": scalars()},
    )


def value(kind: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    if depth > 3:
        return scalars()
    if "$ref" in kind:
        return values(kind["$ref"].rpartition("/")[2], depth + 1) | scalars()
    if kind["type"] == "array":
        return st.lists(value(kind["items"], depth + 1), max_size=12) | scalars()
    return st.sampled_from(kind["enum"][:5]) | scalars() if "enum" in kind else scalars()


@cache
def official(gsma: Path) -> dict[str, Any]:
    """The GSMA's file, but for what the hub does otherwise (tests/conformance says why)."""
    found: dict[str, Any] = yaml.load((gsma / OFFICIAL).read_bytes(), yaml.CSafeLoader)
    schemas = found["components"]["schemas"]
    schemas["currency"]["enum"] = list(EXPONENTS)
    schemas["lei"].pop("pattern")
    for name in ("approvalDate", "completionDate"):
        schemas["responseBatchTransaction"]["required"].remove(name)
    return found


@pytest.mark.parametrize("name", sorted(name for name in OBJECTS if re.match("response|request|error|generic", name)))
def test_whatever_comes_from_a_provider_leaves_as_the_api_has_it_or_not_at_all(name: str, gsma: Path) -> None:
    validator = OAS30Validator({"$ref": f"#/components/schemas/{name}"} | official(gsma))

    @settings(max_examples=60)
    @given(data=values(name) | scalars())
    def check(data: Any) -> None:
        try:
            found = outgoing(name, data)
        except OutgoingError:
            return
        validator.validate(found)
        assert found.keys() <= OBJECTS[name]["properties"].keys()
        assert outgoing(name, found) == found, "what is the API's already stays as it is"

    check()
