"""Files that an operator brings: the settlement bank's, taken whole or not at all; a participant's day, compared.

A bank's file is held against its keys. A refused file is kept with what is wrong with it; nothing else of it stays.
"""

import asyncio
from datetime import date
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web

from hub.core.deeds import deed_in
from hub.core.office.applying import ApplyScheme, names_of
from hub.core.office.operators import approver_of
from hub.core.office.proposal import Proposal, ProposalState, Propose
from hub.core.office.records import File, OperatorRole
from hub.core.participant import SchemeError
from hub.core.record import Deed
from hub.files.answers import answer as read_answer
from hub.http.operator.acts import proposal_of, ref_of
from hub.http.operator.deciding import carried_out, key_of
from hub.http.operator.forms import form_of
from hub.http.operator.kept import named, written
from hub.http.operator.problems import ProblemError
from hub.http.operator.row import PREFIX, Call, Office, Row, versioned
from hub.store.answering import import_deed
from hub.store.days import DayError
from hub.store.reconciling import compare_deed, whose_day

_NAME_MAX: Final = 200
_WHY_MAX: Final = 2_000
_SCHEME_MAX: Final = 2_000_000

_log: Final = structlog.get_logger("operator")


class FileBrought(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of the settlement bank, its text as it is, and its detached signature (JWS) where the bank signs."""

    name: str
    content: str
    signature: str = ""
    why: str = ""  # of a bank without keys: how the file came, for whoever is to approve it


class SchemeBrought(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scheme file, its text as it is (TOML), and why it is to be in force."""

    content: str
    why: str
    name: str = "scheme.toml"


class DayBrought(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A participant's own file of one day, its text as it is, CSV or camt.053; and which day of which position."""

    participant: str
    day: str  # YYYY-MM-DD, where the participant settles
    currency: str
    name: str
    content: str


def _waiting() -> type[msgspec.Struct]:
    about = "What a file says that no key vouches for: it is done when another operator has approved it."
    fields: list[Any] = [("proposal", form_of(Proposal)), ("next", str)]
    return msgspec.defstruct("FileProposed", fields, kw_only=True, namespace={"__doc__": about})


def _check_why(why: str) -> None:
    if len(why) > _WHY_MAX:
        raise ProblemError("body_invalid", f"at most {_WHY_MAX} characters", property_="body.why")


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > _NAME_MAX or not name.isprintable():
        raise ProblemError("body_invalid", f"1 to {_NAME_MAX} printable characters", property_="body.name")


async def _bring(office: Office, call: Call) -> web.Response:
    """Answer POST /files."""
    body: FileBrought = call.body
    _check_name(body.name)
    _check_why(body.why)
    scheme = await office.store.scheme()
    try:
        keys = await asyncio.to_thread(office.bank_keys, scheme)
    except (ValueError, OSError) as error:
        _log.error("operator.keys_unreadable", error=str(error)[:200])
        raise ProblemError("unavailable", "the settlement bank's keys cannot be read") from None
    found = await asyncio.to_thread(
        lambda: read_answer(
            body.content.encode(errors="surrogatepass"),
            name=body.name,
            signature=body.signature,
            scheme=scheme,
            keys=keys,
            by_operator=True,
        )
    )
    ref = ref_of(call.operator.id, key_of(call), "Import", [found.id, found.sha256])
    deed = await import_deed(office.store.records, found, by=call.operator.id, ref=ref)
    if deed.checked:
        subject = f"{deed.name}, {len(deed.entries)} entries"
        return await _proposed(office, call, deed, subject, body.why or "a file of a settlement bank that has no keys")
    done = await carried_out(office, call, deed, "Import", found.id)
    refused = await office.store.records.one(File, deed.refused_as)
    if done.reason or refused is not None:
        raise ProblemError("file_refused", done.reason or (refused.refused if refused else ""))
    file = await named(office, File, deed.file)
    if file.deed != ref:
        raise ProblemError("file_refused", f"the same file was taken before, as {file.name} ({file.id})")
    return versioned(201, written(file), file.version)


async def _proposed(office: Office, call: Call, deed: Deed, subject: str, why: str) -> web.Response:
    """Put what a file says before a second person; said again under its key, it is the same proposal."""
    id_ = proposal_of(deed.ref)
    if await office.store.records.one(Proposal, id_) is None:
        proposing = Propose(by=deed.by, ref=deed.ref, proposal=id_, deed=deed, subject=subject, why=why)
        await carried_out(office, call, proposing, type(deed).__name__, id_)
    proposal = await named(office, Proposal, id_)
    path = f"{PREFIX}/proposals/{id_}"
    says = (
        f"another operator ({approver_of(type(deed))}) looks at its effects, whether they are what is meant; then: "
        f'POST {path}/approve with If-Match: "{proposal.version}"'
    )
    if proposal.state is not ProposalState.OPEN:
        says = f"it is {proposal.state}: with another Idempotency-Key it is proposed anew"
    response = versioned(202, {"proposal": written(proposal), "next": says}, proposal.version)
    response.headers["Location"] = path
    return response


async def _bring_scheme(office: Office, call: Call) -> web.Response:
    """Answer POST /schemes."""
    body: SchemeBrought = call.body
    _check_name(body.name)
    _check_why(body.why)
    if len(body.content) > _SCHEME_MAX:
        raise ProblemError("too_large", f"a scheme has at most {_SCHEME_MAX} characters")
    try:
        file = await asyncio.to_thread(office.read_scheme, body.content, body.name)
    except SchemeError as error:
        raise ProblemError("terms_invalid", str(error), property_="body.content") from None
    scheme = await office.store.scheme()
    ref = ref_of(call.operator.id, key_of(call), "ApplyScheme")
    before = await office.store.records.one(Proposal, proposal_of(ref))
    known = None if before is None else deed_in(bytes(before.terms))
    if before is not None and not (isinstance(known, ApplyScheme) and known.file == file):
        raise ProblemError("key_reused", f"by it, {before.act} was proposed, of {before.subject}")
    deed = ApplyScheme(
        by=call.operator.id,
        ref=ref,
        base=scheme.version,
        models=names_of(scheme.file),
        file=file,
        why=body.why,
    )
    return await _proposed(office, call, deed, f"{body.name}, in the place of version {scheme.version}", body.why)


async def _compare(office: Office, call: Call) -> web.Response:
    """Answer POST /days: what differs is kept, each with both sides of it."""
    body: DayBrought = call.body
    _check_name(body.name)
    try:
        day = date.fromisoformat(body.day)
    except ValueError:
        raise ProblemError("body_invalid", "a day is YYYY-MM-DD", property_="body.day") from None
    key = key_of(call)
    content = body.content.encode(errors="surrogatepass")
    ref = ref_of(call.operator.id, key, "Compare", [body.participant, body.day, body.currency, body.name, body.content])
    try:
        scheme, days = await office.store.scheme(), office.store.days
        whose = await whose_day(days, scheme, body.participant, body.currency, day)
        now_ms = await office.store.records.now_ms()
        deed = await compare_deed(days, whose, content, name=body.name, by=call.operator.id, ref=ref, now_ms=now_ms)
    except DayError as error:
        raise ProblemError("terms_invalid", str(error)) from None
    done = await carried_out(office, call, deed, "Compare", body.participant)
    file = await named(office, File, done.transfer or deed.file)
    if file.refused:
        raise ProblemError("file_refused", file.refused)
    return versioned(201, written(file), file.version)


_WAITING: Final = _waiting()

ROWS: Final = (
    Row(
        "POST",
        "/days",
        _compare,
        "Hold a participant's own file of a day against the books: GET /differences?file= lists what differs",
        frozenset({OperatorRole.MAKER}),
        form_of(File),
        (201,),
        DayBrought,
        keyed=True,
        brings_file=True,
    ),
    Row(
        "POST",
        "/files",
        _bring,
        "Bring what the settlement bank answers: every entry is taken, or none; where no key has signed it, by two",
        frozenset({OperatorRole.MAKER}),
        form_of(File),
        (201,),
        FileBrought,
        keyed=True,
        brings_file=True,
        proposed=_WAITING,
    ),
    Row(
        "POST",
        "/schemes",
        _bring_scheme,
        "Propose a scheme in the place of the one in force: another admin approves what it changes",
        frozenset({OperatorRole.ADMIN}),
        _WAITING,
        (202,),
        SchemeBrought,
        keyed=True,
        brings_file=True,
    ),
)
