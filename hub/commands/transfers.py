"""`hub transfer ...` and `hub cases`: look at one transfer, rule on one, see what waits; they decide nothing."""

from typing import Annotated

import typer

from hub.commands.acting import done, propose
from hub.commands.plain import Limit, id_in, loop, out
from hub.settings import Settings

transfers = typer.Typer(no_args_is_help=True, help="Look at one transfer, or rule on one that waits for an operator.")

cases = typer.Typer(invoke_without_command=True)

MANY = 100_000

Id = Annotated[str, typer.Argument(metavar="ID", help="the transactionReference")]


@transfers.command("show")
def show(id_: Id) -> None:
    """Show all that is known of a transfer: price, steps, postings. Example: [cyan]hub transfer show 0195f3...[/]"""
    from hub.core.office.records import Dispute  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.timeline import timeline  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            found = await store.timeline(id_in(id_))
            accounts = await store.accounts() if found is not None else []
            disputes = await store.records.found(Dispute, transfer=id_in(id_))
        if found is None:
            raise ValueError(f"there is no transfer {id_}")
        out.print(timeline(found, accounts, disputes))

    loop(main)


@transfers.command("resolve")
def resolve(
    id_: Id,
    verdict: Annotated[str, typer.Argument(help="accepted or refused: what really was done; in_review: go on or not")],
    state: Annotated[str, typer.Option(help="where you saw it, as `transfer show` says: in_doubt, in_review, ...")],
    by: Annotated[str, typer.Option(help="your name, for the record")],
    why: Annotated[str, typer.Option(help="the evidence, for the record")],
) -> None:
    """Propose a ruling on a transfer that waits for operators; another person approves it, and its cases are closed.

    In doubt: the verdict is what the FSP or FX provider really did. In review (flagged by the screening or a limit):
    accepted lets it go on at the price it has, refused ends it, and nothing was held or told until now.

    Example: [cyan]hub transfer resolve 0195f3... accepted --state in_doubt --by me --why statement[/]
    """
    from hub.core.office.ruling import Rule  # noqa: PLC0415
    from hub.core.transfer import FINAL, State  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from routing.message import Verdict  # noqa: PLC0415

    verdicts = {each.value: each for each in Verdict if each is not Verdict.UNKNOWN}
    states = {each.value: each for each in State if each not in FINAL}

    async def main() -> None:
        for given, known in ((verdict, verdicts), (state, states)):
            if given not in known:
                raise ValueError(f"{given!r} is none of {', '.join(known)}")
        async with opened(Settings()) as store:
            found = await store.transfer(id_in(id_))
        if found is None:
            raise ValueError(f"there is no transfer {id_}")
        if found.state is not states[state]:
            raise ValueError(f"it is {found.state}, not {state} any more; look at it again: hub transfer show {id_}")
        rule = Rule(by=by, transfer=found.id, state=states[state], verdict=verdicts[verdict], why=why)
        await propose(rule, about=f"{verdict} for transfer {found.id}", why=why)

    loop(main)


@cases.callback()
def case_list(context: typer.Context, limit: Limit = 50) -> None:
    """List the operators' exception queue, the oldest first: doubt, contradictions, what was flagged for review.

    Example: [cyan]hub cases[/]
    """
    if context.invoked_subcommand is not None:
        return
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.timeline import case_table  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            found = await store.open_cases(limit)
        out.print(case_table(found) if found else "the exception queue is empty: nothing waits for an operator")

    loop(main)


@cases.command("close")
def close(
    id_: Id,
    by: Annotated[str, typer.Option(help="your name, for the record")],
    why: Annotated[str, typer.Option(help="why nothing more is to be done, for the record")],
    seq: Annotated[int | None, typer.Option(help="the step that opened it; unset: all that are open")] = None,
) -> None:
    """Close what stands in the queue for a transfer. Example: [cyan]hub cases close 0195f3... --by me --why seen[/]

    It moves no money: what became of the transfer is said by `hub transfer resolve`.
    """
    from hub.core.office.ruling import CloseCase  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            waiting = [each for each in await store.open_cases(MANY) if each.transfer == id_in(id_)]
        waiting = [each for each in waiting if seq in (None, each.seq)]
        if not waiting:
            raise ValueError(f"no such case of {id_} is open; `hub cases` shows which are")
        for case in waiting:
            await done(CloseCase(by=by, transfer=case.transfer, seq=case.seq, why=why))
            out.print(f"closed: {case.kind} of step {case.seq}", highlight=False)

    loop(main)
