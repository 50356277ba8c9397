"""Requests made from the served document, against a real hub: no failure of ours, no answer that is not documented.

Whatever is generated, callbacks go to loopback only; the requests are those of this run's seed.
"""

import asyncio
import time
import uuid
from typing import Any, Final

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from hub.http.api import HttpSettings
from hub.http.openapi import document
from hub.trial.plays import BAOBAB, SAVANNA, party
from hub.trial.world import World

EXAMPLES: Final = 4
# With the time spent, an operation that is still to come is tried once.
WITHIN_S: Final = 60.0
# Of about a hundred operations; with fewer, little more than the gate was tried.
SUCCEEDED_MIN: Final = 30
ANSWERED_WITHIN_S: Final = 20.0
# Nothing is looked at beyond a wrong hash, an institution that does not exist or a credential not encrypted for it.
LEFT_OUT: Final = (
    "X-Content-Hash",
    "X-Account-Holding-Institution-Identifier",
    "X-User-Credential-1",
    "X-User-Credential-2",
)
CHECKS: Final = [status_code_conformance, response_schema_conformance]
KNOWN: Final = {"identifierType": "msisdn", "identifier": SAVANNA, "accountId": f"msisdn@{SAVANNA}"}
LIKELY: Final[dict[str, Any]] = {
    "debitParty": party(BAOBAB),
    "creditParty": party(SAVANNA),
    **dict.fromkeys(("amount", "amountPaid", "requestAmount", "amountLimit"), "5"),
    **dict.fromkeys(("currency", "requestCurrency"), "KES"),
}
# By what a path holds, from its end: what may be changed there, and to what.
CHANGES: Final = {
    "identities": ("kycVerificationStatus", "verified"),
    "debitmandates": ("mandateStatus", "inactive"),
    "links": ("status", "inactive"),
    "authorisationcodes": ("codeState", "cancelled"),
    "batchtransactions": ("batchStatus", "approved"),
    "requeststates": ("status", "completed"),
    "transactions": ("transactionStatus", "completed"),
    "accounts": ("accountStatus", "available"),
}
REFERRING: Final = ("Reference", "authorisationCode", "batchId", "CorrelationId", "errorId")
TOKEN: Final = "/v1/oauth/accesstoken"


async def test_whatever_the_document_allows_is_answered_as_the_document_says(stage: World, seed: int) -> None:
    client = stage.clients["baobab"]
    described = document(HttpSettings(prefix=client._prefix))
    # Who calls is fixed below; credentials that are made up would never get further than the gate.
    del described["paths"][TOKEN], described["security"], described["components"]["securitySchemes"]
    schema = schemathesis.openapi.from_dict(described)
    schema.config.generation.update(allow_x00=False)  # the API has no text with it, which no pattern can say
    fixed = {"Authorization": f"Bearer {client._token}", "X-Callback-URL": f"{client._callbacks}/callbacks/generated"}
    started = time.monotonic()
    statuses: dict[str, set[int]] = {}
    references: list[str] = []
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()  # type: ignore[union-attr]
            examples = EXAMPLES if time.monotonic() - started < WITHIN_S else 1
            name = f"{operation.method.upper()} {operation.path}"
            statuses[name] = set()
            caller = Caller(session, stage.hub.api_url, fixed, statuses[name], references)
            # Made in this thread, since a hub at work uses the random numbers that are watched over meanwhile; sent
            # from another one, because the hub runs in this loop.
            await asyncio.to_thread(caller.send, cases(operation, seed, examples))
    assert len(statuses) == sum(len(item) for item in described["paths"].values())
    assert {name for name, found in statuses.items() if not found} == set()
    assert sum(bool(found & {200, 202, 204}) for found in statuses.values()) >= SUCCEEDED_MIN, statuses


def cases(operation: Any, seed: int, examples: int) -> list[Case[Any]]:
    """Generate requests that the document allows."""
    found: list[Case[Any]] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def collect(case: Case[Any]) -> None:
        found.append(case)

    collect()
    return found


class Caller:
    """Makes the requests of one operation."""

    def __init__(
        self, session: requests.Session, url: str, fixed: dict[str, str], statuses: set[int], references: list[str]
    ) -> None:
        self._session = session
        self._url = url
        self._fixed = fixed
        self._statuses = statuses
        self._references = references

    def send(self, made: list[Case[Any]]) -> None:
        """Send requests and look at the answers; every second one is made likely to get further."""
        for number, case in enumerate(made):
            if number % 2:
                self._made_likely(case)
            self._call(case)

    def _call(self, case: Case[Any]) -> None:
        for name in LEFT_OUT:
            case.headers.pop(name, None)
        response = case.call(base_url=self._url, headers=self._fixed, session=self._session, timeout=ANSWERED_WITHIN_S)
        self._statuses.add(response.status_code)
        assert response.status_code != 500, response.text
        case.validate_response(response, checks=CHECKS)
        if response.status_code == 202:
            self._references += [response.json()["objectReference"]]

    def _made_likely(self, case: Case[Any]) -> None:
        """Name people who exist, and what was created before, so that it gets further than a made-up name does."""
        for name in case.path_parameters:
            case.path_parameters[name] = KNOWN.get(name, case.path_parameters[name])
            if name.endswith(REFERRING) and self._references:
                case.path_parameters[name] = self._references[-1]
        if "X-CorrelationID" in case.headers:
            case.headers["X-CorrelationID"] = str(uuid.uuid4())  # the simplest one is generated again and again
        if isinstance(case.body, dict):
            case.body |= {name: value for name, value in LIKELY.items() if name in case.body}
        if isinstance(case.body, list):
            name, value = next(change for part, change in CHANGES.items() if f"/{part}/" in case.path)
            case.body = [{"op": "replace", "path": f"/{name}", "value": value}]
