"""Every answer against the GSMA's own file, and every field that is shown again: what is sent must be strict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from hub.http.resources import result_of
from routing import topology
from routing.message import Answer, FailureClass, Finding, Verdict, encoded
from tests.http.front import BRAVO, Front, Json, Reply, payment

MASTER: Final = "mobile-money-api-specification-1.2.0-master_0.yaml"
CORRELATION: Final = "0f7c1a52-6b0d-4c59-8f0a-2d5f7b9e4c11"
# Every field that the API shows again, filled as the specification allows it; the hub repeats no KYC.
FULL: Final[Json] = {
    "requestingOrganisationTransactionReference": "INV-9",
    "originalTransactionReference": "ours-4711",
    "subType": "rent",
    "descriptionText": "r" * 160,
    "fees": [{"feeType": "handling", "feeAmount": "5.00", "feeCurrency": "KES"}],
    "geoCode": "-1.292066,36.821945",
    "servicingIdentity": "till 3",
    "internationalTransferInformation": {"originCountry": "KE", "receivingCountry": "KE"},
    "senderKyc": {"nationality": "KE", "birthCountry": None, "postalAddress": {"country": "KE"}},
    "recipientKyc": {"subjectName": {"fullName": "Test Holder"}},
    "requestingOrganisation": {
        "requestingOrganisationIdentifierType": "organisationid",
        "requestingOrganisationIdentifier": "shop",
    },
    "requestDate": "2026-01-15T10:00:00Z",
    "customData": [{"key": "till", "value": "3"}],
    "metadata": [{"key": "batch", "value": "7"}],
}

Faults = Callable[[str, Any], list[str]]


@pytest.fixture(scope="session")
def _master() -> Json:
    return {}


@pytest.fixture
def faults(gsma: Path, _master: Json) -> Faults:
    """Say what the published schema of this name finds wrong; the file is read once, it takes a second."""
    if not _master:
        _master.update(yaml.load((gsma / MASTER).read_text("utf-8"), yaml.CSafeLoader))

    def found(name: str, body: Any) -> list[str]:
        schema = {"$ref": f"#/components/schemas/{name}", "components": _master["components"]}
        errors = OAS30Validator(schema, format_checker=oas30_format_checker).iter_errors(body)
        return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]

    return found


async def test_the_published_schemas_find_faults(faults: Faults) -> None:
    assert faults("requestStateObject", {"status": "done"})
    assert faults("responseTransaction", payment(fees=[]))


async def test_a_transfer_is_shown_as_the_specification_says_at_every_step(front: Front, faults: Faults) -> None:
    taken = await front.submit(correlation=CORRELATION, **FULL)
    view, state = f"/transactions/{taken.reference}", f"/requeststates/{taken.body['serverCorrelationId']}"

    async def keeps_to(name: str, path: str) -> Reply:
        reply = await front.call("GET", path)
        assert (reply.status, faults(name, reply.body)) == (200, []), reply.body
        return reply

    assert (taken.status, faults("requestStateObject", taken.body)) == (202, [])
    shown = (await keeps_to("responseTransaction", view)).body
    assert FULL.keys() - shown.keys() == {"senderKyc", "recipientKyc"}
    await front.heard(taken.reference, Verdict.UNKNOWN, FailureClass.UNCLEAR)
    await keeps_to("responseTransaction", view)
    await keeps_to("requestStateObject", state)
    await front.heard(taken.reference, Verdict.ACCEPTED)
    await keeps_to("responseTransaction", view)
    await keeps_to("requestStateObject", state)
    await keeps_to("responseResponse", f"/responses/{CORRELATION}")
    await keeps_to("responseHeartbeat", "/heartbeat")
    assert faults("responseTransaction", _called_back(front, taken.reference)) == []


async def test_a_failure_is_shown_as_the_specification_says(front: Front, faults: Faults) -> None:
    taken = await front.submit(correlation=CORRELATION, **FULL)
    await front.heard(taken.reference, Verdict.REFUSED, FailureClass.INSUFFICIENT_FUNDS)
    state = await front.call("GET", f"/requeststates/{taken.body['serverCorrelationId']}")
    error = await front.call("GET", f"/errors/{taken.reference}")
    assert faults("requestStateObject", state.body) == []
    assert faults("errorObject", error.body) == []
    assert _called_back(front, taken.reference) == error.body
    refused = await front.submit(correlation=CORRELATION)
    assert (refused.status, faults("errorObject", refused.body)) == (400, [])


async def test_a_reversal_is_shown_as_the_specification_says(front: Front, faults: Faults) -> None:
    noted = {name: FULL[name] for name in ("descriptionText", "fees", "requestDate", "customData", "metadata")}
    asked = {"type": "reversal", "senderKyc": "not of a reversal", "originalTransactionReference": "not ours"} | noted
    original = await front.completed()
    taken = await front.call("POST", f"/transactions/{original}/reversals", json=asked)
    assert (taken.status, faults("requestStateObject", taken.body)) == (202, [])
    viewed = (await front.call("GET", f"/transactions/{taken.reference}")).body
    assert faults("responseReversal", viewed) == faults("responseTransaction", viewed) == []
    assert viewed["originalTransactionReference"] == original
    assert noted.keys() <= viewed.keys()
    assert "senderKyc" not in viewed


async def test_a_payment_by_a_code_that_nobody_knows_is_shown_as_the_specification_says(
    front: Front, faults: Faults
) -> None:
    body = payment(debitParty=None, oneTimeCode="0" * 16)
    taken = await front.call("POST", "/transactions/type/merchantpay", json=body)
    listed = await front.call("GET", f"/accounts/msisdn/{BRAVO}/transactions")
    for found in ((await front.call("GET", f"/transactions/{taken.reference}")).body, *listed.body):
        assert faults("responseTransaction", found) == []
        assert found["debitParty"] == [{"key": "identityalias", "value": "unknown"}], "and not the code"
    assert len(listed.body) == 1


async def test_answers_about_accounts_are_what_the_specification_says(front: Front, faults: Faults) -> None:
    told = {"name": {"fullName": "Test Holder"}, "accountStatus": "available", "subStatus": None}

    async def reply(_: bytes) -> bytes:
        return encoded(Answer(finding=Finding.FOUND, body=told))

    await front.bus.answer(topology.inquiries("bravo"), reply)
    name = await front.call("GET", f"/accounts/msisdn/{BRAVO}/accountname")
    status = await front.call("GET", f"/accounts/msisdn@{BRAVO}/status")
    assert (name.status, faults("responseAccountName", name.body)) == (200, [])
    assert (status.status, faults("responseAccountStatus", status.body)) == (200, [])


@pytest.mark.parametrize(
    ("changes", "code", "property_"),
    [
        ({"fees": [{"feeType": "x", "feeAmount": 5, "feeCurrency": "KES"}]}, "formatError", "fees.0.feeAmount"),
        ({"fees": [{"feeType": "x", "feeAmount": "5\n", "feeCurrency": "KES"}]}, "formatError", "fees.0.feeAmount"),
        ({"fees": [{"feeType": "x", "feeAmount": "5", "feeCurrency": "kes"}]}, "formatError", "fees.0.feeCurrency"),
        ({"fees": [{"feeAmount": "5", "feeCurrency": "KES"}]}, "mandatoryValueNotSupplied", "fees.0.feeType"),
        ({"metadata": [{"key": "a"}]}, "mandatoryValueNotSupplied", "metadata.0.value"),
        ({"metadata": [{"key": "a", "value": None}]}, "mandatoryValueNotSupplied", "metadata.0.value"),
        ({"customData": [{"key": "a", "value": 5}]}, "formatError", "customData.0.value"),
        ({"customData": [{"key": "", "value": "b"}]}, "lengthError", "customData.0.key"),
        ({"geoCode": "GB"}, "formatError", "geoCode"),
        ({"geoCode": "91,0"}, "formatError", "geoCode"),
        ({"geoCode": "٣,٣"}, "formatError", "geoCode"),
        ({"requestDate": "yesterday"}, "formatError", "requestDate"),
        ({"requestDate": "0001-01-01T00:00:00+14:00"}, "formatError", "requestDate"),
        ({"requestingOrganisation": "shop"}, "formatError", "requestingOrganisation"),
        ({"amount": "5", "creditParty": [None]}, "mandatoryValueNotSupplied", "creditParty.0"),
    ],
)
async def test_what_could_not_be_shown_again_is_refused(front: Front, changes: Json, code: str, property_: str) -> None:
    reply = await front.submit(**changes)
    assert reply.error == (400, "validation", code)
    assert reply.parameters["property"] == property_
    assert not reply.body["errorDescription"].startswith("Value error")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2026-01-15T10:00:00Z", "2026-01-15T10:00:00.000Z"),
        ("2026-01-15T13:00:00.5+03:00", "2026-01-15T10:00:00.500Z"),
        ("2026-01-15T10:00:00", "2026-01-15T10:00:00.000Z"),
        ("2026-01-15", "2026-01-15T00:00:00.000Z"),
    ],
)
async def test_times_are_read_in_any_zone_and_shown_in_utc(front: Front, sent: str, shown: str) -> None:
    transfer = (await front.submit(requestDate=sent)).reference
    assert (await front.call("GET", f"/transactions/{transfer}")).body["requestDate"] == shown


async def test_what_is_empty_is_not_shown(front: Front) -> None:
    transfer = (await front.submit(fees=[], descriptionText="", metadata=[])).reference
    viewed = (await front.call("GET", f"/transactions/{transfer}")).body
    assert not {"fees", "descriptionText", "metadata"} & viewed.keys()


async def test_a_null_where_something_must_be_counts_as_missing(front: Front) -> None:
    for name in ("amount", "currency", "type", "debitParty", "creditParty"):
        reply = await front.call("POST", "/transactions", json=payment() | {name: None})
        assert reply.error == (400, "validation", "mandatoryValueNotSupplied")
        assert reply.parameters["property"] == name


def _called_back(front: Front, transfer: str) -> Any:
    """Render the callback, twice: what is sent again must be the same."""
    kept = front.store.transfers[transfer]
    first = result_of(kept, {}, kept.caller)
    assert result_of(kept, {}, kept.caller) == first
    return first
