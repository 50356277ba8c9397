"""The GSMA Mobile Money API v1.2, spoken to a provider; it says what the hub means and invents no outcome."""

import base64
import re
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

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
    Kind,
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
    unanswered,
    unknown,
)
from adapters.gsma_mmapi.words import error_of, object_in, said_by, said_in, text_at
from routing.party import Party

TOKEN_PATH: Final = "/v1/oauth/accesstoken"  # noqa: S105 - where tokens are, not one
TOKEN_LIFETIME_S: Final = 300  # where the answer does not say

# What a provider may want of the caller's request. A one-time code is the payer's secret, so it goes to no payee.
_RELAYED: Final = ("subType", "geoCode", "servicingIdentity", "requestDate", "metadata")
_RELAYED_FORWARD: Final = ("senderKyc", "recipientKyc")
_HUBS_OWN: Final = frozenset({"quotationReference", "quoteId"})  # of the hub's quote; no other provider knows them
_ANSWERED: Final = {
    Kind.ACCOUNT_NAME: ("name", ("name", "lei")),
    Kind.ACCOUNT_STATUS: ("accountStatus", ("accountStatus", "subStatus", "lei")),
}
_CLIENTS: Final = "requestingOrganisationTransactionReference"
_PAIRS_MAX: Final = 20
_DESCRIPTION_MAX: Final = 160
# To its end, for /transactions/X/reversals is another resource than /transactions/X.
_LINK: Final = re.compile(r"(?:[^?#]*/)?(transactions|errors|requeststates)/([^/?#]+)/?(?:[?#].*)?")
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
        """Post the transaction or the reversal; None when the provider says that it is at work."""
        path, body = self._order(instruction)
        headers = self._headers(context) | {
            "Content-Type": "application/json",
            "X-CorrelationID": instruction.reference,
        }
        if context.callback_url:
            headers["X-Callback-URL"] = context.callback_url
        response = yield Request(method="POST", path=self._api + path, headers=headers, body=msgspec.json.encode(body))
        said = said_in(response, instruction.transfer)
        return None if said.failure is FailureClass.PENDING else outcome_of(instruction, **said._asdict())

    def inquire(self, instruction: Instruction, context: Context) -> Execution:
        """Find the operation by our correlation id, and read what the provider's link leads to."""
        response = yield self._get(f"/responses/{_segment(instruction.reference)}", context)
        if response.status == 404 and error_of(object_in(response))[0] == "identification":
            return unknown(instruction, FailureClass.ABSENT)
        found = _LINK.fullmatch(text_at(object_in(response), "link")) if response.status == 200 else None
        if found is None:
            return unknown(instruction, code=said_in(response, instruction.transfer).code)
        # Only the resource's kind and name are taken: a link decides neither the host nor the path before them.
        response = yield self._get(f"/{found[1]}/{_segment(unquote(found[2]))}", context)
        if response.status != 200:
            return unknown(instruction, code=said_in(response, instruction.transfer).code)
        return outcome_of(instruction, **said_by(object_in(response), instruction.transfer)._asdict())

    def consult(self, question: Question, context: Context) -> Consultation:
        """Ask for an account holder's name or whether the account can be posted to."""
        account = question.party[0]
        response = yield self._get(f"/accounts/{account.key}/{_segment(account.value)}/{question.kind}", context)
        body = object_in(response)
        mandatory, known = _ANSWERED[question.kind]
        if response.status == 200 and body.get(mandatory):
            return Answer(finding=Finding.FOUND, body={name: body[name] for name in known if name in body})
        if response.status == 404 and error_of(body) == ("identification", "identifiererror"):
            return Answer(finding=Finding.NOT_FOUND)
        return unanswered()

    def heard(self, request: Request, subject: Subject | None) -> Outcome | None:
        """Read the final resource, or the error object, that the provider puts to our callback address."""
        if subject is None:
            raise UnreadableError("a callback of this API says nothing of ours but in its address")
        said = said_by(object_in(request), subject.transfer)
        if said.failure is FailureClass.PENDING:
            return None
        if said.failure is FailureClass.UNCLEAR and not said.code:
            raise UnreadableError("neither a transaction of ours nor an error object")
        return outcome_heard(subject, self._connection.name, **said._asdict())

    def _order(self, instruction: Instruction) -> tuple[str, dict[str, Any]]:
        """Return the path and the body of the request to act."""
        details = instruction.details
        body: dict[str, Any] = {
            "amount": str(instruction.money),
            "currency": instruction.money.currency,
            _CLIENTS: instruction.transfer,
        } | {name: details[name] for name in _RELAYED if details.get(name)}
        if instruction.description:
            body["descriptionText"] = instruction.description[:_DESCRIPTION_MAX]
        if custom := _custom_data(details):
            body["customData"] = custom
        if instruction.original:
            return f"/transactions/{_segment(instruction.original)}/reversals", body | {"type": "reversal"}
        body |= self._parties(instruction)
        if instruction.operation is Operation.REFUND:
            return "/transactions/type/adjustment", body
        body |= {name: details[name] for name in _RELAYED_FORWARD if details.get(name)}
        if isinstance(international := details.get("internationalTransferInformation"), dict):
            body["internationalTransferInformation"] = {
                name: value for name, value in international.items() if name not in _HUBS_OWN
            }
        if instruction.operation is Operation.DEBIT and details.get("oneTimeCode"):
            body["oneTimeCode"] = details["oneTimeCode"]
        return f"/transactions/type/{_segment(instruction.type)}", body

    def _parties(self, instruction: Instruction) -> dict[str, Any]:
        """Return both parties, the one who is elsewhere together with the institution that holds the account.

        The API has no word for whose account is whose; without the institution a provider that is told
        "merchantpay" could take it for the other direction.
        """
        payer, payee = _pairs(instruction.payer), _pairs(instruction.payee)
        gives, gets = (
            ("creditParty", "debitParty")
            if instruction.operation is Operation.REFUND
            else ("debitParty", "creditParty")
        )
        if instruction.operation is Operation.CREDIT:
            here, there = {gets: payee}, {gives: _at(payer, instruction.payer_fsp)}
        else:
            here, there = {gives: payer}, {gets: _at(payee, instruction.payee_fsp)}
        return here | there if self._names_both else here

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


def _custom_data(details: dict[str, Any]) -> list[Any]:
    """Return the caller's pairs, and the caller's own reference, which ours has taken the place of."""
    given = details.get("customData")
    pairs = list(given) if isinstance(given, list) else []
    if theirs := details.get(_CLIENTS):
        pairs = [*pairs[: _PAIRS_MAX - 1], {"key": _CLIENTS, "value": theirs}]
    return pairs


def _pairs(party: Party) -> list[dict[str, str]]:
    return [{"key": each.key, "value": each.value} for each in party]


def _at(pairs: list[dict[str, str]], institution: str) -> list[dict[str, str]]:
    known = any(pair["key"] == "organisationid" for pair in pairs)
    return pairs if known else [*pairs, {"key": "organisationid", "value": institution}]


def _segment(text: str) -> str:
    return quote(text, safe="")
