"""The `hub` command: every verb an operator has; it parses and prints, and leaves the work to the floors below.

Heavy modules are imported inside the commands, so that `hub --help` answers at once.
"""

import asyncio
import signal
import sys
from typing import Annotated

import typer

from hub.commands.apply import apply
from hub.commands.archive import archive
from hub.commands.batch import batches
from hub.commands.bench import bench
from hub.commands.differences import differences
from hub.commands.disputes import disputes
from hub.commands.files import files
from hub.commands.funds import funds
from hub.commands.notices import notices
from hub.commands.operators import operators
from hub.commands.plain import complain, out
from hub.commands.plain import loop as _loop
from hub.commands.plain import plainly as _plainly
from hub.commands.positions import block, cap, positions, unblock
from hub.commands.proposals import proposals
from hub.commands.quotes import explain, quote
from hub.commands.rates import rates
from hub.commands.transfers import cases, transfers
from hub.commands.windows import windows
from hub.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False, add_completion=False)
adapter_role = typer.Typer(invoke_without_command=True)
app.add_typer(transfers, name="transfer")
app.add_typer(rates, name="rates")
app.add_typer(batches, name="batch")
app.add_typer(funds, name="funds")
app.add_typer(proposals, name="proposals")
app.add_typer(operators, name="operators")
app.add_typer(cases, name="cases")
app.add_typer(disputes, name="disputes")
app.add_typer(windows, name="windows")
app.add_typer(files, name="files")
app.add_typer(differences, name="differences")
app.add_typer(archive, name="archive")
app.add_typer(notices, name="notices")
app.add_typer(adapter_role, name="adapter")


def run() -> None:
    """Run the command; what an operator can mend is said in one line, without a traceback."""
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        app()
    except ValidationError as error:
        for each in error.errors():
            name = ".".join(str(part) for part in each["loc"])
            complain("settings", f"{name} (HUB_{name.upper()}): {each['msg']}")
        sys.exit(2)


def _calm_the_collector() -> None:
    """Have the garbage collector leave alone what lives as long as the process, and come by less often."""
    import gc  # noqa: PLC0415

    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _serve(*names: str) -> None:
    """Run roles until SIGTERM or SIGINT, then finish what was taken."""
    from hub.observe import configure  # noqa: PLC0415
    from hub.roles.parts import Role, running  # noqa: PLC0415

    settings = Settings()
    configure(settings.log_level)

    async def main() -> None:
        stop = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        async with running(settings, frozenset(Role(name) for name in names)) as hub:
            _calm_the_collector()
            urls = filter(None, (hub.api_url, hub.provider_url, hub.operator_url))
            out.print(" ".join(("hub", *names, "ready", *urls)), highlight=False)
            await stop.wait()

    _loop(main)


@app.command()
def api() -> None:
    """Serve the GSMA API. Example: [cyan]HUB_DATABASE_URL=... HUB_BROKER_URL=... hub api[/]"""
    _serve("api")


@app.command()
def worker() -> None:
    """Apply outcomes, keep time, sweep the outbox, send callbacks. Example: [cyan]hub worker[/]"""
    _serve("worker")


@adapter_role.callback()
def adapter(context: typer.Context) -> None:
    """Speak to the providers. Examples: [cyan]hub adapter[/], [cyan]hub adapter new acme_money[/]"""
    if context.invoked_subcommand is None:
        _serve("adapter")


@adapter_role.command("new")
def adapter_new(name: Annotated[str, typer.Argument(help="lower-case letters, digits and _")]) -> None:
    """Copy the template to adapters/NAME. Example: [cyan]hub adapter new acme_money[/]"""
    from adapters.contract import ADAPTERS  # noqa: PLC0415
    from adapters.new import create  # noqa: PLC0415

    with _plainly():
        path = create(name, ADAPTERS)
    out.print(f"{path} is ready: edit adapter.toml, adapter.py and cases/, then ./makutano test tests/adapters")


@app.command(name="all")
def every() -> None:
    """Run every role in one process; without settings, on embedded servers. Example: [cyan]hub all[/]"""
    _serve("api", "worker", "adapter")


@app.command()
def migrate() -> None:
    """Bring the database to this version's tables. Example: [cyan]HUB_DATABASE_URL=... hub migrate[/]"""
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()):
            out.print("the database is up to date")

    _loop(main)


@app.command()
def openapi(
    operator: Annotated[bool, typer.Option("--operator", help="the operators' API")] = False,  # noqa: FBT002
) -> None:
    """Print the OpenAPI 3.1 document. Example: [cyan]hub openapi > openapi.json[/]"""
    import msgspec  # noqa: PLC0415

    from hub.http import openapi  # noqa: PLC0415
    from hub.http.app import HttpSettings  # noqa: PLC0415
    from hub.http.operator import openapi as operators  # noqa: PLC0415

    document = operators.document() if operator else openapi.document(HttpSettings(prefix=Settings().api_prefix))
    encoded = msgspec.json.encode(document)
    sys.stdout.write(msgspec.json.format(encoded, indent=2).decode() + "\n")


@app.command()
def credential(
    participant: Annotated[str, typer.Argument(help="whose software it is for")],
    client_id: Annotated[str, typer.Option(help="its client id; unset: the participant's id")] = "",
) -> None:
    """Give a participant new credentials, printed once and never again. Example: [cyan]hub credential baobab[/]"""
    from hub.roles.credentials import admit  # noqa: PLC0415
    from hub.roles.store import opened  # noqa: PLC0415

    async def main() -> None:
        async with opened(Settings()) as store:
            issued = await admit(store, participant, client_id or participant)
        out.print(f"client_id={issued.client_id}\nsecret={issued.secret}\napi_key={issued.api_key}", highlight=False)

    _loop(main)


@app.command()
def audit() -> None:
    """Recompute the books from postings alone and hold every transfer against them. Example: [cyan]hub audit[/]"""
    from hub.roles.store import database  # noqa: PLC0415
    from hub.store.audit import run_audit  # noqa: PLC0415
    from hub.trial.show import audit_report  # noqa: PLC0415

    async def main() -> bool:
        async with database(Settings()) as url:
            report = await asyncio.to_thread(run_audit, url)
        out.print(audit_report(report))
        return not report.findings

    if not _loop(main):
        raise typer.Exit(1)


@app.command()
def adapters() -> None:
    """List the installed adapters and what each can do. Example: [cyan]hub adapters[/]"""
    from adapters.contract import installed  # noqa: PLC0415
    from hub.trial.show import adapter_table  # noqa: PLC0415

    out.print(adapter_table(installed()))


@app.command()
def states() -> None:
    """Print docs/states.md, generated from the tables. Example: [cyan]hub states > docs/states.md[/]"""
    from hub.core.transfer import states_markdown  # noqa: PLC0415

    sys.stdout.write(states_markdown())


@app.command()
def demo() -> None:
    """Run transfers of every outcome, settle a day, then audit. Example: [cyan]hub demo[/]"""
    from hub.observe import configure  # noqa: PLC0415
    from hub.trial.demo import demonstrate  # noqa: PLC0415

    configure("error")  # what the demo shows is shown better by its own tables
    if not _loop(lambda: demonstrate(out)):
        raise typer.Exit(1)


@app.command(name="run")
def run_demo() -> None:
    """Keep the demo's world up, with lines of curl to try. Example: [cyan]hub run[/]"""
    from hub.observe import configure  # noqa: PLC0415
    from hub.trial.sandbox import keep_up  # noqa: PLC0415

    configure("warning")
    _loop(lambda: keep_up(out))


for verb in (apply, positions, cap, block, unblock, quote, explain, bench):
    app.command()(verb)


if __name__ == "__main__":
    run()
