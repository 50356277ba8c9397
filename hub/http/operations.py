"""The operations that exist, as one table: routes, documentation and what is public follow from it."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from aiohttp import web
from pydantic import BaseModel

from hub.http import lookups, transactions
from hub.http.api import Api, Call
from hub.http.schema import PatchItem, Reversal, Transaction, TransactionType
from routing.party import IDENTIFIER_KEYS

Answer = Callable[[Api, Call], Awaitable[web.Response]]

# The two forms of an account in a path. The first segment tells them apart: a key never holds '@'.
SINGLE: Final = "/accounts/{identifierType}/{identifier}"
MULTIPLE: Final = "/accounts/{accountId}"
_PATTERNS: Final = {
    "{identifierType}": "{identifierType:(?i:" + "|".join(sorted(IDENTIFIER_KEYS)) + ")}",
    "{accountId}": "{accountId:[^/@]+@[^/]+}",
}


class Operation(NamedTuple):
    """One operation: what it is called, what it takes, what it answers."""

    method: str
    path: str
    answer: Answer
    summary: str
    success: int
    result: str  # the schema of a successful answer, or nothing
    body: type[BaseModel] | None = None

    @property
    def route(self) -> str:
        """The path as the router reads it."""
        path = self.path
        for name, pattern in _PATTERNS.items():
            path = path.replace(name, pattern)
        return path

    @property
    def id(self) -> str:
        """A name that is unique in the document."""
        return self.answer.__name__ + ("_by_pairs" if "{accountId}" in self.path else "")


OPERATIONS: Final = (
    Operation("POST", "/transactions", transactions.create, "Create a transaction", 202, "RequestState", Transaction),
    Operation(
        "POST",
        "/transactions/type/{transactionType}",
        transactions.create_of_type,
        "Create a transaction of a type",
        202,
        "RequestState",
        TransactionType,
    ),
    Operation(
        "GET", "/transactions/{transactionReference}", transactions.view, "View a transaction", 200, "Transaction"
    ),
    Operation(
        "PATCH",
        "/transactions/{transactionReference}",
        transactions.patch,
        "Say what became of a transaction that the caller was told to carry out",
        204,
        "",
        PatchItem,
    ),
    Operation(
        "POST",
        "/transactions/{transactionReference}",
        transactions.overridden,
        "The same as PATCH, for clients that cannot send it: with the header X-HTTP-Method-Override: PATCH",
        204,
        "",
        PatchItem,
    ),
    Operation(
        "POST",
        "/transactions/{transactionReference}/reversals",
        transactions.reverse,
        "Reverse a transaction, whole or in part",
        202,
        "RequestState",
        Reversal,
    ),
    Operation(
        "GET", "/requeststates/{serverCorrelationId}", lookups.request_states, "Poll a request", 200, "RequestState"
    ),
    Operation("GET", "/responses/{clientCorrelationId}", lookups.responses, "Find a missing response", 200, "Link"),
    Operation("GET", "/errors/{errorId}", lookups.errors, "View why a request failed", 200, "Error"),
    Operation("GET", "/heartbeat", lookups.heartbeat, "Say whether the service is available", 200, "Heartbeat"),
    Operation("GET", SINGLE + "/accountname", lookups.account_name, "Name of an account's holder", 200, "AccountName"),
    Operation(
        "GET", MULTIPLE + "/accountname", lookups.account_name, "Name of an account's holder", 200, "AccountName"
    ),
    Operation("GET", SINGLE + "/status", lookups.account_status, "Status of an account", 200, "AccountStatus"),
    Operation("GET", MULTIPLE + "/status", lookups.account_status, "Status of an account", 200, "AccountStatus"),
)
