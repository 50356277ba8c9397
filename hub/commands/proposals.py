"""`hub proposals ...`: what waits for a second person, and that person's word; it decides nothing itself."""

import time
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from hub.commands.acting import done, fresh_id
from hub.commands.plain import Limit, id_in, loop, out
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.core.office.proposal import Proposal

proposals = typer.Typer(
    no_args_is_help=True, help="What waits for a second person: look at it, approve it, or reject it."
)

Id = Annotated[str, typer.Argument(metavar="ID", help="the proposal's id")]
By = Annotated[str, typer.Option(help="your name; not the proposer's to approve")]


@proposals.command("list")
def list_(
    every: Annotated[bool, typer.Option("--all", help="also those that were decided")] = False,  # noqa: FBT002
    limit: Limit = 50,
) -> None:
    """List what waits for a second person, the newest first. Example: [cyan]hub proposals list[/]"""
    from hub.core.office.proposal import Proposal, ProposalState  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.office import proposal_table  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            if every:
                found = await store.records.found(Proposal, limit=limit)
            else:
                found = await store.records.found(Proposal, limit=limit, state=str(ProposalState.OPEN))
        out.print(proposal_table(found) if found else "nothing waits for a second person")

    loop(main)


@proposals.command("show")
def show(
    id_: Id,
    terms: Annotated[bool, typer.Option("--terms", help="also every field, as it was proposed")] = False,  # noqa: FBT002
) -> None:
    """Show a proposal: what it would do, by whom, why. Example: [cyan]hub proposals show 0195f3...[/]"""
    from hub.trial.office import when  # noqa: PLC0415

    async def main() -> None:
        found = await _found(id_)
        out.print(f"{found.act} {found.subject}: {found.state}", style="bold", highlight=False)
        out.print(f"proposed by {found.by} at {when(found.at_ms)}: {_inside(found.why)}", highlight=False)
        if found.decided_ms is not None:
            said = f"{found.state} by {found.decided_by} at {when(found.decided_ms)}: {_inside(found.decided_why)}"
            out.print(said, highlight=False)
        elif found.due_ms is not None:
            left_h = max(0, found.due_ms - time.time_ns() // 1_000_000) // 3_600_000
            out.print(f"it expires in {left_h} h, if nobody decides", highlight=False)
        out.print("approved, it would do this, and nothing else:", highlight=False)
        for line in found.effects:
            out.print(f"    {line}", highlight=False, markup=False, soft_wrap=True)
        if terms:
            whole = msgspec.json.format(msgspec.json.encode(msgspec.json.decode(found.terms)), indent=2).decode()
            out.print(whole, markup=False, highlight=False, soft_wrap=True)

    loop(main)


@proposals.command("approve")
def approve(
    id_: Id,
    by: By,
    why: Annotated[str, typer.Option(help="for the record")] = "",
) -> None:
    """Have a proposal carried out, as it was proposed. Example: [cyan]hub proposals approve 0195f3... --by desk-2[/]"""
    from hub.core.deeds import deed_in  # noqa: PLC0415
    from hub.core.office.proposal import Approve  # noqa: PLC0415

    async def main() -> None:
        found = await _found(id_)
        deed = deed_in(bytes(found.terms))
        result = await done(Approve(by=by, ref=fresh_id(), proposal=found.id, deed=deed, why=why))
        said = f"done: {found.act} {found.subject}, proposed by {found.by}, approved by {by}"
        came_to = ", ".join(each for each in (result.state, result.reason) if each)
        out.print(f"{said}; {came_to}" if came_to else said, highlight=False)

    loop(main)


@proposals.command("reject")
def reject(
    id_: Id,
    by: By,
    why: Annotated[str, typer.Option(help="for the record, and for whoever proposed it")],
) -> None:
    """Reject a proposal, or withdraw yours. Example: [cyan]hub proposals reject 0195f3... --by desk-2 --why twice[/]"""
    from hub.core.office.proposal import Dismiss  # noqa: PLC0415

    async def main() -> None:
        found = await _found(id_)
        await done(Dismiss(by=by, ref=fresh_id(), proposal=found.id, why=why))
        out.print(f"{'withdrawn' if by == found.by else 'rejected'}: {found.act} {found.subject}", highlight=False)

    loop(main)


def _inside(text: str) -> str:
    """Return a text whose further lines cannot be taken for the command's own."""
    return text.replace("\n", "\n    ")


async def _found(id_: str) -> "Proposal":
    from hub.core.office.proposal import Proposal  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async with opened(Settings()) as store:
        found = await store.records.one(Proposal, id_in(id_))
    if found is None:
        raise ValueError(f"there is no proposal {id_}; `hub proposals list` shows which there are")
    return found
