"""The GSMA Mobile Money API v1.2, spoken to a provider; it says what the hub means and invents no outcome."""

import base64
import re
from typing import Final
from urllib.parse import urlencode

import msgspec

from adapters.contract import (
    Answer,
    Connection,
    Consultation,
    Context,
    Execution,
    FailureClass,
    Finding,
    Instruction,
    Login,
    Operation,
    Outcome,
    Question,
    Request,
    Subject,
    Token,
    UnreadableError,
    outcome_heard,
    outcome_of,
    unknown,
)
from adapters.gsma_mmapi.orders import order_of
from adapters.gsma_mmapi.paths import segment
from adapters.gsma_mmapi.questions import answer_in, path_of
from adapters.gsma_mmapi.reading import (
    followed,
    matter_at,
    matter_of,
    more_of,
    said_by,
    said_in,
    said_when_asked,
)
from adapters.gsma_mmapi.words import error_of, object_in, text_at

TOKEN_PATH: Final = "/v1/oauth/accesstoken"  # noqa: S105 - where tokens are, not one
TOKEN_LIFETIME_S: Final = 300  # where the answer does not say

# Sent to the customer's own provider alone, and only when it is to do something for this customer.
_USER: Final = ("X-User-Bearer", "X-User-Credential-1", "X-User-Credential-2")
_THE_USERS: Final = frozenset({Operation.DEBIT, Operation.ISSUE})
_WHOLE: Final = re.compile(r"[0-9]{1,9}")


class Adapter:
    """One connection to a provider."""

    def __init__(self, connection: Connection) -> None:
        """Keep the connection."""
        self._connection = connection
        self._api = connection.settings.get("api_path", "")
        self._names_both = connection.settings.get("other_party", "named") == "named"

    def login(self, context: Context) -> Login:
        """Ask for a token with the client's credentials (OAuth 2.0, RFC 6749 section 4.4)."""
        secrets = self._connection.secrets
        basic = base64.b64encode(f"{secrets['client_id']}:{secrets['client_secret']}".encode()).decode()
        response = yield Request(
            method="POST",
            path=self._connection.settings.get("token_path", TOKEN_PATH),
            headers={
                **self._headers(context),
                "Authorization": f"Basic {basic}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode({"grant_type": "client_credentials"}).encode(),
            bearer=False,
        )
        body = object_in(response)
        token, lifetime_s = text_at(body, "access_token"), text_at(body, "expires_in")
        if response.status != 200 or not token:
            return None
        return Token(token, int(lifetime_s) if _WHOLE.fullmatch(lifetime_s) else TOKEN_LIFETIME_S)

    def execute(self, instruction: Instruction, context: Context) -> Execution:
        """Give the order; None when the provider says that it is at work."""
        order = order_of(instruction, names_both=self._names_both)
        if order is None:
            # Nothing is sent. It stays unknown, as every silence does, until the provider says that it never saw it.
            return unknown(instruction, text="not sent: the API has no such request")
        headers = self._headers(context) | {
            "Content-Type": "application/json",
            "X-CorrelationID": instruction.reference,
        }
        if context.callback_url:
            headers["X-Callback-URL"] = context.callback_url
        if instruction.operation in _THE_USERS:
            headers |= {name: context.user[name.lower()] for name in _USER if context.user.get(name.lower())}
        response = yield Request(
            method=order.method, path=self._api + order.path, headers=headers, body=msgspec.json.encode(order.body)
        )
        said = said_in(response, matter_of(instruction))
        return None if said.failure is FailureClass.PENDING else outcome_of(instruction, **said._asdict())

    def inquire(self, instruction: Instruction, context: Context) -> Execution:
        """Find the operation by our correlation id, and read what the provider's link leads to."""
        matter = matter_of(instruction)
        response = yield self._get(f"/responses/{segment(instruction.reference)}", context)
        body = object_in(response)
        if response.status == 404 and error_of(body)[0] == "identification":
            return unknown(instruction, FailureClass.ABSENT)
        path = followed(text_at(body, "link"), matter) if response.status == 200 else None
        if path is None:
            return unknown(instruction, code=said_in(response, matter).code)
        said = said_when_asked((yield self._get(path, context)), matter)
        if path := more_of(said, matter):
            said = said_when_asked((yield self._get(path, context)), matter)
        return outcome_of(instruction, **said._asdict())

    def consult(self, question: Question, context: Context) -> Consultation:
        """Put a question; it goes without the customer's credentials."""
        path = path_of(question)
        if path is None:
            return Answer(finding=Finding.UNSUPPORTED)
        return answer_in((yield self._get(path, context)), question.kind)

    def heard(self, request: Request, subject: Subject | None) -> Outcome | None:
        """Read the final resource, or the error object, that the provider puts to our callback address."""
        if subject is None or (subject.operation is Operation.ISSUE and subject.resource is None):
            raise UnreadableError("a callback of this API says nothing of ours but in its address")
        said = said_by(object_in(request), matter_at(subject))
        if said.failure is FailureClass.PENDING:
            return None
        if said.failure is FailureClass.UNCLEAR and not said.code:
            raise UnreadableError("neither what was asked for nor an error object")
        return outcome_heard(subject, self._connection.name, **said._asdict())

    def _get(self, path: str, context: Context) -> Request:
        return Request(method="GET", path=self._api + path, headers=self._headers(context))

    def _headers(self, context: Context) -> dict[str, str]:
        settings = self._connection.settings
        headers = {"Accept": "application/json", "X-Date": context.now.strftime("%Y-%m-%dT%H:%M:%SZ")}
        if key := self._connection.secrets.get("api_key"):
            headers["X-API-Key"] = key
        if client := settings.get("client"):
            headers["X-Client-Id"] = client
        if institution := settings.get("institution"):
            headers["X-Account-Holding-Institution-Identifier-Type"] = "organisationid"
            headers["X-Account-Holding-Institution-Identifier"] = institution
        return headers
