"""`hub disputes ...`: see returns, recalls and reports of fraud; raise or answer one for a participant."""

import sys
from typing import Annotated, Any

import typer

from hub.commands.acting import fresh_id, propose
from hub.commands.plain import Limit, id_in, loop, out
from hub.settings import Settings

disputes = typer.Typer(no_args_is_help=True, help="Returns, recalls and reports of fraud about completed transfers.")

By = Annotated[str, typer.Option(help="your name, for the record")]
Why = Annotated[str, typer.Option(help="the evidence, for the record and for whoever approves it")]
Reason = Annotated[str, typer.Option(help="a code; `hub disputes rules` lists them")]


@disputes.command("list")
def list_(
    kind: Annotated[str, typer.Option(help="return, recall or fraud")] = "",
    state: Annotated[str, typer.Option(help="open, accepted, failed, ...")] = "",
    participant: Annotated[str, typer.Option(help="whom they concern")] = "",
    transfer: Annotated[str, typer.Option(help="what they are about")] = "",
    limit: Limit = 50,
) -> None:
    """List disputes, the newest first. Example: [cyan]hub disputes list --kind fraud --state open[/]"""
    from hub.core.office.records import Dispute, DisputeKind, DisputeState  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.disputes import dispute_table  # noqa: PLC0415

    async def main() -> None:
        where: dict[str, Any] = {}
        for name, given, known in (("kind", kind, DisputeKind), ("state", state, DisputeState)):
            if given and given not in list(known):
                raise ValueError(f"{given!r} is none of {', '.join(known)}")
            where |= {name: given} if given else {}
        where |= {"transfer": id_in(transfer)} if transfer else {}
        sides = ("raised_by", "payer_fsp", "payee_fsp") if participant else ("",)
        found: dict[str, Dispute] = {}
        async with opened(Settings()) as store:
            for side in sides:
                more = {side: participant} if side else {}
                found |= {each.id: each for each in await store.records.found(Dispute, limit=limit, **where | more)}
        newest = sorted(found.values(), key=lambda each: (each.at_ms, each.id), reverse=True)[:limit]
        out.print(dispute_table(newest) if newest else "there are no such disputes")

    loop(main)


@disputes.command("show")
def show(id_: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Show a dispute with every step and its time. Example: [cyan]hub disputes show 0195f3...[/]"""
    from hub.core.office.records import Dispute  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.disputes import dispute_view  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            found = await store.records.one(Dispute, id_in(id_))
        if found is None:
            raise ValueError(f"there is no dispute {id_}; `hub disputes list` shows which there are")
        out.print(dispute_view(found))

    loop(main)


@disputes.command("raise")
def raise_(
    kind: Annotated[str, typer.Argument(help="return, recall or fraud")],
    transfer: Annotated[str, typer.Argument(help="the completed transfer that it is about")],
    reason: Reason,
    by: By,
    why: Why,
    participant: Annotated[str, typer.Option("--for", help="whose it is; of fraud: unset, it is the scheme's")] = "",
    amount: Annotated[str, typer.Option(help="a part, such as 50.25; unset: all that may be asked for")] = "",
    recall: Annotated[bool, typer.Option("--recall", help="with fraud: ask for the money too")] = False,  # noqa: FBT002
) -> None:
    """Propose a dispute for a participant; another person approves it, for it may move money.

    Example: [cyan]hub disputes raise recall 0195f3... --for baobab --reason DUPL --by desk-1 --why letter[/]
    """
    from hub.core.office.raising import RaiseFor  # noqa: PLC0415
    from hub.core.office.records import DisputeKind  # noqa: PLC0415

    async def main() -> None:
        if kind not in list(DisputeKind):
            raise ValueError(f"{kind!r} is none of {', '.join(DisputeKind)}")
        if not participant and kind != DisputeKind.FRAUD:
            raise ValueError(f"whose {kind} is it? Say --for PARTICIPANT")
        deed = RaiseFor(
            by=by,
            ref=fresh_id(),
            dispute=fresh_id(),
            kind=DisputeKind(kind),
            transfer=id_in(transfer),
            participant=participant,
            reason=reason.upper(),
            detail=why,
            minor=await _minor(id_in(transfer), amount) if amount else 0,
            recall=recall,
        )
        await propose(deed, about=f"{kind} of {deed.transfer}", why=why)
        out.print(f"approved, it is dispute {deed.dispute}", highlight=False)

    loop(main)


@disputes.command("answer")
def answer(
    id_: Annotated[str, typer.Argument(metavar="ID", help="the dispute")],
    verdict: Annotated[str, typer.Argument(help="accepted or refused")],
    by: By,
    why: Why,
    reason: Annotated[str, typer.Option(help="of a refusal: a code; `hub disputes rules` lists them")] = "",
) -> None:
    """Propose an answer for the participant that is to give it; another person approves it, and it moves money.

    Example: [cyan]hub disputes answer 0195f3... refused --reason CUST --by desk-1 --why "their letter"[/]
    """
    from hub.core.office.disputes import AnswerFor  # noqa: PLC0415
    from hub.core.office.records import Dispute  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        if verdict not in ("accepted", "refused"):
            raise ValueError(f"{verdict!r} is neither accepted nor refused")
        async with opened(Settings()) as store:
            found = await store.records.one(Dispute, id_in(id_))
        if found is None:
            raise ValueError(f"there is no dispute {id_}; `hub disputes list` shows which there are")
        deed = AnswerFor(
            by=by,
            ref=fresh_id(),
            dispute=found.id,
            transfer=found.transfer,
            accept=verdict == "accepted",
            reason=reason.upper(),
            detail=why,
        )
        await propose(deed, about=found.id, why=why)

    loop(main)


@disputes.command("rules")
def rules() -> None:
    """Print docs/disputes.md, generated from the tables. Example: [cyan]hub disputes rules > docs/disputes.md[/]"""
    from hub.core.office.dispute_rules import disputes_markdown  # noqa: PLC0415

    sys.stdout.write(disputes_markdown())


async def _minor(transfer: str, text: str) -> int:
    """Read an amount in the currency of a transfer."""
    from hub.roles.store import opened  # noqa: PLC0415
    from routing.money import Money  # noqa: PLC0415

    async with opened(Settings()) as store:
        found = await store.transfer(transfer)
    if found is None:
        raise ValueError(f"there is no transfer {transfer}")
    minor = Money.parse(text, found.currency).minor
    if not minor:  # which would ask for everything
        raise ValueError("ask for an amount above zero")
    return minor
