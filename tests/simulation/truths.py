"""What must be true: of the books at every commit, and of everything at the end; it only looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hub.core.command import Transfer
from hub.core.meaning import connection_for
from hub.core.transfer import AWAITED, FINAL, IN_DOUBT, Event, Flow, State
from hub.ledger.account import Kind
from hub.ledger.audit import Audit
from hub.ledger.journal import Phase, digest
from hub.ledger.position import balance, covers
from hub.store.memory import MemoryStore
from routing.message import Operation

if TYPE_CHECKING:
    from tests.simulation.house import House


class Commits:
    """Looks at the books after every commit."""

    def __init__(self, store: MemoryStore) -> None:
        self.problems: list[str] = []
        self._store = store
        self._ended: dict[str, State] = {}

    def look(self) -> None:
        accounts, transfers = self._store.ledger.values(), self._store.transfers.values()
        waiting = sum(each.minor for each in transfers if each.state not in FINAL)
        held = sum(each.debits_pending for each in accounts)
        if held != waiting or held != sum(each.credits_pending for each in accounts):
            self._wrong(f"{held} is held, but {waiting} waits")
        if sum(balance(each) for each in accounts):
            self._wrong("the books do not balance")
        over = [each.participant for each in accounts if not covers(each, 0)]
        if over:
            self._wrong(f"{over} passed the cap")
        for each in transfers:
            if each.state in FINAL and self._ended.setdefault(each.id, each.state) is not each.state:
                self._wrong(f"{each.id} ended as {self._ended[each.id]} and is {each.state}")

    def _wrong(self, what: str) -> None:
        self.problems.append(f"commit {len(self._store.hashes)}: {what}")


def at_the_end(house: House) -> Iterator[str]:
    """Say everything that is not as it must be."""
    yield from _unended(house)
    yield from _untold(house)
    yield from _differing(house)
    yield from _misplaced(house)
    yield from _told_again(house)
    yield from _reversed_too_far(house.store)
    yield from _broken_trails(house.store)
    yield from _audited(house.store)


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
    for each in house.store.transfers.values():
        if each.state in FINAL and house.callers.told.get(each.id) != {each.state}:
            yield f"{each.id} is {each.state}, its caller was told {house.callers.told.get(each.id)}"


def _liars(house: House) -> set[str]:
    return set().union(*(provider.lied_about for provider in house.providers.values()))


def _differing(house: House) -> Iterator[str]:
    """Hold what the providers executed against what the hub believes; a lie may differ, if a case is open."""
    executed: dict[str, set[tuple[str, Operation]]] = {}
    for name, provider in house.providers.items():
        once = [(transfer, operation) for transfer, operation, _ in provider.executed]
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
        if really == _believed(each) or each.state not in FINAL:
            continue
        # A lie can only be seen when the truth arrives as well.
        if each.id not in liars or (not house.bus.lost_in_crashes and not _case(house, each)):
            yield f"{each.id} is {each.state}, but the providers did {sorted(really)}"


def _believed(transfer: Transfer) -> set[tuple[str, Operation]]:
    """List what the hub believes was executed for a transfer that has ended."""
    payer, payee = transfer.payer_connection, transfer.payee_connection
    if transfer.state is State.COMMITTED:
        done = {(payee, Operation.CREDIT), (payer, Operation.DEBIT)}
    elif transfer.state is State.REFUNDED:
        done = {(payer, Operation.DEBIT), (payer, Operation.REFUND)}
    else:
        done = set()
    return {(name, operation) for name, operation in done if name}


def _misplaced(house: House) -> Iterator[str]:
    """Hold every position against the amounts that the providers moved and the bank received; lies left out."""
    store, liars = house.store, _liars(house)
    moved: Counter[str] = Counter()
    for provider in house.providers.values():
        for id_, operation, minor in provider.executed:
            transfer = store.transfers[id_]
            moves = Operation.DEBIT if transfer.flow is Flow.PULL else Operation.CREDIT
            if operation is moves and id_ not in liars:
                moved[transfer.payer_fsp] -= minor
                moved[transfer.payee_fsp] += minor
    for fund in store.fundings.values():
        moved[fund.participant] += fund.minor
    for account in store.ledger.values():
        if account.kind is Kind.POSITION:
            lied = sum(_effect(store.transfers[id_], account.participant) for id_ in liars)
            stands, should = balance(account) - lied, moved[account.participant]
            if stands != should:
                yield f"{account.participant} stands at {stands}, but should at {should}"


def _effect(transfer: Transfer, participant: str) -> int:
    if transfer.state is not State.COMMITTED:
        return 0
    return transfer.minor * ((transfer.payee_fsp == participant) - (transfer.payer_fsp == participant))


def _told_again(house: House) -> Iterator[str]:
    """Find instructions repeated to a provider that might take them for new ones."""
    for step in house.store.transitions.values():
        if step.event is Event.ABSENT and step.state in IN_DOUBT and AWAITED[step.state] is not Operation.REFUND:
            connection = connection_for(house.store.transfers[step.transfer], AWAITED[step.state])
            if connection == house.forgetful:
                yield f"{step.transfer}: {connection} was told again"


def _reversed_too_far(store: MemoryStore) -> Iterator[str]:
    reversed_: Counter[str] = Counter()
    for each in store.transfers.values():
        if each.original and each.state is State.COMMITTED:
            reversed_[each.original] += each.minor
    for id_, minor in reversed_.items():
        if minor > store.transfers[id_].minor:
            yield f"{id_} was reversed by {minor}, more than it was"


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
    audit = Audit(list(store.ledger.values()))
    for height, (journal, hash_) in enumerate(zip(store.journals, store.hashes, strict=True), 1):
        audit.feed(height, journal, digest(journal), hash_)
    audit.finish()
    yield from audit.findings
    expected = {Phase.PENDING: 1}
    for each in store.transfers.values():
        phases = Counter(
            entry.posting.phase for journal in store.journals for entry in journal if entry.posting.subject == each.id
        )
        last = {State.COMMITTED: {Phase.POSTED: 1}, State.REFUNDED: {Phase.VOIDED: 1}}.get(each.state, {})
        if each.state is State.ABORTED and phases:
            last = {Phase.VOIDED: 1}
        if phases and phases != Counter(expected | last):
            yield f"{each.id} is {each.state}, but its postings are {dict(phases)}"
