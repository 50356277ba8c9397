"""What must be true at the end of everything: the hub, its callers and the providers agree; it only looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hub.core.command import CONVERSIONS, Transfer
from hub.core.meaning import connection_for
from hub.core.transfer import AWAITED, FINAL, IN_DOUBT, UNDOING, Event, Flow, State
from hub.ledger.account import Kind
from hub.ledger.audit import Audit
from hub.ledger.journal import Phase, digest
from hub.ledger.position import balance
from hub.store.memory import MemoryStore
from routing.message import Operation
from routing.money import Money
from tests.cash import brought
from tests.simulation.actors import Executed
from tests.simulation.commits import Sums, moves, quotation_of
from tests.simulation.disputing import disputed_wrong
from tests.simulation.settling import gained_by, settled_wrong
from tests.simulation.world import LARGE

if TYPE_CHECKING:
    from tests.simulation.house import House

# What decides whether a transfer's money moves, by its flow.
DECIDING = {
    Flow.PUSH: Operation.CREDIT,
    Flow.PULL: Operation.DEBIT,
    Flow.THIRD_PARTY: Operation.CREDIT,
    Flow.CONVERTED_PUSH: Operation.CREDIT,
    Flow.CONVERTED_PULL: Operation.DEBIT,
}
CONVERTED = (Flow.CONVERTED_PUSH, Flow.CONVERTED_PULL)


def at_the_end(house: House) -> Iterator[str]:
    """Say everything that is not as it must be."""
    yield from _unended(house)
    yield from _untold(house)
    yield from _differing(house)
    yield from _of_other_amounts(house)
    yield from _misplaced(house)
    yield from _told_again(house)
    yield from _reversed_too_far(house)
    yield from _not_honoured(house)
    yield from _not_as_the_payee_fsp_said(house)
    yield from _not_looked_at(house)
    yield from _broken_trails(house.store)
    yield from _audited(house.store)
    yield from settled_wrong(house)
    yield from disputed_wrong(house)


def _unended(house: House) -> Iterator[str]:
    for id_ in house.accepted:
        if id_ not in house.store.transfers:
            yield f"{id_} was accepted and is gone"
    for each in house.store.transfers.values():
        if each.state not in FINAL:
            told = "" if _case(house, each) else "not "
            yield f"{each.id} is {each.state} to the end, and an operator was {told}told"


def _case(house: House, transfer: Transfer) -> bool:
    return any(case.transfer == transfer.id for case in house.store.cases.values())


def _untold(house: House) -> Iterator[str]:
    if house.store.outbox:
        yield f"{len(house.store.outbox)} messages are still in the outbox"
    # What gives back what is disputed nobody has sent: its dispute tells of it.
    linked = {each.linked for each in house.disputing.every()}
    for each in house.store.transfers.values():
        if each.id not in linked and each.state in FINAL and house.callers.told.get(each.id) != {each.state}:
            yield f"{each.id} is {each.state}, its caller was told {house.callers.told.get(each.id)}"


def _liars(house: House) -> set[str]:
    return set().union(*(provider.lied_about for provider in house.providers.values()))


def _everything(house: House) -> Iterator[tuple[str, Executed]]:
    return ((name, each) for name, provider in house.providers.items() for each in provider.executed)


def _differing(house: House) -> Iterator[str]:
    """Hold what the providers executed against what the hub believes; a lie may differ, if a case is open."""
    executed: dict[str, set[tuple[str, Operation]]] = {}
    for name, provider in house.providers.items():
        once = [(each.transfer, each.operation) for each in provider.executed]
        if len(once) != len(set(once)):
            yield f"{name} executed something twice"
        for transfer, operation in once:
            executed.setdefault(transfer, set()).add((name, operation))
    for id_ in executed.keys() - house.store.transfers.keys():
        yield f"{id_} was executed, but the hub does not know it"
    named_wrongly = set[str]().union(*(provider.named_wrongly for provider in house.providers.values()))
    for each in house.store.transfers.values():
        if each.id in named_wrongly and not (house.bus.lost_in_crashes or _case(house, each)):
            yield f"{each.id}: another amount was named, and no operator was told"
    liars = _liars(house)
    for each in house.store.transfers.values():
        really = executed.get(each.id, set())
        if really == _believed(each) or each.state not in FINAL or each.id in house.given_up:
            continue
        # A lie can only be seen when the truth arrives as well.
        if each.id not in liars or (not house.bus.lost_in_crashes and not _case(house, each)):
            yield f"{each.id} is {each.state}, but the providers did {sorted(really)}"


def _believed(transfer: Transfer) -> set[tuple[str, Operation]]:
    """List what the hub believes was executed for a transfer that has ended."""
    payer, payee = transfer.payer_connection, transfer.payee_connection
    converter = connection_for(transfer, Operation.CONVERT) if transfer.flow in CONVERTED else ""
    if transfer.flow is Flow.ERRAND:
        done = {(payee, Operation.ISSUE)} if transfer.state is State.COMMITTED else set()
    elif transfer.state is State.COMMITTED:
        done = {(payee, Operation.CREDIT), (payer, Operation.DEBIT), (converter, Operation.CONVERT)}
    elif transfer.state is State.REFUNDED and converter:
        done = {(converter, Operation.CONVERT), (converter, Operation.UNWIND)}
    elif transfer.state is State.REFUNDED:
        done = {(payer, Operation.DEBIT), (payer, Operation.REFUND)}
    else:
        done = set()
    return {(name, operation) for name, operation in done if name}


def _of_other_amounts(house: House) -> Iterator[str]:
    """Hold every amount that a provider executed against the transfer's price, to the last minor unit."""
    for name, each in _everything(house):
        transfer = house.store.transfers[each.transfer]
        should = _amounts(transfer, each.operation)
        if should is not None and (each.money, each.target) != should:
            yield f"{each.transfer}: {name} did {each.operation} of {each.money}, {each.target}, not of {should}"


def _amounts(transfer: Transfer, operation: Operation) -> tuple[Money, Money | None] | None:
    price = transfer.price
    if operation is Operation.ISSUE:
        return None
    if price is None:
        return transfer.money, None
    if operation in CONVERSIONS:
        return price.hops[0].source, price.hops[0].target
    return (price.given if operation is Operation.CREDIT else price.taken), None


def _misplaced(house: House) -> Iterator[str]:
    """Hold every position against what the providers really did and the bank received; lies as the hub believes."""
    store, liars = house.store, _liars(house)
    done = {(each.transfer, each.operation) for _, each in _everything(house)}
    should = Sums()
    for each in store.transfers.values():
        if each.flow is Flow.ERRAND:
            continue
        moved = (each.id, DECIDING[each.flow]) in done
        if each.state is State.COMMITTED if each.id in liars else moved:
            for key, minor in moves(each).items():
                should[key] += minor
    for participant, currency, minor in brought(store).values():
        should[participant, currency] += minor
    should.update(gained_by(store))
    for account in store.ledger.values():
        key = (account.participant, account.currency)
        if account.kind in (Kind.POSITION, Kind.FEES) and balance(account) != should[key]:
            yield f"{account.kind} {key} stands at {balance(account)}, but should at {should[key]}"


def _told_again(house: House) -> Iterator[str]:
    """Find instructions repeated to a provider that might take them for new ones."""
    for step in house.store.transitions.values():
        if step.event is Event.ABSENT and step.state in IN_DOUBT and AWAITED[step.state] not in UNDOING:
            connection = connection_for(house.store.transfers[step.transfer], AWAITED[step.state])
            if connection == house.forgetful:
                yield f"{step.transfer}: {connection} was told again"


def _reversed_too_far(house: House) -> Iterator[str]:
    """See that nobody gets back more than was paid, nor pays back more than has arrived, in any of the currencies."""
    store = house.store
    reversed_: Counter[str] = Counter()
    paid_back: Counter[str] = Counter()
    for each in store.transfers.values():
        if each.original and each.state is State.COMMITTED:
            reversed_[each.original] += each.minor
            paid_back[each.original] += each.minor if each.price is None else each.price.sent.minor
    for id_, minor in reversed_.items():
        original = store.transfers[id_]
        if minor > original.minor:
            yield f"{id_} was reversed by {minor}, more than it was"
        arrived = original.minor if original.price is None else _converted(original)
        if paid_back[id_] > arrived or (minor == original.minor and paid_back[id_] != arrived):
            yield f"{id_} was reversed by {minor}: {paid_back[id_]} paid back of {arrived}"


def _converted(transfer: Transfer) -> int:
    price = transfer.price
    assert price is not None
    return price.hops[-1].target.minor if price.hops else price.sent.minor


def _not_honoured(house: House) -> Iterator[str]:
    """Hold what was paid by quote against what the caller was told: the same amounts, and in time."""
    told = {quote["quoteId"]: quote for quotes in house.callers.offered.values() for quote in quotes}
    begun = {step.transfer: step.at_ms for step in house.store.transitions.values() if step.event is Event.ADMITTED}
    for each in house.store.transfers.values():
        if not quotation_of(each) or each.price is None:
            continue
        quote, price = told[each.price.quote], each.price
        promised = [Money.parse(quote[f"{side}Amount"], quote[f"{side}Currency"]) for side in ("sending", "receiving")]
        if [price.sent, price.given] != promised:
            yield f"{each.id} sends {price.sent} and gives {price.given}, but {promised} was quoted"
        if price.expires_ms is not None and begun.get(each.id, 0) >= price.expires_ms:
            yield f"{each.id} was begun when its quote had expired"


def _not_as_the_payee_fsp_said(house: House) -> Iterator[str]:
    """Hold quotes that name a payee FSP's own against what that FSP said it would give."""
    said = {
        quote["quoteId"]: Money.parse(quote["receivingAmount"], quote["receivingCurrency"])
        for provider in house.providers.values()
        for resource in provider.said.values()
        for quote in resource.get("quotes", ())
    }
    for quotation in house.store.issued.values():
        for quote in quotation.quotes:
            if quote.own and quote.price.given != said[quote.own]:
                yield f"{quotation.id}: {quote.price.given} would be given, but the payee FSP said {said[quote.own]}"


def _not_looked_at(house: House) -> Iterator[str]:
    """Find what was flagged, or is over the limit that is looked at, and went on without an operator."""
    for each in house.store.transfers.values():
        if each.original or each.flow is Flow.ERRAND or house.store.transitions[each.id, 1].event is Event.BARRED:
            continue
        is_large = each.currency == "KES" and each.minor > LARGE
        seen = house.store.transitions[each.id, 1].event is Event.FLAGGED
        if (is_large or each.id in house.traffic.flagged) and not seen:
            yield f"{each.id} was let through, and nobody had looked"


def _broken_trails(store: MemoryStore) -> Iterator[str]:
    at: dict[str, tuple[int, State]] = {}
    for key in sorted(store.transitions):
        step = store.transitions[key]
        seq, state = at.get(step.transfer, (0, State.RECEIVED))
        if (step.seq, step.state) != (seq + 1, state):
            yield f"{step.transfer}: step {step.seq} begins at {step.state} after {state}"
        at[step.transfer] = (step.seq, step.next)
    for each in store.transfers.values():
        if at.get(each.id) != (each.seq, each.state):
            yield f"{each.id} is {each.state}, but its trail ends at {at.get(each.id)}"


def _audited(store: MemoryStore) -> Iterator[str]:
    """Audit the books, and hold every transfer against its postings: all its legs once, then as it ended."""
    audit = Audit(list(store.ledger.values()))
    shown: dict[str, Counter[tuple[Phase, int, int, int]]] = {}
    for height, (journal, hash_) in enumerate(zip(store.journals, store.hashes, strict=True), 1):
        audit.feed(height, journal, digest(journal), hash_)
        for entry in journal:
            posting = entry.posting
            line = (posting.phase, posting.debit, posting.credit, posting.minor)
            shown.setdefault(posting.subject, Counter())[line] += 1
    audit.finish()
    yield from audit.findings
    numbers = {(each.participant, each.currency, each.kind): id_ for id_, each in store.ledger.items()}
    for each in store.transfers.values():
        phases = {State.COMMITTED: [Phase.PENDING, Phase.POSTED]}.get(each.state, [Phase.PENDING, Phase.VOIDED])
        held = any(
            step.event is Event.ADMITTED for step in (store.transitions.get((each.id, seq)) for seq in (1, 2)) if step
        )
        due = Counter(
            (phase, *(numbers[who, leg.money.currency, Kind.POSITION if who else Kind.FEES] for who in sides), minor)
            for leg in (each.legs if held and each.flow is not Flow.ERRAND else ())
            for sides, minor in [((leg.debit, leg.credit), leg.money.minor)]
            for phase in phases
        )
        if shown.get(each.id, Counter()) != due:
            yield f"{each.id} is {each.state}, but its postings are {dict(shown.get(each.id, {}))}"
