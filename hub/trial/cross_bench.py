"""The bench across a border: what a quotation and the transfer by it cost beside a plain push, in one run.

First plain pushes, then quoted transfers at a share of their rate, both open loop: a quoted transfer is timed from the
instant at which its quotation was meant to begin to the callback of the transfer. It reports only what it measured.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from hdrh.histogram import HdrHistogram
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hub.core.command import Done, NewRate, Publish
from hub.core.participant import Participant, Role, SchemeFile
from hub.core.pricing.rules import Corridor, FeeRule, FxOffer
from hub.flow import Door
from hub.ledger.account import Kind
from hub.store.audit import run_audit
from hub.store.sql import SqlStore
from hub.trial.bench import Setup, cpu_of, executed_twice, make_transfer, open_folder, scheme_of, setup
from hub.trial.client import Client
from hub.trial.figures import report
from hub.trial.load import SLOWEST_MS, Tally, begin, drained, offer
from routing.local import LocalBus

SOURCE: Final = "KES"
TARGET: Final = "UGX"
# The best rate gives amounts that the simulator simply accepts: their last two digits mean nothing to it.
RATES: Final = {"fx0": "100", "fx1": "99"}
CAP: Final = "900000000000"
SHARE: Final = 0.65  # of the plain rate: a little more than must be reached
HELD_MS: Final = 1000
WARM_UP_S: Final = 3
DRAIN_S: Final = 30
LASTS_S: Final = 86_400
ANSWERED_WITHIN_S: Final = 60


class CrossFigures(msgspec.Struct, kw_only=True):
    """What was measured. Times of a quoted transfer begin with its quotation."""

    plain_offered_per_second: int
    plain_per_second: float
    plain_p50_ms: float
    plain_p95_ms: float
    plain_p99_ms: float
    plain_held: bool  # p99 under a second
    quoted_offered_per_second: int
    quoted_per_second: float
    quoted_p50_ms: float
    quoted_p95_ms: float
    quoted_p99_ms: float
    quoted_held: bool
    quotation_p50_ms: float
    quotation_p95_ms: float
    quotation_p99_ms: float
    rate_ratio: float  # quoted to plain transfers a second, as they were offered and completed
    plain_cpu_ms: float  # of everything, for one transfer
    quoted_cpu_ms: float  # the same with its quotation
    cpu_ratio: float  # plain to quoted: what the same machine could carry
    quoted_cpu_ms_by_part: dict[str, float]
    refused: int
    failed: int
    lost: int
    duplicated: int
    executed_twice: int
    audit_findings: int
    hub_exposure_minor: int  # what the scheme's own accounts hold beside cash at the bank and earned fees


def cross_scheme(simulator: str, wallets: int) -> SchemeFile:
    """Make the bench's scheme with a second currency, two FX providers that compete, a fee and its tax.

    The hub prices: the wallets' rails are not asked for quotes.
    """
    file = scheme_of(simulator, wallets)
    both = (SOURCE, TARGET)
    cap = dict.fromkeys(both, CAP)
    wallets_ = [msgspec.structs.replace(each, currencies=both, net_debit_cap=cap) for each in file.participant]
    dealers = [
        Participant(id=id_, name=id_, role=Role.FX_PROVIDER, country="KE", currencies=both, net_debit_cap=cap)
        for id_ in RATES
    ]
    rails = [
        msgspec.structs.replace(each, currencies=both, rail=msgspec.structs.replace(each.rail, resources=()))
        for each in file.connection
    ]
    fee = FeeRule(name="crossing", currency=SOURCE, other=TARGET, percent="0.5", min="1")
    return msgspec.structs.replace(
        file,
        participant=(*wallets_, *dealers),
        connection=tuple(rails),
        corridor=(Corridor(source=SOURCE, target=TARGET, requires=("senderKyc.subjectName.fullName",)),),
        fx=tuple(
            FxOffer(
                provider=id_, source=SOURCE, target=TARGET, valid_s=LASTS_S, stale_after_s=LASTS_S, exposure_max=CAP
            )
            for id_ in RATES
        ),
        fee=(fee, FeeRule(name="excise", currency=SOURCE, other=TARGET, tax=True, of=("crossing",), percent="15")),
    )


async def measure_crossing(
    console: Console, *, rate: int, seconds: int, embedded: bool, json_file: Path | None
) -> bool:
    """Measure, print, write; returns False when a transfer is not accounted for."""
    console.print("starting PostgreSQL, the broker, the roles and the providers ...")
    with open_folder() as folder:
        async with setup(folder, embedded=embedded, scheme=cross_scheme) as bench:
            await _publish(bench.database)
            figures = await _both(console, bench, rate, seconds)
    found = msgspec.to_builtins(figures)
    await report(console, found, json_file)
    unaccounted = ("refused", "failed", "lost", "duplicated", "executed_twice", "audit_findings", "hub_exposure_minor")
    return not any(found[each] for each in unaccounted)


async def _publish(database: str) -> None:
    store = SqlStore(database)
    await store.open()
    try:
        door = Door(store, LocalBus(), lambda _: None)
        for provider, rate in RATES.items():
            new = (NewRate(source=SOURCE, target=TARGET, rate=rate),)
            result = await door.handle(Publish(provider=provider, rates=new, by="bench"))
            if not isinstance(result, Done):
                raise TypeError(f"the rate of {provider} was refused: {result.reason}")
    finally:
        await store.close()


async def _both(console: Console, bench: Setup, rate: int, seconds: int) -> CrossFigures:
    tally, clients = bench.tally, bench.clients
    quoting = HdrHistogram(1, SLOWEST_MS * 1000, 3)  # microseconds, intended start to callback

    async def plain(begun: Callable[[int], None], rate: int = rate, seconds: int = seconds) -> None:
        await offer(tally, lambda number: make_transfer(clients, number), rate=rate, seconds=seconds, begun=begun)

    async def quoted(begun: Callable[[int], None], rate: int = int(rate * SHARE), seconds: int = seconds) -> None:
        await _offer_quoted(tally, quoting, clients, rate=rate, seconds=seconds, begun=begun)

    await plain(lambda _: None, min(rate, 200), WARM_UP_S)
    await quoted(lambda _: None, min(rate, 100), WARM_UP_S)
    await drained(tally, DRAIN_S, lambda _: None)
    first = await _phase(console, bench, f"plain, {rate}/s", rate * seconds, plain)
    quoting.reset()
    second = await _phase(console, bench, f"quoted, {int(rate * SHARE)}/s", int(rate * SHARE) * seconds, quoted)
    plain_cpu, quoted_cpu = sum(first["cpu"].values()), sum(second["cpu"].values())
    return CrossFigures(
        plain_offered_per_second=rate,
        plain_per_second=first["per_second"],
        plain_p50_ms=first["p50_ms"],
        plain_p95_ms=first["p95_ms"],
        plain_p99_ms=first["p99_ms"],
        plain_held=first["p99_ms"] < HELD_MS,
        quoted_offered_per_second=int(rate * SHARE),
        quoted_per_second=second["per_second"],
        quoted_p50_ms=second["p50_ms"],
        quoted_p95_ms=second["p95_ms"],
        quoted_p99_ms=second["p99_ms"],
        quoted_held=second["p99_ms"] < HELD_MS,
        quotation_p50_ms=quoting.get_value_at_percentile(50) / 1000,
        quotation_p95_ms=quoting.get_value_at_percentile(95) / 1000,
        quotation_p99_ms=quoting.get_value_at_percentile(99) / 1000,
        rate_ratio=round(second["per_second"] / first["per_second"], 3),
        plain_cpu_ms=round(plain_cpu, 2),
        quoted_cpu_ms=round(quoted_cpu, 2),
        cpu_ratio=round(plain_cpu / quoted_cpu, 3),
        quoted_cpu_ms_by_part={name: round(ms, 3) for name, ms in second["cpu"].items()},
        **{name: first[name] + second[name] for name in ("refused", "failed", "lost", "duplicated")},
        **await _accounted(bench),
    )


async def _accounted(bench: Setup) -> dict[str, int]:
    """Say what the providers, the audit and the scheme's own accounts say of it all."""
    audit = await asyncio.to_thread(run_audit, bench.database)
    own = [line for line in audit.trial_balance if line.account.kind is Kind.SUSPENSE]
    return {
        "executed_twice": await executed_twice(bench),
        "audit_findings": len(audit.findings),
        "hub_exposure_minor": sum(abs(line.balance) + abs(line.held) for line in own),
    }


async def _phase(
    console: Console, bench: Setup, name: str, total: int, load: Callable[[Callable[[int], None]], Awaitable[None]]
) -> dict[str, Any]:
    """Offer one kind of load, wait for the last callback, and say what it came to."""
    tally = bench.tally
    tally.clear()
    cpu, began = cpu_of(bench), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(name, total=total)
        await load(lambda count: progress.update(bar, completed=count))
        await drained(tally, DRAIN_S, lambda _: None)
    took, used = max(tally.last_callback - began, 0.001), cpu_of(bench)
    completed = len(tally.accepted) - len(tally.missing())
    return {
        "per_second": round(completed / took, 1),
        **{f"p{p}_ms": tally.whole.get_value_at_percentile(p) / 1000 for p in (50, 95, 99)},
        "cpu": {part: (used[part] - cpu[part]) / max(completed, 1) for part in used},
        "refused": len(tally.refused),
        "failed": len(tally.failed),
        "lost": len(tally.missing()),
        "duplicated": tally.duplicated(),
    }


async def _offer_quoted(
    tally: Tally,
    quoting: HdrHistogram,
    clients: Sequence[Client],
    *,
    rate: int,
    seconds: float,
    begun: Callable[[int], None],
) -> None:
    """Begin `rate` quotations a second, and by each, as soon as it is there, a transfer."""

    async def one(meant: float, number: int) -> None:
        client, _, body = make_transfer(clients, number)
        quotation = await _quoted(tally, quoting, meant, client, body)
        if quotation is not None:
            await begin(tally, meant, client, "inttransfer", body | _by(quotation))

    tasks: set[asyncio.Task[None]] = set()
    start, total = time.monotonic() + 0.05, int(rate * seconds)
    for number in range(total):
        meant = start + number / rate
        await asyncio.sleep(max(meant - time.monotonic(), 0))
        task = asyncio.create_task(one(meant, number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        begun(number + 1)
    await asyncio.gather(*tasks)


async def _quoted(
    tally: Tally, quoting: HdrHistogram, meant: float, client: Client, body: dict[str, Any]
) -> dict[str, Any] | None:
    """Ask for a quotation and wait for its callback; None, and counted as refused, when none comes."""
    correlation = str(uuid.uuid4())
    answer = tally.awaited[correlation] = asyncio.get_running_loop().create_future()
    asked = {
        "creditParty": body["creditParty"],
        "debitParty": body["debitParty"],
        "type": "inttransfer",
        "requestAmount": body["amount"],
        "requestCurrency": SOURCE,
        "customData": [{"key": "receivingCurrency", "value": TARGET}],
    }
    try:
        reply = await client.post("/quotations", asked, correlation=correlation)
        if reply.status != 202:
            tally.refused[correlation] = reply.error or str(reply.status)
            return None
        found: dict[str, Any] = msgspec.json.decode(await asyncio.wait_for(answer, ANSWERED_WITHIN_S))
    except (aiohttp.ClientError, TimeoutError) as error:
        tally.refused[correlation] = type(error).__name__
        return None
    quoting.record_value(max(1, int((time.monotonic() - meant) * 1e6)))
    if "quotes" not in found:
        tally.refused[correlation] = str(found.get("errorCode"))
        return None
    return found


def _by(quotation: dict[str, Any]) -> dict[str, Any]:
    best = quotation["quotes"][0]
    return {
        "senderKyc": {"subjectName": {"fullName": "A Sender"}},
        "internationalTransferInformation": {
            "originCountry": "KE",
            "quotationReference": quotation["quotationReference"],
            "quoteId": best["quoteId"],
        },
    }
