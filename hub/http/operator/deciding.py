"""Writing: proposals made, approved, rejected, withdrawn, and deeds that one may do alone; the core decides every one.

One approves what one has seen: the version is named in If-Match, and the core compares the terms under lock.
"""

from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from hub.core.command import Done, Refusal
from hub.core.deeds import deed_in
from hub.core.office.operators import ACTING
from hub.core.office.proposal import REJECTING, Approve, Dismiss, Proposal, ProposalState, Propose
from hub.core.office.records import Operator, OperatorRole
from hub.core.record import Deed
from hub.http.errors import answer
from hub.http.operator.acts import Act, act_of, acts, deed_from, proposal_of, ref_of
from hub.http.operator.forms import form_of
from hub.http.operator.kept import named, written
from hub.http.operator.problems import ProblemError, refused
from hub.http.operator.row import READERS, Call, Office, Row, expected_version, versioned

KEY_MAX: Final = 255
_WHY_MAX: Final = 2_000
# What a proposal is about, where its maker does not say: the first of these that its terms have.
_SUBJECTS: Final = ("participant", "window", "payment", "transfer", "dispute", "difference", "operator")

_log: Final = structlog.get_logger("operator")


class ProposalMade(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is proposed: an act with its terms, and why."""

    act: str
    terms: dict[str, Any]
    why: str
    subject: str = ""


class Why(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a proposal is decided so."""

    why: str = ""


class Doing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of an act that needs no second person."""

    terms: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a deed came to: what it was about, and whether anything changed now."""

    act: str
    about: str
    changed: bool


class ActLine(msgspec.Struct, frozen=True, kw_only=True):
    """An act: who may do it, and whether a second person must approve it."""

    act: str
    about: str
    checked: bool
    roles: tuple[OperatorRole, ...]  # any of them


def key_of(call: Call) -> str:
    """Return the Idempotency-Key; empty: there is none."""
    text = call.request.headers.get("Idempotency-Key", "").strip()
    if len(text) > KEY_MAX or not text.isascii() or (text and not text.isprintable()):
        what = f"1 to {KEY_MAX} printable characters of ASCII"
        raise ProblemError("header_invalid", what, property_="Idempotency-Key")
    return text


def allowed(act: Act, operator: Operator) -> None:
    """Refuse whoever may not do this act."""
    if not act.roles & set(operator.roles):
        raise ProblemError("role_forbids", f"{act.name} is for {' or '.join(sorted(act.roles))}")


async def carried_out(office: Office, call: Call, deed: Deed, act: str, about: str) -> Done:
    """Hand a deed to the door; raises a ProblemError where it is refused. Who did what is logged either way."""
    result = await office.door.handle(deed)
    said = {"operator": call.operator.id, "deed": type(deed).__name__, "act": act, "about": about}
    if isinstance(result, Refusal):
        _log.warning("operator.refused", **said, reason=result.reason)
        raise refused(result)
    _log.info("operator.did", **said, changed=result.changed)
    return result


async def _propose(office: Office, call: Call) -> web.Response:
    body: ProposalMade = call.body
    act = act_of(body.act, checked=True)
    allowed(act, call.operator)
    _short(body.why)
    by, ref = call.operator.id, ref_of(call.operator.id, key_of(call), "propose")
    deed = deed_from(act, body.terms, by=by, ref=ref)
    # The deed is carried out under a reference of its own when it is approved.
    deed = msgspec.structs.replace(deed, ref="")
    id_ = proposal_of(ref)
    before = await office.store.records.one(Proposal, id_)
    if before is not None and msgspec.json.decode(before.terms) != msgspec.json.decode(msgspec.json.encode(deed)):
        raise ProblemError("key_reused", f"by it, {before.act} was proposed")
    if before is None:
        subject = body.subject or next((str(found) for each in _SUBJECTS if (found := getattr(deed, each, ""))), "")
        proposing = Propose(by=by, ref=ref, proposal=id_, deed=deed, subject=subject[:200], why=body.why)
        await carried_out(office, call, proposing, act.name, id_)
    proposal = await named(office, Proposal, id_)
    response = versioned(201 if before is None else 200, written(proposal), proposal.version)
    response.headers["Location"] = str(call.request.url.path) + f"/{id_}"
    return response


async def _approve(office: Office, call: Call) -> web.Response:
    proposal = await _seen(office, call)
    try:  # the core sees to it that it is approved by the role that approves such deeds
        deed = deed_in(bytes(proposal.terms))
    except (msgspec.DecodeError, KeyError):
        raise ProblemError("unknown_act", proposal.act, possible=list(acts())) from None
    approving = Approve(by=call.operator.id, ref=_ref(call, "approve"), proposal=proposal.id, deed=deed, why=_why(call))
    await carried_out(office, call, approving, proposal.act, proposal.id)
    return await _decided(office, proposal)


async def _reject(office: Office, call: Call) -> web.Response:
    proposal = await _seen(office, call)
    if proposal.by == call.operator.id:
        raise ProblemError("same_person", f"{proposal.by} proposed it, and withdraws it if it is not wanted")
    return await _dismissed(office, call, proposal)


async def _withdraw(office: Office, call: Call) -> web.Response:
    proposal = await _seen(office, call)
    if proposal.by != call.operator.id:
        raise ProblemError("not_the_maker", f"{proposal.by} proposed it")
    return await _dismissed(office, call, proposal)


async def _dismissed(office: Office, call: Call, proposal: Proposal) -> web.Response:
    dismissing = Dismiss(by=call.operator.id, ref=_ref(call, "dismiss"), proposal=proposal.id, why=_why(call))
    await carried_out(office, call, dismissing, proposal.act, proposal.id)
    return await _decided(office, proposal)


async def _seen(office: Office, call: Call) -> Proposal:
    """Return the proposal that is decided, in the version that was looked at; raises a ProblemError for another.

    What was decided by this same request before is answered again, as it was.
    """
    expected = expected_version(call.request)
    proposal = await named(office, Proposal, call.part("id"))
    if proposal.state is ProposalState.OPEN and proposal.version != expected:
        raise ProblemError("version_differs", f"it is at version {proposal.version}")
    return proposal


async def _decided(office: Office, before: Proposal) -> web.Response:
    proposal = await named(office, Proposal, before.id)
    return versioned(200, written(proposal), proposal.version)


def _ref(call: Call, what: str) -> str:
    return ref_of(call.operator.id, key_of(call), what, call.part("id"))


def _why(call: Call) -> str:
    body: Why = call.body
    _short(body.why)
    return body.why


def _short(why: str) -> None:
    if len(why) > _WHY_MAX:
        raise ProblemError("body_invalid", f"at most {_WHY_MAX} characters", property_="why")


async def _do(office: Office, call: Call) -> web.Response:
    body: Doing = call.body
    act = act_of(call.part("act"), checked=False)
    allowed(act, call.operator)
    ref = ref_of(call.operator.id, key_of(call), act.name, body.terms)
    deed = deed_from(act, body.terms, by=call.operator.id, ref=ref)
    done = await carried_out(office, call, deed, act.name, "")
    return answer(200, {"act": act.name, "about": done.transfer, "changed": done.changed})


async def _acts(_: Office, __: Call) -> web.Response:
    found = [
        {"act": each.name, "about": each.about, "checked": each.kind.checked, "roles": sorted(each.roles)}
        for each in acts().values()
    ]
    return answer(200, found)


_MAKERS: Final = frozenset({OperatorRole.MAKER, OperatorRole.ADMIN})
_PROPOSAL: Final = form_of(Proposal)

ROWS: Final = (
    Row("GET", "/acts", _acts, "List what operators can do: alone, or by a proposal", READERS, list[ActLine]),
    Row(
        "POST",
        "/proposals",
        _propose,
        "Propose an act that another operator is to approve",
        _MAKERS,
        _PROPOSAL,
        (200, 201),
        ProposalMade,
        keyed=True,
    ),
    Row(
        "POST",
        "/proposals/{id}/approve",
        _approve,
        "Approve what another proposed: it is carried out in the same commit",
        REJECTING,
        _PROPOSAL,
        body=Why,
        versioned=True,
        keyed=True,
    ),
    Row(
        "POST",
        "/proposals/{id}/reject",
        _reject,
        "Reject what another proposed",
        REJECTING,
        _PROPOSAL,
        body=Why,
        versioned=True,
        keyed=True,
    ),
    Row(
        "POST",
        "/proposals/{id}/withdraw",
        _withdraw,
        "Withdraw what one has proposed oneself",
        _MAKERS,
        _PROPOSAL,
        body=Why,
        versioned=True,
        keyed=True,
    ),
    Row(
        "POST",
        "/deeds/{act}",
        _do,
        "Do what needs no second person",
        ACTING,
        Outcome,
        body=Doing,
        keyed=True,
        brings_file=True,
    ),
)
