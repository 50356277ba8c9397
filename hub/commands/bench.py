"""Measuring, from the command line: which bench is run; the measuring itself is in hub/trial."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.commands.plain import loop as _loop
from hub.commands.plain import out


def bench(
    rate: Annotated[int, typer.Option(help="transfers per second that are begun, whatever comes back")] = 410,
    seconds: Annotated[int, typer.Option(help="how long")] = 30,
    embedded: Annotated[bool, typer.Option("--embedded", help="one process, bus inside")] = False,  # noqa: FBT002
    json: Annotated[Path | None, typer.Option(help="write the figures here as well")] = None,
    ledger_only: Annotated[bool, typer.Option("--ledger-only", help="the ledger against pgbench only")] = False,  # noqa: FBT002
    batch: Annotated[int, typer.Option(help="one batch of so many rows instead")] = 0,
    listing: Annotated[int, typer.Option(help="lists of so many transfers of one account instead")] = 0,
    inquiries: Annotated[int, typer.Option(help="so many questions per second instead")] = 0,
    cross_border: Annotated[bool, typer.Option("--cross-border", help="quoted transfers beside plain ones")] = False,  # noqa: FBT002
    settlement: Annotated[int, typer.Option(help="close a window of so many transfers instead, under --rate")] = 0,
    gross: Annotated[bool, typer.Option("--gross", help="settled one by one, in windows of a second")] = False,  # noqa: FBT002
    operators: Annotated[int, typer.Option(help="the operators' API over so many postings instead")] = 0,
    pricing: Annotated[bool, typer.Option("--pricing", help="quotes of the pure core, no servers")] = False,  # noqa: FBT002
) -> None:
    """Measure the whole hub under open-loop load. Example: [cyan]hub bench --rate 400 --seconds 30 --json b.json[/]"""
    from hub.observe import configure  # noqa: PLC0415

    configure("error")
    if pricing:
        _price()
    elif inquiries:
        from hub.trial.inquiry_bench import measure_inquiries  # noqa: PLC0415

        _run(lambda: measure_inquiries(out, rate=inquiries, seconds=seconds, json_file=json))
    elif listing:
        from hub.trial.listing_bench import measure_listing  # noqa: PLC0415

        _run(lambda: measure_listing(out, listing, json_file=json))
    elif batch:
        from hub.trial.batch_bench import measure_batch  # noqa: PLC0415

        _run(lambda: measure_batch(out, batch, embedded=embedded, json_file=json))
    elif settlement or gross:
        _settle(settlement, rate, seconds, json)
    elif operators:
        from hub.trial.operator_bench import measure_operators  # noqa: PLC0415

        _run(lambda: measure_operators(out, operators, json_file=json))
    elif cross_border:
        from hub.trial.cross_bench import measure_crossing  # noqa: PLC0415

        _run(lambda: measure_crossing(out, rate=rate, seconds=seconds, embedded=embedded, json_file=json))
    else:
        from hub.trial.bench import Options, measure  # noqa: PLC0415

        options = Options(rate=rate, seconds=seconds, embedded=embedded, json_file=json, ledger_only=ledger_only)
        _run(lambda: measure(out, options))


def _run(measuring: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Measure; what is not accounted for is a failure."""
    if not _loop(measuring):
        raise typer.Exit(1)


def _settle(count: int, rate: int, seconds: int, json: Path | None) -> None:
    from hub.trial.gross_bench import measure_gross  # noqa: PLC0415
    from hub.trial.settlement_bench import measure_settlement  # noqa: PLC0415

    if count:
        _run(lambda: measure_settlement(out, count, rate=rate, json_file=json))
    else:
        _run(lambda: measure_gross(out, rate=rate, seconds=seconds, json_file=json))


def _price() -> None:
    import msgspec  # noqa: PLC0415

    from hub.trial.figures import shown  # noqa: PLC0415
    from hub.trial.pricing_bench import measure_pricing  # noqa: PLC0415

    out.print(shown(msgspec.to_builtins(measure_pricing())))
