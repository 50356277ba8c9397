"""Who takes part and how it stands: participants, positions, the scheme in force and before, the exception queue.

It only reads. Where secrets are is not shown, though they are not in the scheme either.
"""

from typing import Any, Final

import msgspec
from aiohttp import web

from hub.core.change import Case
from hub.core.command import Reason
from hub.core.participant import Participant
from hub.http.errors import answer
from hub.http.operator.forms import Amount, Time, amount, form_of, shown
from hub.http.operator.kept import without_secrets
from hub.http.operator.lists import PAGED, TEXT, limit_of, listed, one_of, page_in, plain
from hub.http.operator.problems import ProblemError
from hub.http.operator.row import READERS, Call, Office, Query, Row, list_of
from hub.ledger.account import Account, Kind
from hub.ledger.position import available, balance
from hub.store.search import Applied, Audited

_VERSION_MAX: Final = 2**31 - 1


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How an account of the ledger stands; of a position: what its participant may still spend."""

    account: int
    kind: Kind
    participant: str  # empty: the scheme's own
    balance: Amount
    held: Amount
    coming: Amount  # held at others for it
    cap: Amount | None  # null: no floor
    available: Amount | None
    alarm_level: int
    blocked: bool


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the scheme, and its whole document."""

    version: int
    applied_at: Time
    applied_by: str
    document: dict[str, Any]


class AuditStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far the audit of what is new has come. What it finds is in the metrics and the log: until then it stands."""

    height: int
    height_at: Time
    audited: int | None
    clean_at: Time | None
    clean_age_s: int | None
    left: int
    checkpoint: int | None
    checkpoint_at: Time | None


async def _participants(office: Office, call: Call) -> web.Response:
    scheme = await office.store.scheme()
    every = [each for each in scheme.file.participant if call.query.get("status", each.status) == each.status]
    page, cursor = page_in(every, lambda each: each.id, call)
    return listed([shown(each) for each in page], cursor)


async def _participant(office: Office, call: Call) -> web.Response:
    found = (await office.store.scheme()).participants.get(call.part("id"))
    if found is None:
        raise ProblemError(Reason.RECORD_UNKNOWN)
    return answer(200, shown(found))


def position(account: Account) -> dict[str, Any]:
    """Write how an account stands."""

    def written(minor: int | None) -> dict[str, str] | None:
        return None if minor is None else amount(minor, account.currency)

    return {
        "account": account.id,
        "kind": account.kind,
        "participant": account.participant,
        "balance": written(balance(account)),
        "held": written(account.debits_pending),
        "coming": written(account.credits_pending),
        "cap": written(account.cap_minor),
        "available": written(available(account)),
        "alarm_level": account.alarm,
        "blocked": account.blocked,
    }


async def _positions(office: Office, call: Call) -> web.Response:
    wanted = {"kind": Kind.POSITION.value} | {name: call.query[name] for name in _STANDS if name in call.query}
    accounts = [
        each
        for each in await office.store.accounts()
        if all(getattr(each, name) == value for name, value in wanted.items())
    ]
    page, cursor = page_in(accounts, lambda each: f"{each.id:010}", call)
    return listed([position(each) for each in page], cursor)


async def _versions(office: Office, call: Call) -> web.Response:
    limit = limit_of(call)
    before = call.query.get("before")
    found = await office.store.search.schemes(limit=limit + 1, before=None if before is None else before[0])
    cursor = (found[limit - 1].version, "") if len(found) > limit else None
    return listed([shown(each) for each in found[:limit]], cursor)


async def _in_force(office: Office, _: Call) -> web.Response:
    return await _document(office, (await office.store.scheme()).version)


async def _version(office: Office, call: Call) -> web.Response:
    text = call.part("version")
    is_number = text.isascii() and text.isdigit() and int(text[:18]) <= _VERSION_MAX
    return await _document(office, int(text) if is_number else 0)


async def _document(office: Office, version: int) -> web.Response:
    found = await office.store.search.scheme(version)
    if found is None:
        raise ProblemError(Reason.RECORD_UNKNOWN)
    applied, document = found
    return answer(200, shown(applied) | {"document": without_secrets(document)})


async def _cases(office: Office, call: Call) -> web.Response:
    page = await office.store.search.cases(limit=limit_of(call), before=call.query.get("before"))
    return listed([shown(each) for each in page.items], page.next)


async def _audit(office: Office, _: Call) -> web.Response:
    found: Audited = await office.store.search.audited()
    status = shown(found)
    del status["now_at"]
    age_s = None if found.clean_ms is None else max(found.now_ms - found.clean_ms, 0) // 1000
    left = found.height - (found.audited or 0)
    return answer(200, status | {"clean_age_s": age_s, "left": left})


_STANDS: Final = ("kind", "participant", "currency")
_KINDS: Final = [each.value for each in Kind]

ROWS: Final = (
    Row(
        "GET",
        "/participants",
        _participants,
        "List participants as the scheme in force has them, in the order of their ids",
        READERS,
        list_of(form_of(Participant)),
        query=(
            Query(
                "status",
                "only these",
                one_of(("active", "suspended")),
                {"type": "string", "enum": ["active", "suspended"]},
            ),
            *PAGED,
        ),
    ),
    Row("GET", "/participants/{id}", _participant, "View a participant", READERS, form_of(Participant)),
    Row(
        "GET",
        "/positions",
        _positions,
        "List how positions stand: balance, held, available, cap, alarm, block; in the order of their accounts",
        READERS,
        list_of(Position),
        query=(
            Query("kind", "positions unless given", one_of(_KINDS), {"type": "string", "enum": _KINDS}),
            Query("participant", "only its own", plain, TEXT),
            Query("currency", "only in this one", plain, TEXT),
            *PAGED,
        ),
    ),
    Row("GET", "/scheme", _in_force, "View the scheme in force, with its whole document", READERS, Version),
    Row("GET", "/schemes", _versions, "List versions of the scheme", READERS, list_of(form_of(Applied)), query=PAGED),
    Row("GET", "/schemes/{version}", _version, "View a version of the scheme", READERS, Version),
    Row("GET", "/cases", _cases, "List the exception queue", READERS, list_of(form_of(Case)), query=PAGED),
    Row("GET", "/audit", _audit, "See how far the audit of what is new has come", READERS, AuditStatus),
)
