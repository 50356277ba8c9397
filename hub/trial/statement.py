"""A participant's day in the demo: its statement as it is written for it, and the proof of every entry, checked.

It believes nothing: what the file says is read back, and what the proof says follows from the root alone.
"""

import asyncio
from typing import Final

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hub.core.participant import Scheme
from hub.core.settlement.settle import settling_subject
from hub.core.settlement.window import Window
from hub.files.days import CAMT_053, Whose, paged, sheet
from hub.files.inbox import read_participant_file
from hub.files.shapes import Direction, Statement, signed
from hub.ledger.proof import Proof, decode, encode, verify
from hub.store.days import Stood
from hub.store.reconciling import asked, today
from hub.store.sql import SqlStore
from hub.trial.prices import day_and_time
from hub.trial.printed import plain_table
from hub.trial.told import Told
from routing.money import Money

WHO: Final = "the hub"


async def play_statement(store: SqlStore, told: Told, participant: str, window: Window) -> None:
    """Write a participant's statement of today, and prove it; hold that the window was settled in one journal."""
    scheme, now_ms = await store.scheme(), await store.records.now_ms()
    whose = await today(store.days, scheme, participant, window.currency, now_ms)
    stood = await store.days.stood(asked(whose))
    page = paged(whose, stood.opening, stood.closing, stood.entries)
    file = await asyncio.to_thread(sheet, page, CAMT_053, whose)
    words = f"writes the day of {participant} as a camt.053"
    told.step(WHO, words, right=_says(file.content, page), detail=f"{file.name}, {len(file.content)} bytes")
    told.console.print(statement_table(page))
    proof = decode(encode(await store.ledger.prove(stood.day.account, stood.day.after, stood.day.to)))
    lines = sum(len(each.lines) for each in proof.parts)
    flaws = verify(proof)
    words = f"proves it: {lines} postings in {len(proof.parts)} of {proof.to - proof.after} journals, by their root"
    told.step(WHO, words, right=not flaws and _closes(proof, page), detail=proof.root.hex())
    told.check("one minor unit more in one of them is found out", right=bool(verify(_changed(proof))))
    journals = await _settled_in(store, scheme, window, now_ms)
    words = f"window {window.number} was settled in one journal, {', '.join(journals) or 'none'}"
    told.check(words, right=len(journals) == 1)


def day_view(whose: Whose, stood: Stood, limit: int, *, so_far_ms: int | None) -> RenderableType:
    """Return a day in short, and its last entries; `so_far_ms`: until when it was looked at, where it is not over."""
    page = paged(whose, stood.opening, stood.closing, stood.entries)
    head = f"{whose.participant}, {whose.day.isoformat()}"
    if so_far_ms is not None:
        head += f", SO FAR, at {day_and_time(so_far_ms)} UTC: this is no statement, for the day goes on"
    lines = plain_table("entries, the last first", "at (UTC)", "what", "with", "of")
    for name in ("credit", "debit"):
        lines.add_column(name, justify="right")
    for each in list(reversed(page.entries))[:limit]:
        figures = [str(each.money) if each.direction is side else "" for side in (Direction.CREDIT, Direction.DEBIT)]
        other = each.counterparty.id if each.counterparty is not None else ""
        of = each.transfer or each.window or each.text
        lines.add_row(day_and_time(each.booked_ms), str(each.kind), other, of, *figures)
    return Group(Text(head, style="bold"), statement_table(page), *([lines] if page.entries else []))


def statement_table(told: Statement) -> Table:
    """Return a statement in short: the balances at its ends, and between them what moved, by kind."""
    table = plain_table(f"{told.owner.id}, {told.currency}", "", "entries")
    for column in ("credit", "debit", "balance"):
        table.add_column(column, justify="right")
    table.add_row("opening", "", "", "", str(told.opening))
    for kind in dict.fromkeys(each.kind for each in told.entries):
        entries = [each for each in told.entries if each.kind is kind]
        sums = [sum(each.money.minor for each in entries if each.direction is side) for side in Direction]
        table.add_row(
            str(kind), str(len(entries)), *(str(Money(minor, told.currency)) if minor else "" for minor in sums)
        )
    table.add_row("closing", str(len(told.entries)), "", "", str(told.closing), style="bold")
    return table


def _says(content: bytes, page: Statement) -> bool:
    """Say whether the file, read back, has the balances and entries that it was written from."""
    found = read_participant_file(content, currency=page.currency)
    moved = sum(signed(row.direction, row.money) for row in found.rows)
    ends = found.header.opening == page.opening and found.header.closing == page.closing
    return ends and len(found.rows) == len(page.entries) and page.opening.minor + moved == page.closing.minor


def _closes(proof: Proof, page: Statement) -> bool:
    """Say whether the proof leads from the statement's one balance to its other."""
    ends = [counters[3] - counters[1] for counters in (proof.opening, proof.closing)]
    return ends == [page.opening.minor, page.closing.minor]


def _changed(proof: Proof) -> Proof:
    part, *parts = proof.parts
    line, *lines = part.lines
    line = line._replace(posting=line.posting._replace(minor=line.posting.minor + 1))
    return msgspec.structs.replace(proof, parts=(part._replace(lines=(line, *lines)), *parts))


async def _settled_in(store: SqlStore, scheme: Scheme, window: Window, now_ms: int) -> list[str]:
    """List the journals in which a window's postings are, by the days of everybody who has one."""
    found: set[str] = set()
    for participant in scheme.participants:
        if scheme.position(participant, window.currency) is not None:
            whose = await today(store.days, scheme, participant, window.currency, now_ms)
            stood = await store.days.stood(asked(whose))
            entries = (each for each in stood.entries if each.subject == settling_subject(window.id))
            found |= {each.reference.partition("-")[0] for each in entries}
    return sorted(found)
