"""`hub positions`, `hub cap`, `hub block`, `hub unblock`: where participants stand, and how far they may go."""

from typing import Annotated

import typer

from hub.commands.acting import done, fresh_id, propose
from hub.commands.plain import Limit, loop, out
from hub.settings import Settings

Participant = Annotated[str, typer.Argument()]
Currency = Annotated[str, typer.Argument()]
By = Annotated[str, typer.Option(help="your name, for the record")]
Why = Annotated[str, typer.Option(help="for the record, and for the participant")]


def positions(
    participant: Annotated[str, typer.Argument(help="with its changes and alarms; unset: everybody")] = "",
    limit: Limit = 30,
) -> None:
    """Show balance, held, cap, available, alarm and block of positions. Example: [cyan]hub positions baobab[/]"""
    from hub.core.office.records import Alarm, Change  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.office import changes_table, positions_table  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            accounts = [each for each in await store.accounts() if participant in ("", each.participant)]
            if not participant:
                out.print(positions_table(accounts) if accounts else "nobody has a position: no scheme is in force yet")
                return
            if not accounts:
                raise ValueError(f"{participant} has no position; `hub positions` shows who has")
            changes = await store.records.found(Change, limit=limit, participant=participant)
            alarms = await store.records.found(Alarm, limit=limit, participant=participant)
        out.print(positions_table(accounts))
        if changes or alarms:
            out.print(changes_table(changes, alarms))

    loop(main)


def cap(
    participant: Participant,
    amount: Annotated[str, typer.Argument(help="such as 250000.50; also under what is owed")],
    currency: Currency,
    by: By,
    why: Why,
) -> None:
    """Propose how far a participant may owe. Example: [cyan]hub cap baobab 250000 KES --by me --why "its rating"[/]"""
    from hub.core.office.liquidity import SetCap  # noqa: PLC0415

    async def main() -> None:
        deed = SetCap(
            by=by, change=fresh_id(), participant=participant, currency=currency.upper(), amount=amount, why=why
        )
        await propose(deed, about=f"{participant} {amount} {deed.currency}", why=why)

    loop(main)


def block(participant: Participant, currency: Currency, by: By, why: Why) -> None:
    """Let nothing new go out of a position, at once. Example: [cyan]hub block baobab KES --by me --why "no answer"[/]

    Credits go on, and so does what is held already.
    """
    from hub.core.office.liquidity import Block  # noqa: PLC0415

    async def main() -> None:
        deed = Block(by=by, change=fresh_id(), participant=participant, currency=currency.upper(), why=why)
        changed = (await done(deed)).changed
        out.print(f"{'blocked' if changed else 'blocked already'}: {participant} {deed.currency}", highlight=False)

    loop(main)


def unblock(participant: Participant, currency: Currency, by: By, why: Why) -> None:
    """Propose to let money go out again. Example: [cyan]hub unblock baobab KES --by me --why "it answers"[/]"""
    from hub.core.office.liquidity import Unblock  # noqa: PLC0415

    async def main() -> None:
        deed = Unblock(by=by, change=fresh_id(), participant=participant, currency=currency.upper(), why=why)
        await propose(deed, about=f"{participant} {deed.currency}", why=why)

    loop(main)
