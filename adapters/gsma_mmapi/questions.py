"""Questions to a provider: where each is put, and when an answer is one; what is not clear stays unanswered."""

import re
from typing import Any, Final
from urllib.parse import quote, urlencode

from adapters.contract import Answer, Finding, Kind, Question, Response, unanswered
from adapters.gsma_mmapi.paths import account_at, segment
from adapters.gsma_mmapi.words import error_of, json_in

# Of these fields an object that answers has one at least. `None`: whatever else it holds is passed on too.
_OBJECTS: Final[dict[Kind, tuple[str, str | None]]] = {
    Kind.ACCOUNT_NAME: ("name", "name lei"),
    Kind.ACCOUNT_STATUS: ("accountStatus", "accountStatus subStatus lei"),
    Kind.ACCOUNT: ("accountIdentifiers accountStatus", None),
    Kind.BALANCE: ("currentBalance availableBalance reservedBalance accountStatus", None),
    Kind.MANDATE: ("mandateReference", None),
    Kind.LINK: ("linkReference", None),
    Kind.CODE: ("authorisationCode", None),
    Kind.HEARTBEAT: ("serviceStatus", None),
}
_LISTS: Final = {
    Kind.BILL_COMPANIES: "serviceProvider",
    Kind.BILLS: "billReference billStatus amountDue",
    Kind.BILL_PAYMENTS: "amountPaid",
    Kind.CODES: "authorisationCode",
}
# Where each is put: the first form of which everything is known.
_PATHS: Final = {
    Kind.ACCOUNT_NAME: ("{account}/accountname",),
    Kind.ACCOUNT_STATUS: ("{account}/status",),
    Kind.ACCOUNT: ("{account}",),
    Kind.BALANCE: ("{account}/balance", "/accounts/balance"),
    Kind.BILL_COMPANIES: ("/billcompanies/{name}", "{account}/billcompanies", "/billcompanies"),
    Kind.BILLS: ("{account}/bills",),
    Kind.BILL_PAYMENTS: ("{account}/bills/{name}/payments", "{account}/bills/payments", "/bills/{name}/payments"),
    Kind.MANDATE: ("{account}/debitmandates/{name}",),
    Kind.LINK: ("{account}/links/{name}",),
    Kind.CODE: ("{account}/authorisationcodes/{name}",),
    Kind.CODES: ("{account}/authorisationcodes",),
    Kind.HEARTBEAT: ("/heartbeat",),
}
_COUNT: Final = re.compile(r"[0-9]{1,9}")


def path_of(question: Question) -> str | None:
    """Return where the question is put, with its query; None where the API has no such question."""
    known = {
        "account": account_at(question.party) if question.party else "",
        "name": segment(question.reference) if question.reference else "",
    }
    forms = (
        form for form in _PATHS.get(question.kind, ()) if all(known[part] for part in known if f"{{{part}}}" in form)
    )
    form = next(forms, None)
    if form is None:
        return None
    query = f"?{urlencode(question.query, quote_via=quote)}" if question.query else ""
    return form.format_map(known) + query


def answer_in(response: Response, kind: Kind) -> Answer:
    """Read the answer: an object, a list, or the explicit word that there is no such thing."""
    said = json_in(response)
    if response.status == 404 and isinstance(said, dict) and error_of(said) == ("identification", "identifiererror"):
        return Answer(finding=Finding.NOT_FOUND)
    if response.status != 200:
        return unanswered()
    return _list(said, response, _LISTS[kind]) if kind in _LISTS else _object(said, *_OBJECTS[kind])


def _object(said: Any, marks: str, fields: str | None) -> Answer:
    if not _is_one(said, marks):
        return unanswered()
    body = said if fields is None else {name: said[name] for name in fields.split() if name in said}
    return Answer(finding=Finding.FOUND, body=body)


def _list(said: Any, response: Response, marks: str) -> Answer:
    """Read a list; some providers give its only row without the brackets, as the published schema has it."""
    rows = said if isinstance(said, list) else [said]
    if not all(_is_one(row, marks) for row in rows):
        return unanswered()
    count = response.headers.get("x-records-available-count", "")
    available = int(count) if _COUNT.fullmatch(count) else 0
    return Answer(finding=Finding.FOUND, rows=rows, available=max(available, len(rows)))


def _is_one(row: Any, marks: str) -> bool:
    return isinstance(row, dict) and not error_of(row)[0] and any(row.get(mark) for mark in marks.split())
