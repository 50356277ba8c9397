"""`hub windows ...`: close windows, release what is owed, see what a default would come to; it decides nothing."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from hub.commands.acting import done, fresh_id, propose
from hub.commands.plain import Limit, id_in, loop, one_of, out
from hub.settings import Settings

if TYPE_CHECKING:
    from hub.core.settlement.window import Obligation, Payment, Window
    from hub.store.sql import SqlStore

windows = typer.Typer(
    no_args_is_help=True, help="Settlement windows: close them, release what is owed, handle a default."
)

MANY = 100_000

Name = Annotated[str, typer.Argument(metavar="WINDOW", help="its id, or MODEL/NUMBER such as shillings/3")]
By = Annotated[str, typer.Option(help="your name, for the record")]
Why = Annotated[str, typer.Option(help="for whoever is to approve it, and for the record")]


@windows.command("list")
def list_(
    model: Annotated[str, typer.Option(help="of one model; unset: of all")] = "",
    state: Annotated[str, typer.Option(help="open, closed, reckoned, settling or settled; unset: all")] = "",
    limit: Limit = 50,
) -> None:
    """List windows, the newest first. Example: [cyan]hub windows list --model shillings --state settling[/]"""
    from hub.core.settlement.window import Window, WindowState  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.windows import windows_table  # noqa: PLC0415

    async def main() -> None:
        where: dict[str, Any] = {"model": model} if model else {}
        if state:
            where["state"] = str(one_of(state, WindowState))
        async with opened(Settings()) as store:
            found = await store.records.found(Window, limit=limit, **where)
        out.print(
            windows_table(found) if found else "no such windows; they open with a scheme that has settlement models"
        )

    loop(main)


@windows.command("show")
def show(name: Name) -> None:
    """Show what moved in a window, what is owed, how it is paid. Example: [cyan]hub windows show shillings/3[/]"""
    from hub.core.settlement.default import movements_of  # noqa: PLC0415
    from hub.core.settlement.window import WindowState  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.default import defaults_lines  # noqa: PLC0415
    from hub.trial.windows import nets_table, obligations_table, windows_table  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            window, obligations, payments = await _all_of(store, name)
            if window.state in (WindowState.OPEN, WindowState.CLOSED):
                moved = (*await store.settlement.movements(window), *window.carried)
            else:
                moved = movements_of(window, obligations)
        out.print(windows_table([window]))
        out.print(nets_table(msgspec.structs.replace(window, movements=moved, carried=())))
        if obligations:
            latest = sorted(obligations, key=lambda each: (-each.revision, each.debtor, each.creditor))
            wanted = [each for each in payments if each.state != "cancelled"]
            out.print(obligations_table(latest, {each.obligation: each for each in wanted}))
        for line in defaults_lines(window):
            out.print(line, highlight=False, markup=False)

    loop(main)


@windows.command("close")
def close(name: Name, by: By, why: Annotated[str, typer.Option(help="for the record")] = "") -> None:
    """Close a window; the next one opens. Example: [cyan]hub windows close shillings/3 --by desk-1[/]

    It releases no money, so one person does it. What is owed is reckoned by the worker, a moment later.
    """
    from hub.core.settlement.close import CloseWindow  # noqa: PLC0415

    async def main() -> None:
        window = await _window(name)
        await done(CloseWindow(by=by, ref=fresh_id(), window=window.id, why=why))
        out.print(f"closed: {window.model}/{window.number}; hub windows show {window.id}", highlight=False)

    loop(main)


@windows.command("release")
def release(name: Name, by: By, why: Why) -> None:
    """Release what is owed to the bank. Example: [cyan]hub windows release shillings/3 --by desk-1 --why agreed[/]"""
    from hub.core.settlement.settle import Release  # noqa: PLC0415

    async def main() -> None:
        window = await _window(name)
        await propose(Release(by=by, window=window.id), about=f"{window.model}/{window.number}", why=why)

    loop(main)


@windows.command("pay-again")
def pay_again(
    name: Name, payment: Annotated[str, typer.Argument(help="that the bank refused")], by: By, why: Why
) -> None:
    """Pay again what was refused. Example: [cyan]hub windows pay-again shillings/3 4f1c... --by desk-1 --why open[/]"""
    from hub.core.settlement.settle import PayAgain  # noqa: PLC0415

    async def main() -> None:
        window = await _window(name)
        deed = PayAgain(by=by, window=window.id, payment=id_in(payment), why=why)
        await propose(deed, about=f"{window.model}/{window.number}", why=why)

    loop(main)


@windows.command("default")
def default(
    name: Name,
    participant: Annotated[str, typer.Argument(help="who cannot pay")],
    by: By,
    why: Why,
    path: Annotated[str, typer.Option(help="cover, exclude or unwind; unset: as the model says")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="propose it; else it is only shown")] = False,  # noqa: FBT002
) -> None:
    """Preview a default. Example: [cyan]hub windows default shillings/3 baobab --by desk-1 --why letter --yes[/]

    With --yes it is proposed. Nothing is changed before another person has approved it; the participant's new debits
    are blocked then.
    """
    from hub.core.settlement.default import guarantee_in, preview  # noqa: PLC0415
    from hub.core.settlement.handle_default import HandleDefault  # noqa: PLC0415
    from hub.core.settlement.rules import DefaultPath  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415
    from hub.trial.default import preview_lines, preview_table  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            window, obligations, payments = await _all_of(store, name)
            pot = guarantee_in(await store.accounts(), window.currency)
        chosen = one_of(path, DefaultPath) if path else window.terms.default
        found = preview(window, obligations, payments, participant, chosen)
        out.print(preview_table(found, window))
        for line in preview_lines(found, window, pot):
            out.print(line, highlight=False, markup=False)
        if not yes:
            out.print("nothing is changed; with --yes it is proposed", style="yellow", highlight=False)
            return
        deed = HandleDefault(
            by=by,
            window=window.id,
            participant=participant,
            path=chosen,
            override=chosen is not window.terms.default,
            why=why,
        )
        await propose(deed, about=f"{participant} in {window.model}/{window.number}", why=why)

    loop(main)


async def _window(name: str) -> "Window":
    from hub.roles.store import opened  # noqa: PLC0415

    async with opened(Settings()) as store:
        return await _named(store, name)


async def _named(store: "SqlStore", name: str) -> "Window":
    """Find a window by its id, or by its model and number."""
    from hub.core.settlement.names import window_id  # noqa: PLC0415
    from hub.core.settlement.window import Window  # noqa: PLC0415

    model, _, number = name.partition("/")
    if number.isdecimal():
        id_ = window_id(model, int(number))
    else:
        try:
            id_ = id_in(name)
        except ValueError:
            raise ValueError(
                f"{name!r} is no window: say its model and number, such as shillings/1, or its id"
            ) from None
    found = await store.records.one(Window, id_)
    if found is None:
        raise ValueError(f"there is no window {name}; `hub windows list` shows which there are")
    return found


async def _all_of(store: "SqlStore", name: str) -> "tuple[Window, list[Obligation], list[Payment]]":
    from hub.core.settlement.window import Obligation, Payment  # noqa: PLC0415

    window = await _named(store, name)
    obligations = await store.records.found(Obligation, limit=MANY, window=window.id)
    return window, obligations, await store.records.found(Payment, limit=MANY, subject=window.id)
