"""What a provider's answer says about what it was told to do; it believes a word only in the place where it belongs."""

from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from adapters.contract import Errand, FailureClass, Instruction, Operation, Resource, Response, Said, Subject, Verdict
from adapters.gsma_mmapi import bills, errands
from adapters.gsma_mmapi.paths import UnspeakableError, segment
from adapters.gsma_mmapi.words import CLIENTS, error_of, json_in, object_in, refused, state_told, transaction_told

_REFUSING_STATUS: Final = frozenset({400, 401, 403, 404})
_TAKEN_STATUS: Final = frozenset({200, 201, 202})
_ANYONES: Final = frozenset({"errors", "requeststates"})
DONE: Final = "completed"


class Matter(NamedTuple):
    """What the words are about: our transfer, which they may repeat, and the errand; without one, a transaction."""

    transfer: str
    errand: Errand | None = None

    @property
    def pays_a_bill(self) -> bool:
        """Say whether a biller is told of a payment."""
        return self.errand is not None and self.errand.resource is Resource.BILL_PAYMENT


def matter_of(about: Instruction) -> Matter:
    """Return what an instruction is about."""
    return _matter(about.transfer, about.operation, about.errand)


def matter_at(subject: Subject) -> Matter:
    """Return what the address of a callback is about; what is to be changed there is not known any more."""
    resource = subject.resource
    errand = None if resource is None else Errand(resource=resource, change=subject.change)
    return _matter(subject.transfer, subject.operation, errand)


def _matter(transfer: str, operation: Operation, errand: Errand | None) -> Matter:
    pays = operation is Operation.CREDIT and errand is not None and errand.resource is Resource.BILL_PAYMENT
    return Matter(transfer, errand if pays or operation is Operation.ISSUE else None)


def said_in(response: Response, matter: Matter) -> Said:
    """Read the answer to a request to act."""
    errand = matter.errand
    if response.status == 204 and errand is not None and errand.change:
        return Said(Verdict.ACCEPTED, None, provider_reference=errand.reference)
    body = object_in(response)
    said = said_by(body, matter)
    believed = _REFUSING_STATUS if error_of(body)[0] else _TAKEN_STATUS
    if response.status not in believed:
        return Said(code=said.code, text=said.text)
    if response.status == 202 and errand is not None and said.verdict is Verdict.ACCEPTED:
        # Taken, no more: no word in these objects says that it is done, as a transaction's status does.
        return Said(failure=FailureClass.PENDING, provider_reference=said.provider_reference)
    return said


def said_by(body: dict[str, Any], matter: Matter) -> Said:
    """Read what a provider gives as the end of an operation: a resource, a request state, an error object."""
    if error_of(body)[0]:
        return refused(body)
    errand = matter.errand
    moves = errand is None or matter.pays_a_bill
    if moves and body.get(CLIENTS, matter.transfer) != matter.transfer:
        return Said()
    if "serverCorrelationId" in body:
        said = state_told(body)
        made = not moves and errand is not None and not errand.change
        # The state does not show what was made: there is more to ask for.
        unseen = said._replace(verdict=Verdict.UNKNOWN, failure=FailureClass.PENDING, code=DONE)
        return unseen if made and said.verdict is Verdict.ACCEPTED else said
    if errand is None:
        return transaction_told(body)
    return bills.said_of(body) if matter.pays_a_bill else errands.said_of(body, errand)


def said_when_asked(response: Response, matter: Matter) -> Said:
    """Read what a link led to."""
    if response.status != 200:
        return Said(code=said_in(response, matter).code)
    found = bills.found_in(json_in(response), matter.transfer) if matter.pays_a_bill else object_in(response)
    return said_by(found, matter)


def more_of(said: Said, matter: Matter) -> str | None:
    """Return where to see what a request state says was made; None where there is no more to see."""
    if matter.errand is None or said.failure is not FailureClass.PENDING or said.code != DONE:
        return None
    return errands.place_of(matter.errand, said.provider_reference)


def followed(link: str, matter: Matter) -> str | None:
    """Return where a link leads, by its kind and its name alone: it decides neither the host nor what stands before."""
    whole = link.partition("#")[0].partition("?")[0].removesuffix("/")
    parts = [unquote(part) for part in whole.split("/")]
    try:
        match parts:
            case [*_, kind, name] if kind in _ANYONES:
                return f"/{kind}/{segment(name)}"
            case [*_, "transactions", name] if matter.errand is None or matter.pays_a_bill:
                return f"/transactions/{segment(name)}"
            case [*_, "bills", "payments"] | [*_, "bills", _, "payments"] if matter.pays_a_bill and matter.errand:
                return bills.payments_at(matter.errand.account, matter.errand.reference)
            case _ if matter.errand is not None and not matter.pays_a_bill:
                return errands.linked(matter.errand, parts)
    except UnspeakableError:
        return None
    return None
