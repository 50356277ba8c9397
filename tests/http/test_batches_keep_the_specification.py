"""Every answer about batches against the GSMA's own file: what is sent must be strict, broken rows included."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from openapi_schema_validator import OAS30Validator, oas30_format_checker

from tests.http.batch_desk import URL, Desk, opened, row
from tests.http.front import Json

MASTER: Final = "mobile-money-api-specification-1.2.0-master_0.yaml"
# The file wants both dates from the first moment on; the hub, as the GSMA's own sandbox, omits them until they are.
NOT_YET: Final = {"'approvalDate' is a required property", "'completionDate' is a required property"}
HEADER: Final[Json] = {
    "batchTitle": "Salaries",
    "batchDescription": "January",
    "requestDate": "2026-01-15T10:00:00+03:00",
    "requestingOrganisation": {
        "requestingOrganisationIdentifierType": "organisationid",
        "requestingOrganisationIdentifier": "shop",
    },
    "customData": [{"key": "till", "value": "3"}],
}
BROKEN: Final[list[Any]] = [
    {},
    7,
    row(1, amount="x"),
    row(2, debitParty=[{"key": "shoe size", "value": "44"}]),
    row(3, creditParty=[{"key": "msisdn", "value": 7}]) | {"requestingOrganisationTransactionReference": 8},
]


@pytest.fixture
async def desk(migrated_url: str) -> AsyncIterator[Desk]:
    async with opened(migrated_url) as running:
        yield running


@pytest.fixture(scope="module")
def _components() -> Json:
    return {}


@pytest.fixture
def components(gsma: Path, _components: Json) -> Json:
    """The published schemas; the file is read once, it takes a second."""
    if not _components:
        _components.update(yaml.load((gsma / MASTER).read_text("utf-8"), yaml.CSafeLoader)["components"])
    return _components


def faults(components: Json, name: str, body: Any) -> set[str]:
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    return {error.message for error in OAS30Validator(schema, format_checker=oas30_format_checker).iter_errors(body)}


async def test_a_batch_is_shown_as_the_specification_says_at_every_step(desk: Desk, components: Json) -> None:
    headers = {"X-CorrelationID": str(uuid.uuid4()), "X-Callback-URL": URL}
    taken = await desk.send(row(1), row(2, amount="207"), *BROKEN, headers=headers, batchStatus="created", **HEADER)
    batch = taken.reference
    assert faults(components, "requestStateObject", taken.body) == set()
    assert faults(components, "responseBatchTransaction", await desk.view(batch)) == NOT_YET
    approved = await desk.approve(batch)
    assert faults(components, "requestStateObject", approved.body) == set()
    await desk.look()
    state = (await desk.call("GET", f"/requeststates/{approved.body['serverCorrelationId']}")).body
    assert faults(components, "requestStateObject", state) == set()
    found = await desk.cleared(batch)
    assert faults(components, "responseBatchTransaction", found) == set()
    assert HEADER.keys() <= found.keys()
    link = (await desk.call("GET", f"/responses/{headers['X-CorrelationID']}")).body
    assert faults(components, "responseResponse", link) == set()
    for _, _, told in desk.told():
        assert faults(components, "responseBatchTransaction", told) <= NOT_YET


async def test_rows_are_shown_as_the_specification_says(desk: Desk, components: Json) -> None:
    batch = await desk.taken(row(1), row(2, amount="207"), *BROKEN)
    await desk.cleared(batch)
    rejections, completions = await desk.rejections(batch), await desk.completions(batch)
    assert (len(rejections), len(completions)) == (1 + len(BROKEN), 1)
    for each in rejections:
        assert faults(components, "responseBatchTransactionRejection", each) == set(), each
    for each in completions:
        assert faults(components, "responseBatchTransactionCompletion", each) == set(), each
