"""Deciding: commands and facts in, changes out; one rule sees one transfer, the batch is invisible to it.

Every member is decided in order on what the members before it left, so a batch equals its members one by
one. A member that cannot be decided fails alone. Nothing here loads, waits or reads a clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from hub.core.admit import Plan, body_of, plan
from hub.core.books import publish
from hub.core.change import Case, Decided, Transition
from hub.core.command import (
    Command,
    Done,
    Due,
    Heard,
    Publish,
    Reason,
    Refusal,
    Result,
    Ruling,
    Submit,
    Transfer,
    Word,
    first_of,
)
from hub.core.errand import issued
from hub.core.facts import Facts
from hub.core.instrument import Amendment, Named
from hub.core.meaning import EVENTS, event_of, noted
from hub.core.office.liquidity import watch
from hub.core.office.operators import forbidden
from hub.core.participant import purse_key
from hub.core.pricing.limits import Tally
from hub.core.record import Deed, Desk, Entering, carried_out
from hub.core.speech import words_of
from hub.core.standing import Standing
from hub.core.terms import quotes
from hub.core.timing import PARKED_MS, exhausted, rail_of, timed
from hub.core.transfer import (
    AWAITED,
    FINAL,
    Effect,
    Event,
    Flow,
    IllegalTransitionError,
    Message,
    Row,
    State,
    transition,
)
from hub.core.use import named_by
from hub.core.witness import ENDS, insiders, may_say, sides_of
from hub.ledger.journal import BlockedError, Book, OverCapError, Phase, Posting
from routing.message import FailureClass, Outcome, Verdict
from routing.money import Money

_UNDONE: Final = frozenset({State.ABORTED, State.REFUNDED})
_UNDONE_OR_NEW: Final = _UNDONE | {State.RECEIVED}
_PHASES: Final = {Effect.RESERVE: Phase.PENDING, Effect.POST: Phase.POSTED, Effect.VOID: Phase.VOIDED}


def planned(commands: Sequence[Entering], facts: Facts) -> list[Plan | Refusal | None]:
    """Plan the submissions among the commands (None for the others); says which accounts must be locked.

    A quotation posts to none, and depends on what the members before it quoted: it is planned when its turn has come.
    """
    return [
        plan(command, facts) if isinstance(command, Submit) and not quotes(command.body) else None
        for command in commands
    ]


def accounts_of(commands: Sequence[Entering], plans: Sequence[Plan | Refusal | None], facts: Facts) -> list[int]:
    """List the accounts that these commands may post to, in the order in which they are to be locked."""
    wanted: set[int | None] = set()
    for command, found in zip(commands, plans, strict=True):
        if isinstance(found, Plan):
            wanted.update(found.accounts)
        elif isinstance(command, Deed):
            wanted.update(map(facts.scheme.accounts.get, command.accounts(facts.records, facts.scheme)))
    for transfer in facts.transfers.values():
        if transfer.state not in FINAL:
            for leg in transfer.legs:
                wanted.add(facts.scheme.purse(leg.debit, leg.money.currency))
                wanted.add(facts.scheme.purse(leg.credit, leg.money.currency))
    return sorted(account for account in wanted if account is not None)


def tallies_of(plans: Sequence[Plan | Refusal | None], facts: Facts) -> dict[str, int]:
    """List the tallies that may change, each with when it ends: what is counted now, and what may be given back."""
    plain = (found.transfer.price for found in plans if isinstance(found, Plan))
    under_way = (each.price for each in facts.transfers.values() if each.state not in FINAL)
    prices = (price for price in (*plain, *under_way) if price is not None)
    return {each.key: each.ends_ms for price in prices for each in price.counts}


class Bench:
    """Where one batch is decided."""

    def __init__(
        self, facts: Facts, book: Book, tallies: Mapping[str, Tally] = MappingProxyType({}), height: int = 0
    ) -> None:
        """Take the loaded facts, the locked accounts, what has been counted towards limits, and the last journal."""
        self.facts = facts
        self.book = book
        self.now_ms = facts.now_ms
        self.decided = Decided()
        self._standing = Standing(facts, book, tallies, self.decided)
        self._refusals: dict[str, Refusal] = {}
        self._desk = Desk(
            scheme=facts.scheme,
            now_ms=facts.now_ms,
            height=height,
            kept=facts.records,
            transfers=self._standing.transfers,
            book=book,
            decided=self.decided,
            reversed_minor=self._standing.reversed,
            promised=self._standing.promised,
            cases=facts.cases,
            entered=self._standing.entered,
            rule=self._said,
            foresee=self._foreseen,
        )

    def decide(self, commands: Sequence[Entering], plans: Sequence[Plan | Refusal | None]) -> Decided:
        """Decide every command in order."""
        for command, found in zip(commands, plans, strict=True):
            try:
                result = self._deed(command) if isinstance(command, Deed) else self._one(command, found)
            except IllegalTransitionError as error:
                result = Refusal(reason=Reason.BROKEN, detail=str(error))
            if isinstance(command, Submit):
                result = self._refused(command, result) if isinstance(result, Refusal) else self._kept(command, result)
            self.decided.results.append(result)
        if self.facts.scheme.alarms:
            watch(self._desk)
        return self.decided

    def _refused(self, command: Submit, refusal: Refusal) -> Refusal:
        """Give the correlation id back. Said twice in one breath, it is refused twice, for the same reason."""
        if refusal.reason is Reason.DUPLICATE:
            return self._refusals.get(refusal.transfer, refusal)
        self.decided.given_up.append(command.body.request)
        self._refusals[command.transfer] = refusal
        return refusal

    def _kept(self, command: Submit, done: Done) -> Done:
        """Keep the correlation id after all, when the same request was refused earlier in this batch."""
        if self._refusals.pop(command.transfer, None) is not None:
            self.decided.given_up = [each for each in self.decided.given_up if each != command.body.request]
        return done

    def _deed(self, deed: Deed) -> Result:
        return forbidden(deed, self._desk) or carried_out(deed, self._desk)

    def _one(self, command: Command, found: Plan | Refusal | None) -> Result:
        match command:
            case Submit():
                return self._submit(command, found)
            case Heard(outcome=outcome):
                return self._heard(outcome)
            case Due(transfer=transfer):
                return self._due(transfer)
            case Word():
                return self._said(command)
            case Publish():
                return publish(command, self.facts, self._standing)

    def _submit(self, command: Submit, found: Plan | Refusal | None) -> Result:
        standing = self._standing
        if command.transfer in standing.transfers:
            return Done(transfer=command.transfer, changed=False)  # said twice in one breath
        names = named_by(command.body)
        by_market = isinstance(found, Plan) and found.by_market and standing.market_moved
        if found is None or command.original or by_market or standing.moved(names):
            found = plan(command, standing.now(names))
        if not isinstance(found, Plan):
            if found.transfer == command.transfer:
                return Done(transfer=command.transfer, changed=False)  # our own commit, whose confirmation was lost
            return found
        passed = standing.passed(found.counted)
        flagged = "; ".join(why for why in (found.flagged, passed.flagged) if why)
        detail = "; ".join(why for why in (*found.reasons, passed.detail, flagged) if why)
        event = Event.ADMITTED if found.made is None else Event.ANSWERED
        event = Event.FLAGGED if flagged else event
        barred = first_of(why for why in (found.barred, passed.barred) if why is not None)
        transfer, row = self._begun(found.transfer, event, barred)
        standing.begun(transfer)
        if row.event is not Event.BARRED:
            self._admitted(command, found, names, is_held=row.event is Event.ADMITTED)
        resource = found.made.terms if found.made is not None and row.event is Event.ANSWERED else {}
        reason = transfer.reason if row.event is Event.BARRED else ""
        transfer = self._move(transfer, row, who="hub", detail=detail, enter=False, resource=resource)
        return Done(transfer=transfer.id, state=transfer.state, reason=reason)

    def _begun(self, transfer: Transfer, event: Event, barred: Reason | None) -> tuple[Transfer, Row]:
        """Reserve what the transfer's beginning reserves; what speaks against it, also the ledger, bars it."""
        row = transition(transfer.flow, transfer.state, event)
        if barred is None:
            try:
                self._enter(transfer, row.effect)
            except BlockedError:
                barred = Reason.DEBITS_BLOCKED
            except OverCapError:
                barred = Reason.CAP_EXCEEDED
        if barred is None:
            return transfer, row
        barred_row = transition(transfer.flow, transfer.state, Event.BARRED)
        return msgspec.structs.replace(transfer, reason=barred), barred_row

    def _admitted(self, command: Submit, found: Plan, names: Iterable[Named], *, is_held: bool) -> None:
        """Note what an admitted submission takes: part of its original, a code or quote, limits, an FX provider's."""
        transfer, standing = found.transfer, self._standing
        if command.original:
            standing.reverse(transfer)
        elif found.made is not None:
            standing.keep(found.made)
        elif transfer.flow is not Flow.ERRAND:
            standing.use(names, transfer, is_held=is_held)
        standing.offer(found.offered)
        standing.count(transfer.price)

    def _heard(self, outcome: Outcome) -> Result:
        transfer = self._standing.transfers.get(outcome.transfer)
        if transfer is None:
            return Refusal(reason=Reason.TRANSFER_UNKNOWN, detail=outcome.connection)
        event = event_of(
            transfer,
            outcome,
            now_ms=self.now_ms,
            rail=rail_of(transfer, self.facts.scheme),
            lapse_margin_ms=self.facts.scheme.lapse_margin_ms,
        )
        if event is None:
            return Done(transfer=transfer.id, state=transfer.state, changed=False)
        detail = " ".join(part for part in (outcome.heard, outcome.failure, outcome.code, outcome.text) if part)
        transfer = noted(transfer, outcome, event)
        row = transition(transfer.flow, transfer.state, event)
        if transfer.flow is Flow.ERRAND and row.next is State.ABORTED and row.next is not row.state:
            self._standing.offer(body_of(transfer).quotes, sign=-1)
        resource = self._issued(transfer, outcome) if event is Event.ACCEPTED else {}
        transfer = self._move(transfer, row, who=outcome.connection, detail=detail, resource=resource)
        return Done(transfer=transfer.id, state=transfer.state)

    def _issued(self, transfer: Transfer, outcome: Outcome) -> dict[str, Any]:
        """Keep what an accepted errand or a paid bill came to, and return it as the API's object."""
        if transfer.flow is not Flow.ERRAND and not outcome.resource:
            return {}
        body = body_of(transfer)
        found = issued(transfer, body, outcome, self.now_ms)
        if isinstance(found, Amendment):
            self._standing.amend(found)
        elif found is not None:
            self._standing.confirm(found, body.quotes)
            return found.terms
        return {}

    def _due(self, id_: str) -> Result:
        transfer = self._standing.transfers.get(id_)
        if transfer is None or transfer.due_ms is None or transfer.due_ms > self.now_ms:
            return Done(transfer=id_, changed=False)
        event = Event.EXHAUSTED if exhausted(transfer, self.facts.scheme) else Event.DUE
        row = transition(transfer.flow, transfer.state, event)
        transfer = self._move(transfer, row, who="hub", detail=f"asked {transfer.asks} times")
        return Done(transfer=transfer.id, state=transfer.state)

    def _said(self, command: Ruling | Word) -> Result:
        """Take the word of a named operator, or of the participant that was instructed."""
        transfer = self._standing.transfers.get(command.transfer)
        if transfer is None:
            return Refusal(reason=Reason.TRANSFER_UNKNOWN)
        if (ended := self._not_asked(command, transfer)) is not None:
            return ended
        if isinstance(command, Ruling) and transfer.state is State.IN_REVIEW:
            return self._reviewed(transfer, command)
        if isinstance(command, Ruling):
            who, why = f"operator {command.by}", command.why
        else:
            who, why = command.caller, "said by the participant itself"
        if command.verdict is Verdict.REFUSED:
            transfer = msgspec.structs.replace(transfer, reason=FailureClass.REFUSED)
        row = transition(transfer.flow, transfer.state, EVENTS[command.verdict])
        transfer = self._move(transfer, row, who=who, detail=why)
        return Done(transfer=transfer.id, state=transfer.state)

    @staticmethod
    def _not_asked(command: Ruling | Word, transfer: Transfer) -> Result | None:
        """Say why a word on a transfer changes nothing; None: it is what the transfer waits for."""
        if isinstance(command, Word) and command.caller not in insiders(transfer):
            return Refusal(reason=Reason.TRANSFER_UNKNOWN)
        operation = AWAITED.get(transfer.state)
        if operation is None and transfer.state in ENDS[command.verdict]:
            return Done(transfer=transfer.id, state=transfer.state, changed=False)
        if isinstance(command, Ruling) and command.state is not transfer.state:
            detail = f"it is {transfer.state}, not {command.state} any more"
            return Refusal(reason=Reason.STATE_FORBIDS, detail=detail, transfer=transfer.id)
        is_reviewed = isinstance(command, Ruling) and transfer.state is State.IN_REVIEW
        may = is_reviewed or (operation is not None and may_say(command, transfer, operation))
        if command.verdict is Verdict.UNKNOWN or not may:
            return Refusal(reason=Reason.STATE_FORBIDS, detail=f"it is {transfer.state}", transfer=transfer.id)
        return None

    def _foreseen(self, ruling: Ruling) -> Refusal | str:
        """Say what an operator's word would do, for whoever is to approve it."""
        transfer = self._standing.transfers.get(ruling.transfer)
        if transfer is None:
            return Refusal(reason=Reason.TRANSFER_UNKNOWN)
        ended = self._not_asked(ruling, transfer)
        if isinstance(ended, Refusal):
            return ended
        if ended is not None:
            return f"transfer {transfer.id}: it is {transfer.state} already; what stands for it as a case is closed"
        money = f"{Money(transfer.minor, transfer.currency)} {transfer.currency}"
        sides = f"from {transfer.payer_fsp or '?'} to {transfer.payee_fsp or '?'}"
        return f"transfer {transfer.id}, {money} {sides}: it is {transfer.state}, taken as {ruling.verdict}"

    def _reviewed(self, transfer: Transfer, ruling: Ruling) -> Result:
        """Let a flagged transfer go on, at the price it has, or end it; a price that has expired is not honoured."""
        barred = None
        if ruling.verdict is Verdict.REFUSED:
            barred = Reason.NOT_CARRIED_OUT
        elif transfer.price is not None and (transfer.price.expires_ms or PARKED_MS) <= self.now_ms:
            barred = Reason.QUOTE_EXPIRED
        elif not all(self.facts.scheme.active(each) for each in sides_of(transfer)):
            barred = Reason.PARTICIPANT_SUSPENDED
        transfer, row = self._begun(transfer, Event.ADMITTED, barred)
        transfer = self._move(transfer, row, who=f"operator {ruling.by}", detail=ruling.why, enter=False)
        reason = transfer.reason if row.event is Event.BARRED else ""
        return Done(transfer=transfer.id, state=transfer.state, reason=reason)

    def _move(
        self,
        transfer: Transfer,
        row: Row,
        *,
        who: str,
        detail: str,
        enter: bool = True,
        resource: dict[str, Any] | None = None,
    ) -> Transfer:
        """Carry a row out: ledger, state, audit trail, message."""
        if row.next is row.state and row.effect is Effect.NOTHING and row.message is Message.NOBODY:
            return transfer
        if enter:
            self._enter(transfer, row.effect)
        if row.next in _UNDONE and row.state not in _UNDONE_OR_NEW:
            self._standing.count(transfer.price, sign=-1)
            if transfer.original:
                self._standing.reverse(transfer, sign=-1)
        before, transfer = transfer, timed(transfer, row, self.facts.scheme, self.now_ms)
        self._standing.transfers[transfer.id] = transfer
        is_new = before.seq == 0 or transfer.id in self.decided.added
        (self.decided.added if is_new else self.decided.moved)[transfer.id] = transfer
        self.decided.transitions.append(
            Transition(
                transfer=transfer.id,
                seq=transfer.seq,
                state=row.state,
                event=row.event,
                next=row.next,
                at_ms=self.now_ms,
                who=who,
                detail=detail,
            )
        )
        if row.message is Message.TELL_OPERATOR:
            case = Case(transfer=transfer.id, seq=transfer.seq, kind=row.event, detail=detail, opened_ms=self.now_ms)
            self.decided.cases.append(case)
        said = words_of(transfer, row, scheme=self.facts.scheme, now_ms=self.now_ms, resource=resource or {})
        self.decided.outbox.extend(said)
        return transfer

    def _enter(self, transfer: Transfer, effect: Effect) -> None:
        """Post every leg of the transfer, in all its currencies: all of them or none."""
        if effect is Effect.NOTHING:
            return
        accounts = self.facts.scheme.accounts
        postings = [
            Posting(
                transfer.id,
                accounts[purse_key(leg.debit, leg.money.currency)],
                accounts[purse_key(leg.credit, leg.money.currency)],
                leg.money.minor,
                _PHASES[effect],
            )
            for leg in transfer.legs
        ]
        self.book.enter_all(postings)
        self._standing.entered((who, leg.money.currency) for leg in transfer.legs for who in (leg.debit, leg.credit))
