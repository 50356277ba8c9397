"""`hub files ...`: files to and from the settlement bank, and participants' days; it decides nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.commands.acting import done, fresh_id, propose
from hub.commands.plain import Limit, RefusedError, day_in, id_in, loop, out, plainly
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.core.office.records import File
    from hub.files.days import Sheet, Whose
    from hub.store.sql import SqlStore


def _there(folder: Path) -> Path:
    """Refuse a folder that nobody made: a slip of the pen would hide the file in a new one."""
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}: make it first, or name another")
    return folder


Folder = Annotated[
    Path, typer.Option("--to", help="the folder to write into; it must be there", file_okay=False, callback=_there)
]

files = typer.Typer(no_args_is_help=True, help="Settlement's files: to the bank, from it, and participants' days.")

Id = Annotated[str, typer.Argument(metavar="FILE", help="its id, as `hub files list` shows it")]
By = Annotated[str, typer.Option(help="your name, for the record")]
Participant = Annotated[str, typer.Argument()]
Day = Annotated[str, typer.Argument(metavar="DATE", help="such as 2026-11-24")]
Currency = Annotated[str, typer.Option(help="unset: the participant's only one")]
Form = Annotated[str, typer.Option("--format", help="camt.053 or csv")]
Own = Annotated[Path, typer.Argument(help="the file", exists=True, dir_okay=False)]


@files.command("list")
def list_(
    origin: Annotated[str, typer.Option("--from", help="hub, bank or a participant; unset: all")] = "",
    limit: Limit = 50,
) -> None:
    """List files, the newest first. Example: [cyan]hub files list --from bank[/]"""
    from hub.core.office.records import File  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.files import files_table  # noqa: PLC0415

    async def main() -> None:
        where: dict[str, Any] = {"origin": "" if origin == "hub" else origin} if origin else {}
        async with opened(Settings()) as store:
            found = await store.records.found(File, limit=limit, **where)
        out.print(files_table(found) if found else "no files")

    loop(main)


@files.command("show")
def show(id_: Id) -> None:
    """Show what is known of a file, and what is in it. Example: [cyan]hub files show 0195f3...[/]"""
    from hub.trial.files import file_lines  # noqa: PLC0415

    async def main() -> None:
        for line in file_lines(await _file(id_)):
            out.print(line, highlight=False, markup=False, soft_wrap=True)

    loop(main)


@files.command("export")
def export(id_: Id, to: Folder = Path()) -> None:
    """Write a file exactly as it was kept, and its signature beside it. Example: [cyan]hub files export 0195f3...[/]"""
    from hub.workers.files import put  # noqa: PLC0415

    async def main() -> None:
        file = await _file(id_)
        out.print(f"written: {put(to, file)}" + (", and its signature beside it" if file.signature else ""))

    loop(main)


@files.command("import")
def import_(
    file: Own,
    by: By,
    signature: Annotated[Path | None, typer.Option(help="unset: FILE.jws, where there is one", exists=True)] = None,
    why: Annotated[str, typer.Option(help="of a bank without keys: how the file came, for whoever approves it")] = "",
) -> None:
    """Take a file of the settlement bank. Example: [cyan]hub files import camt053.xml --by me[/]

    It is taken as a whole, or refused with the reason and nothing changed. The name is part of what is signed. Where
    the bank has no keys, it is proposed, and another person approves it.
    """
    from hub.files.answers import answer  # noqa: PLC0415
    from hub.roles.keys import bank_keys  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.store.answering import import_deed  # noqa: PLC0415

    async def main() -> None:
        content, mark = file.read_bytes(), _signature(file, signature)
        async with opened(Settings()) as store:
            scheme = await store.scheme()
            keys = bank_keys(scheme)
            found = answer(content, name=file.name, signature=mark, scheme=scheme, keys=keys, by_operator=True)
            deed = await import_deed(store.records, found, by=by, ref=fresh_id())
        if deed.checked:
            about = f"{file.name}, {len(deed.entries)} entries, SHA-256 {deed.sha256}"
            await propose(deed, about=about, why=why or "a file of a settlement bank that has no keys")
            out.print("Its bank signs nothing: that person compares the entries with what the bank itself says")
            return
        result = await done(deed)
        if result.reason or not result.changed:
            why_not = result.reason or f"the same file was taken before, as {deed.file}"
            raise RefusedError(f"nothing of it was taken: {why_not}")
        out.print(f"taken: {len(deed.entries)} entries, {result.transfer}; hub differences list shows what differs")

    loop(main)


@files.command("statement")
def statement(
    participant: Participant,
    day: Day,
    to: Folder = Path(),
    currency: Currency = "",
    form: Form = "camt.053",
    proof: Annotated[bool, typer.Option("--proof", help="also write the proof of its entries")] = False,  # noqa: FBT002
) -> None:
    """Write a participant's statement of a day, signed. Example: [cyan]hub files statement baobab 2026-11-24[/]

    The day must be over; `hub files day` shows one that goes on. A long one goes in pages, each a file with the
    balances at its own two ends. Its proof says for each entry how it is in the chain of journals; `hub files verify`
    checks both.
    """
    from hub.files.days import CAMT_053, CSV  # noqa: PLC0415
    from hub.store.reconciling import prove  # noqa: PLC0415
    from hub.store.reconciling import statement as written  # noqa: PLC0415

    async def main() -> None:
        if form.lower() not in (CAMT_053, CSV):
            raise ValueError(f"{form!r} is none of {CAMT_053}, {CSV}")
        async with _day_of(participant, day, currency) as (store, whose):
            now_ms = await store.records.now_ms()
            async for sheet in written(store.days, whose, now_ms, form.lower()):
                _put(sheet, to, now_ms)
            if proof:
                _put(await prove(store.days, store.ledger, whose, now_ms), to, now_ms)

    loop(main)


@files.command("day")
def day_(
    participant: Participant,
    day: Annotated[
        str, typer.Argument(metavar="[DATE]", help="unset: today, where it settles", show_default=False)
    ] = "",
    currency: Currency = "",
    limit: Limit = 50,
) -> None:
    """Show a participant's day on its position, also one that goes on. Example: [cyan]hub files day baobab[/]

    It is no statement: nothing is written or signed, and a day that goes on may end otherwise.
    """
    from hub.store.reconciling import asked, is_over  # noqa: PLC0415
    from hub.trial.statement import day_view  # noqa: PLC0415

    async def main() -> None:
        async with _day_of(participant, day, currency) as (store, whose):
            now_ms = await store.records.now_ms()
            stood = await store.days.stood(asked(whose))
        out.print(day_view(whose, stood, limit, so_far_ms=None if is_over(whose, now_ms) else now_ms))

    loop(main)


@files.command("compare")
def compare(participant: Participant, day: Day, file: Own, by: By, currency: Currency = "") -> None:
    """Hold a participant's file against the books. Example: [cyan]hub files compare baobab 2026-11-24 a.csv --by me[/]

    Every difference is kept with both sides of it; with any, the command ends with 1.
    """
    from hub.core.office.records import Difference, File  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.store.reconciling import compare_deed  # noqa: PLC0415
    from hub.trial.files import differences_table  # noqa: PLC0415

    async def main() -> None:
        async with _day_of(participant, day, currency) as (store, whose):
            now_ms = await store.records.now_ms()
            deed = await compare_deed(
                store.days, whose, file.read_bytes(), name=file.name, by=by, ref=fresh_id(), now_ms=now_ms
            )
        result = await done(deed)
        async with opened(Settings()) as store:
            kept = await store.records.one(File, result.transfer)
            found = await store.records.found(Difference, file=result.transfer, limit=100)
        if kept is None or kept.refused:
            raise RefusedError(kept.refused if kept else result.reason)
        if not found:
            out.print(f"clean: {kept.entries} entries, and the books say the same", highlight=False)
            return
        out.print(differences_table(found))
        out.print(f"{kept.differences} differences in {kept.entries} entries", highlight=False)
        raise typer.Exit(1)

    loop(main)


@files.command("verify")
def verify(
    file: Own,
    signature: Annotated[Path, typer.Argument(help="its signature, NAME.jws", exists=True, dir_okay=False)],
    keys: Annotated[Path, typer.Option(help="the sender's JWKS, as at /.well-known/jwks.json", exists=True)],
    name: Annotated[str, typer.Option(help="the name it was signed under; unset: the file's")] = "",
) -> None:
    """Check a file against its signature. Example: [cyan]hub files verify s.xml s.xml.jws --keys jwks.json[/]

    Needs no database: whoever was sent a file can do it. Of a proof, every entry's way to the chain is checked as well.
    """
    from hub.files.signature import verify as check  # noqa: PLC0415
    from hub.store.reconciling import PROOF  # noqa: PLC0415

    with plainly():
        header = check(
            file.read_bytes(),
            name=name or file.name,
            window=None,
            signature=_signature(file, signature),
            jwks=keys.read_bytes(),
        )
        proved = _proved(file.read_bytes()) if file.name.endswith(PROOF) else []
    out.print(f"unchanged since it was signed as {header.name} with the key {header.kid}", highlight=False)
    for line in proved or [f"about {header.window or 'no window'}"]:
        out.print(line, highlight=False)


def _proved(content: bytes) -> list[str]:
    """Say what a proof proves, a line each; raises ValueError where it does not hold."""
    from hub.ledger.proof import ProofError, decode  # noqa: PLC0415
    from hub.ledger.proof import verify as flaws_of  # noqa: PLC0415
    from routing.money import Money  # noqa: PLC0415

    try:
        proof = decode(content)
    except ProofError as error:
        raise ValueError(f"the signature holds, but the proof does not: {error}") from error
    if flaws := flaws_of(proof):
        raise ValueError(f"the signature holds, but the proof does not: {'; '.join(flaws[:5])}")
    postings = sum(len(each.lines) for each in proof.parts)
    opening, closing = (Money(each[3] - each[1], proof.currency) for each in (proof.opening, proof.closing))
    journals = (
        f"journals {proof.after + 1} to {proof.to}" if proof.to > proof.after else "no journals: none was written"
    )
    return [
        f"proved: {postings} postings of account {proof.account} are in the chain, in {journals};",
        f"they lead from {opening} to {closing} {proof.currency}",
        f"root of these journals: {proof.root.hex()}",
        f"hash of the chain at their end: {proof.to_hash.hex()}",
    ]


async def _file(id_: str) -> "File":
    from hub.core.office.records import File  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async with opened(Settings()) as store:
        found = await store.records.one(File, id_in(id_))
    if found is None:
        raise ValueError(f"there is no file {id_}; `hub files list` shows which there are")
    return found


@asynccontextmanager
async def _day_of(participant: str, day: str, currency: str) -> "AsyncIterator[tuple[SqlStore, Whose]]":
    """Open the store, and say which day is meant; raises ValueError for one that cannot be told."""
    from hub.files.shapes import UnwritableError  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.store.days import DayError  # noqa: PLC0415
    from hub.store.reconciling import today, whose_day  # noqa: PLC0415

    async with opened(Settings()) as store:
        scheme = await store.scheme()
        known = scheme.participants.get(participant)
        if known is None:
            raise ValueError(f"there is no participant {participant!r}; `hub positions` shows which there are")
        if not currency and len(known.currencies) != 1:
            raise ValueError(f"{participant!r} settles in {', '.join(known.currencies) or 'nothing'}: say --currency")
        try:
            of = currency.upper() or known.currencies[0]
            if day:
                whose = await whose_day(store.days, scheme, participant, of, day_in(day))
            else:
                whose = await today(store.days, scheme, participant, of, await store.records.now_ms())
            yield store, whose
        except (DayError, UnwritableError, OverflowError) as error:  # the last: a day before or after all days
            raise ValueError(str(error)) from error


def _put(sheet: "Sheet", folder: Path, now_ms: int) -> None:
    from hub.files.signature import sign  # noqa: PLC0415
    from hub.roles.keys import signer_of  # noqa: PLC0415
    from hub.workers.files import put_signed  # noqa: PLC0415

    signature = sign(sheet.content, name=sheet.name, window="", created_ms=now_ms, key=signer_of(Settings()))
    path = put_signed(folder, sheet.name, sheet.content, signature)
    out.print(f"written: {path}, and its signature", highlight=False)


def _signature(file: Path, given: Path | None) -> str:
    beside = given or file.with_name(file.name + ".jws")
    return beside.read_text("ascii", errors="replace") if beside.is_file() else ""
