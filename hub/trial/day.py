"""The demo's third act, a settlement day: from positions to money in banks, with what a switch must refuse on the way.

Two people of the office, a simulated settlement bank and two participants take part; everything they do goes the way
that it goes in earnest. A step that does not come out as it must is told, and fails the demo.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from rich.console import Console

from hub.core.command import Done, Reason, Refusal, Result, Transfer
from hub.core.office.funds import MoveFunds, payment_of
from hub.core.office.proposal import Approve, Propose
from hub.core.office.records import (
    Difference,
    DifferenceKind,
    DifferenceState,
    Dispute,
    DisputeState,
    Funds,
    FundsState,
)
from hub.core.office.resolving import Resolution, Resolve
from hub.core.record import Deed
from hub.core.settlement.close import CloseWindow
from hub.core.settlement.netting import nets
from hub.core.settlement.settle import Release
from hub.core.settlement.window import Obligation, Payment, Window, WindowState
from hub.core.transfer import State
from hub.files.shapes import Direction
from hub.http.ids import new_id
from hub.ledger.account import Account, Kind
from hub.ledger.position import balance
from hub.roles.keys import bank_keys
from hub.trial.bank import Booking, Order, Signed, orders_in, read
from hub.trial.disputes import dispute_view
from hub.trial.files import difference_shown
from hub.trial.office import positions_table
from hub.trial.playing import Shown, until
from hub.trial.show import amount
from hub.trial.statement import play_statement
from hub.trial.told import Told
from hub.trial.windows import nets_table, obligations_table
from hub.trial.world import World
from hub.workers.files import taken
from routing.money import Money

MAKER: Final = "maker"
CHECKER: Final = "checker"
CURRENCY: Final = "KES"
BROUGHT: Final = ("lakebank", "25000")
SHORT: Final = Money(100_000, CURRENCY)  # so much less than it should the bank books at first
RECALLED: Final = "merchant asks the payer"  # the play of the first act that its payer FSP wants back
BANK: Final = "the bank"
STATED: Final = "savanna"


class Recall(NamedTuple):
    """A recall that was raised, and whether it was accepted."""

    reference: str
    accepted: bool


class Played(NamedTuple):
    """What did not come out as it must, and the transfers that came about."""

    wrong: list[str]
    transfers: list[Transfer]


async def play_day(stage: World, console: Console, shown: Sequence[Shown]) -> Played:
    """Play the third act, about what the first one has left."""
    told = Told(console)
    await _prefunded(stage, told)
    window = await _closed(stage, told)
    recall = await _recalled(stage, told, next(each for each in shown if each.name == RECALLED))
    await _released(stage, told, window)
    order = await _ordered(stage, told, window)
    await _paid(stage, told, window, order)
    linked = await _returned(stage, told, recall)
    await play_statement(stage.hub.store, told, STATED, window)
    await _evening(stage, told)
    return Played(told.wrong, linked)


async def _prefunded(stage: World, told: Told) -> None:
    """Have a participant bring money in the morning: asked for, approved, paid in at the bank, told by it, booked."""
    told.console.print(positions_table(await _positions(stage)))
    participant, text = BROUGHT
    money, funds = Money.parse(text, CURRENCY), new_id()
    deed = MoveFunds(by=MAKER, funds=funds, participant=participant, money=money, why="prefunding of the day")
    await _by_two(stage, told, deed, f"{amount(money.minor, CURRENCY)} of prefunding from {participant}")
    answer = stage.bank.answer(funds, [Booking(payment_of(funds), Direction.CREDIT, money)])
    result = await _brought(stage, answer)
    found = await stage.hub.store.records.one(Funds, funds)
    told.step(BANK, "has got it, and says so in a signed camt.054", right=_is_done(result), detail=_why(result))
    found = await stage.hub.store.records.one(Funds, funds)
    is_there = found is not None and found.state is FundsState.CONFIRMED
    told.check(f"{amount(money.minor, CURRENCY)} more are in the position of {participant}", right=is_there)


async def _closed(stage: World, told: Told) -> Window:
    """Close the window, and have it reckoned by the worker; raises RuntimeError where there is none to close."""
    records = stage.hub.store.records
    window = (await records.found(Window, currency=CURRENCY, state=str(WindowState.OPEN)))[0]
    closing = CloseWindow(by=MAKER, ref=new_id(), window=window.id, why="end of the day")
    result = await stage.hub.door.handle(closing)
    told.step(MAKER, f"closes window {window.number} of {window.model}", right=_is_done(result), detail=_why(result))
    result = await stage.hub.door.handle(msgspec.structs.replace(closing, ref=new_id()))
    told.step(MAKER, "closes it again: refused", right=_is_refused(result, Reason.RECORD_FORBIDS), detail=_why(result))

    async def is_reckoned() -> bool:
        found = await records.one(Window, window.id)
        return found is not None and found.state is WindowState.RECKONED

    told.step(
        "the worker",
        "reckons what is owed: whoever owes pays the scheme, which pays the others",
        right=await until(is_reckoned),
    )
    found = await records.one(Window, window.id)
    if found is None or found.state is not WindowState.RECKONED:
        raise RuntimeError(f"window {window.id} was not reckoned")
    told.console.print(nets_table(found))
    owed = await records.found(Obligation, window=window.id)
    told.console.print(obligations_table(owed, {}))
    due = {each.debtor or each.creditor: each.minor if each.debtor else -each.minor for each in owed}
    told.check("every obligation is its participant's net", right=due == _nets(found))
    return found


async def _released(stage: World, told: Told, window: Window) -> None:
    """Release what is owed: by two people, and by no one alone."""
    deed = Release(by=MAKER, ref=new_id(), window=window.id)
    await _by_two(stage, told, deed, f"of window {window.number} of {window.model}", alone=True)


async def _ordered(stage: World, told: Told, window: Window) -> Order:
    """Wait for the hub's pacs.009; the bank reads it, and believes it by its signature alone. Raises RuntimeError."""
    found: list[tuple[str, Order]] = []

    def look() -> None:
        for path in orders_in(stage.exchange):
            order = stage.bank.order(*read(path))
            if order.subject == window.id:
                found.append((path.name, order))

    async def is_there() -> bool:
        await asyncio.to_thread(look)
        return bool(found)

    if not await until(is_there):
        raise RuntimeError(f"there is no pacs.009 for window {window.id} in {stage.exchange}")
    name, order = found[0]
    total = amount(sum(each.money.minor for each in order.bookings), CURRENCY)
    told.step("the hub", f"writes a signed pacs.009: {len(order.bookings)} payments, {total}", right=True, detail=name)
    return order


async def _paid(stage: World, told: Told, window: Window, order: Order) -> None:
    """Have the bank answer: a file that was changed on the way, one payment too little, then the rest of it."""
    right = stage.bank.answer(order.subject, order.bookings)
    result = await _brought(stage, right._replace(content=_changed(right.content)))
    told.step(
        BANK, "answers, and one byte is changed on the way: refused", right=bool(result.reason), detail=result.reason
    )
    short = next(
        each for each in order.bookings if each.direction is Direction.CREDIT and each.money.minor > SHORT.minor
    )
    less = short._replace(money=Money(short.money.minor - SHORT.minor, CURRENCY))
    bookings = [less if each is short else each for each in order.bookings]
    result = await _brought(stage, stage.bank.answer(order.subject, bookings))
    words = f"books one payment with {amount(SHORT.minor, CURRENCY)} too little: a difference"
    told.step(BANK, words, right=_is_done(result), detail=_why(result))
    await _show_owed(stage, told, window)
    for each in await stage.hub.store.records.found(Difference, subject=short.reference):
        told.console.print(difference_shown(each))
    await _resolved(stage, told, "it counts as booked, the rest is awaited")
    settled = await stage.hub.store.records.one(Window, window.id)
    is_settled = settled is not None and settled.state is WindowState.SETTLED
    told.check(f"window {window.number} of {window.model} is settled", right=is_settled)
    told.check("what the bank lacks is in suspense", right=await _suspense(stage) == -SHORT.minor)
    result = await _brought(stage, stage.bank.answer(order.subject, [short._replace(money=SHORT)]))
    told.step(BANK, "books the rest of it, and says so", right=_is_done(result), detail=_why(result))
    await _resolved(stage, told, "that is the rest")
    told.check("nothing is in suspense any more", right=await _suspense(stage) == 0)


async def _resolved(stage: World, told: Told, why: str) -> None:
    """Resolve the one difference with the bank that is open, by two people."""
    found = await stage.hub.store.records.found(Difference, state=str(DifferenceState.OPEN))
    told.check("it is one difference, too little", right=[each.kind for each in found] == [DifferenceKind.UNDER])
    for each in found:
        deed = Resolve(
            by=MAKER,
            ref=new_id(),
            difference=each.id,
            payment=each.subject,
            about=each.about,
            resolution=Resolution.ACCEPT_BOOKED,
            currency=CURRENCY,
            why=why,
        )
        await _by_two(stage, told, deed, f"of the difference: {why}")


async def _recalled(stage: World, told: Told, play: Shown) -> Recall:
    """Have the payer FSP ask for a transfer back over the API, and the payee FSP say yes."""
    transfer = play.found.transfer if play.found is not None else None
    if transfer is None:
        raise RuntimeError(f"{play.name!r} came to no transfer")
    payer, payee = stage.clients[transfer.payer_fsp], stage.clients[transfer.payee_fsp]
    asked = {"kind": "recall", "transactionReference": transfer.id, "reasonCode": "DUPL"}
    raised = await payer.post("/disputes", asked, callback=False)
    told.step(
        transfer.payer_fsp,
        f"recalls {amount(transfer.minor, transfer.currency)} of act one, over the API: paid twice",
        right=raised.status == 201,
        detail=raised.error,
    )
    reference = str(raised.body.get("disputeReference", ""))
    answered = await payee.post(f"/disputes/{reference}/answer", {"answer": "accepted"}, callback=False)
    told.step(transfer.payee_fsp, "accepts", right=answered.status == 200, detail=answered.error)
    return Recall(reference, answered.status == 200)


async def _returned(stage: World, told: Told, recall: Recall) -> list[Transfer]:
    """Wait for the linked transfer of a recall that was accepted; it is in the window that is open now."""
    store = stage.hub.store

    async def is_over() -> bool:
        found = await store.records.one(Dispute, recall.reference)
        return found is None or found.state in (DisputeState.RETURNED, DisputeState.FAILED)

    if recall.accepted:
        await until(is_over)
    found = await store.records.one(Dispute, recall.reference)
    linked = await store.transfer(found.linked) if found is not None and found.linked else None
    if found is not None:
        told.console.print(dispute_view(found))
    told.check(
        "the recall's linked transfer has given it back",
        right=found is not None
        and found.state is DisputeState.RETURNED
        and linked is not None
        and linked.state is State.COMMITTED,
    )
    return [linked] if linked is not None else []


async def _evening(stage: World, told: Told) -> None:
    """Hold every position against its prefunding and what has moved since the window closed: nothing else is left."""
    records = stage.hub.store.records
    positions = await _positions(stage)
    told.console.print(positions_table(positions))
    expected = dict.fromkeys((each.participant for each in positions), 0)
    for each in await records.found(Funds, currency=CURRENCY, state=str(FundsState.CONFIRMED)):
        expected[each.participant] += -each.minor if each.out else each.minor
    for window in await records.found(Window, currency=CURRENCY, state=str(WindowState.OPEN)):
        for side, net in nets(await stage.hub.store.settlement.movements(window)).items():
            expected[side] = expected.get(side, 0) + net
    expected.pop("", None)
    stands = {each.participant: balance(each) for each in positions}
    told.check("every position is its prefunding, and what has moved since", right=stands == expected)


async def _by_two(stage: World, told: Told, deed: Deed, about: str, *, alone: bool = False) -> None:
    """Have one propose a deed and another approve it; with `alone` its maker tries to approve it first."""
    proposal, act, door = new_id(), type(deed).__name__, stage.hub.door
    proposing = Propose(by=MAKER, ref=new_id(), proposal=proposal, deed=deed, subject=about, why="the day's work")
    result = await door.handle(proposing)
    told.step(MAKER, f"proposes {act} {about}", right=_is_done(result), detail=_why(result))
    if alone:
        result = await door.handle(Approve(by=MAKER, ref=new_id(), proposal=proposal, deed=deed))
        is_right = _is_refused(result, Reason.SAME_PERSON)
        told.step(MAKER, "approves it alone: refused", right=is_right, detail=_why(result))
    result = await door.handle(Approve(by=CHECKER, ref=new_id(), proposal=proposal, deed=deed))
    told.step(CHECKER, "approves it", right=_is_done(result), detail=_why(result))


async def _brought(stage: World, file: Signed) -> Result:
    """Bring a file of the bank, as an operator does."""
    keys = bank_keys(await stage.hub.store.scheme())
    return await taken(stage.hub.door, file.content, file.name, file.signature, keys, by=MAKER)


async def _show_owed(stage: World, told: Told, window: Window) -> None:
    records = stage.hub.store.records
    payments = {each.obligation: each for each in await records.found(Payment, subject=window.id)}
    told.console.print(obligations_table(await records.found(Obligation, window=window.id), payments))


async def _accounts(stage: World) -> list[Account]:
    return [each for each in await stage.hub.store.accounts() if each.currency == CURRENCY]


async def _positions(stage: World) -> list[Account]:
    return [each for each in await _accounts(stage) if each.kind is Kind.POSITION]


async def _suspense(stage: World) -> int:
    return next(balance(each) for each in await _accounts(stage) if each.kind is Kind.SUSPENSE)


def _nets(window: Window) -> dict[str, int]:
    """Return what each participant owes for a window; below zero: is owed."""
    return {side: -net for side, net in nets(window.movements).items() if side and net}


def _changed(content: bytes) -> bytes:
    """Change one byte of a file: it names another payment then, and still adds up."""
    place = content.index(b"</EndToEndId>") - 1
    digit = b"0" if content[place : place + 1] != b"0" else b"1"
    return content[:place] + digit + content[place + 1 :]


def _is_done(result: Result) -> bool:
    return isinstance(result, Done) and not result.reason


def _is_refused(result: Result, reason: Reason) -> bool:
    return isinstance(result, Refusal) and result.reason is reason


def _why(result: Result) -> str:
    return f"{result.reason}: {result.detail}" if isinstance(result, Refusal) else result.reason
