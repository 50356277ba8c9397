"""`hub rates ...`: see what FX providers sell, publish a rate for one, confirm one that jumped; it decides nothing."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from hub.commands.acting import done, named
from hub.commands.plain import Limit, loop, out
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.core.participant import Scheme

rates = typer.Typer(invoke_without_command=True)

Provider = Annotated[str, typer.Argument(help="the FX provider")]
Source = Annotated[str, typer.Argument(help="the currency that it takes, such as KES")]
Target = Annotated[str, typer.Argument(help="the currency that it gives, such as UGX")]
By = Annotated[str, typer.Option(help="your name, for the record")]


@rates.callback()
def table(context: typer.Context) -> None:
    """Show every FX provider's rate, spread, age, state, open quotes and what is left. Example: [cyan]hub rates[/]"""
    if context.invoked_subcommand is not None:
        return
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.prices import rate_table  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            shown = rate_table(await store.scheme(), await store.market(), now_ms())
        out.print(shown)

    loop(main)


@rates.command("set")
def set_(
    provider: Provider,
    source: Source,
    target: Target,
    rate: Annotated[str, typer.Argument(help="what one unit of the source is worth, such as 28.51; before the spread")],
    by: By,
    valid: Annotated[int | None, typer.Option(help="seconds; unset: as long as the scheme says")] = None,
) -> None:
    """Publish a rate for an FX provider. Example: [cyan]hub rates set mizani KES UGX 28.51 --by desk-1 --valid 300[/]

    One that jumps further than the scheme allows is held: neither it nor the one before it is used until it is
    confirmed, or another one near the last is published.
    """
    from hub.core.command import NewRate, Publish  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        new = NewRate(source=source.upper(), target=target.upper(), rate=rate, valid_s=valid)
        async with opened(Settings()) as store:
            await named(store, by)
            _check(provider, (new.source, new.target), await store.scheme())
        result = await done(Publish(provider=provider, rates=(new,), by=f"operator {by}"))
        if not result.reason:
            out.print(f"in force: {provider} gives {rate} {new.target} for 1 {new.source}", highlight=False)
            return
        confirm = f"hub rates confirm {provider} {new.source} {new.target} --by NAME"
        out.print(
            f"{result.reason}; nobody is quoted by it. If it is right: {confirm}", style="yellow", highlight=False
        )

    loop(main)


@rates.command("confirm")
def confirm(
    provider: Provider,
    source: Source,
    target: Target,
    by: By,
    rate: Annotated[str, typer.Option(help="the one you looked at; another one that came since is not confirmed")] = "",
) -> None:
    """Confirm a rate that is held. Example: [cyan]hub rates confirm mizani KES UGX --by desk-1 --rate 31.2[/]"""
    from hub.core.command import NewRate, Publish  # noqa: PLC0415
    from hub.core.pricing.market import RateState  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            await named(store, by)
            found = (await store.market()).rates.get((provider, source.upper(), target.upper()))
        if found is None or found.state is not RateState.HELD:
            raise ValueError(f"no rate of {provider} from {source} to {target} is held; `hub rates` shows which are")
        if rate not in ("", found.rate):
            raise ValueError(f"the rate that is held is {found.rate} by now, not {rate}; nothing was confirmed")
        left_s = (found.until_ms - now_ms()) // 1000
        if left_s < 1:
            raise ValueError(f"the rate {found.rate} was good until its time was over; have it published again")
        new = NewRate(source=found.source, target=found.target, rate=found.rate, valid_s=left_s)
        await done(Publish(provider=provider, rates=(new,), by=f"operator {by}", confirmed=True))
        out.print(f"in force: {provider} gives {found.rate} {found.target} for 1 {found.source}", highlight=False)

    loop(main)


@rates.command("history")
def history(
    provider: Provider,
    source: Source,
    target: Target,
    limit: Limit = 30,
) -> None:
    """Show what was published in one direction, the newest first. Example: [cyan]hub rates history kivuko KES UGX[/]"""
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.prices import history_table  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            found = await store.rate_history(provider, source.upper(), target.upper(), limit)
        if not found:
            raise ValueError(f"{provider} has published nothing from {source} to {target}; `hub rates` shows who sells")
        out.print(history_table(found))

    loop(main)


def _check(provider: str, pair: tuple[str, str], scheme: "Scheme") -> None:
    """Refuse a rate that nobody sells, and say what there is."""
    sold = [f"{each.provider} {each.source} {each.target}" for each in scheme.file.fx]
    if f"{provider} {' '.join(pair)}" not in sold:
        raise ValueError(f"{provider} sells no {pair[1]} for {pair[0]} in this scheme; there are {'; '.join(sold)}")


def now_ms() -> int:
    """Return the time on this machine's clock: for showing; what is decided is decided on the database's."""
    return time.time_ns() // 1_000_000
