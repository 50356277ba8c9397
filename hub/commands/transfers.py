"""`hub transfer ...` and `hub cases`: look at one transfer, rule on one, see what waits; they decide nothing."""

from typing import Annotated

import typer

from hub.commands.plain import id_in, loop, out
from hub.settings import Settings

transfers = typer.Typer(no_args_is_help=True, help="Look at one transfer, or rule on one that waits for an operator.")

Id = Annotated[str, typer.Argument(metavar="ID", help="the transactionReference")]


@transfers.command("show")
def show(id_: Id) -> None:
    """Show all that is known of a transfer: price, steps, postings. Example: [cyan]hub transfer show 0195f3...[/]"""
    from hub.core.office.records import Dispute  # noqa: PLC0415
    from hub.roles.parts import opened  # noqa: PLC0415
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
    """Rule on a transfer that waits for an operator, and close what stands in `hub cases` for it.

    In doubt: the verdict is what the FSP or FX provider really did. In review (flagged by the screening or a limit):
    accepted lets it go on at the price it has, refused ends it, and nothing was held or told until now.

    Example: [cyan]hub transfer resolve 0195f3... accepted --state in_doubt --by me --why statement[/]
    """
    from hub.core.command import Refusal, Ruling  # noqa: PLC0415
    from hub.core.transfer import FINAL, State  # noqa: PLC0415
    from hub.roles.parts import carry_out, opened  # noqa: PLC0415
    from routing.message import Verdict  # noqa: PLC0415

    verdicts = {each.value: each for each in Verdict if each is not Verdict.UNKNOWN}
    states = {each.value: each for each in State if each not in FINAL}

    async def main() -> None:
        for given, known in ((verdict, verdicts), (state, states)):
            if given not in known:
                raise ValueError(f"{given!r} is none of {', '.join(known)}")
        ruling = Ruling(transfer=id_in(id_), state=states[state], verdict=verdicts[verdict], by=by, why=why)
        async with opened(Settings()) as store:
            before = await store.timeline(id_in(id_))
        result = await carry_out(Settings(), ruling)
        if isinstance(result, Refusal):
            raise ValueError(f"refused: {result.reason} {result.detail}")
        # Only what was there before: a ruling that something was not undone opens a case of its own.
        async with opened(Settings()) as store:
            for case in before.cases if before is not None else ():
                await store.close_case(case.transfer, case.seq, by)
        said = f"{id_} is now {result.state}" if result.changed else f"nothing changed: {id_} is {result.state}"
        out.print(said + (f", {result.reason}" if result.reason else ""), highlight=False)

    loop(main)


def cases(limit: Annotated[int, typer.Option(help="how many at most")] = 50) -> None:
    """List the operators' exception queue, the oldest first: doubt, contradictions, what was flagged for review.

    Example: [cyan]hub cases[/]
    """
    from hub.roles.parts import opened  # noqa: PLC0415
    from hub.trial.timeline import case_table  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            out.print(case_table(await store.open_cases(limit)))

    loop(main)
