"""Closing a window and reckoning what is owed for it: no movement is lost between two windows, or is in both.

A window closes with the last journal that is written before the deed, under the lock of the chain's head, and the next
one opens there in the same commit. What has moved is then looked up, in peace, and reckoned by a deed of its own.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.participant import AccountKey, Scheme
from hub.core.record import Deed, Desk, Kept, Selector
from hub.core.settlement.names import obligation_id
from hub.core.settlement.netting import Due, dues, netted
from hub.core.settlement.opening import closed, opened, ordered
from hub.core.settlement.rules import Netting, model_of
from hub.core.settlement.settle import accounts_to_settle, settle, wanted_to_settle
from hub.core.settlement.window import Movement, Obligation, ObligationState, Window, WindowState
from hub.core.stamp import stamp
from hub.ledger.account import Kind

# So that what one commit has to keep stays small: each transfer of a gross model is an obligation.
GROSS_JOURNALS_MAX: Final = 50


class CloseWindow(Deed, frozen=True, kw_only=True):
    """Close an open window, and open the next of its model; releases no money."""

    window: str
    why: str = ""
    journals_max: int = 0  # at most so many journals, and the rest in the next windows; 0: as many as its model takes

    def wants(self) -> Sequence[Selector]:
        """Want the window."""
        return (Selector(Window, "id", self.window),)

    def cuts(self) -> bool:
        """Cut the chain: what is committed after this is in the next window."""
        return True

    def decide(self, desk: Desk) -> Result:
        """Close it where the chain stands now; the next one is under the terms that are in force now."""
        window = desk.get(Window, self.window)
        if window is None:
            return Refusal(reason=Reason.RECORD_UNKNOWN, detail="there is no such window")
        if window.state is not WindowState.OPEN:
            detail = f"window {window.number} of {window.model} was closed by {window.closed_by}"
            if window.closed_ms is not None:
                detail += f" at {stamp(window.closed_ms)}"
            return Refusal(reason=Reason.RECORD_FORBIDS, detail=detail)
        most = self.journals_max or (GROSS_JOURNALS_MAX if window.terms.netting is Netting.GROSS else 0)
        height = min(desk.height, window.from_height + most) if most > 0 else desk.height
        by = f"{self.by}: {self.why}" if self.why else self.by
        desk.keep(closed(window, height, desk.now_ms, by))
        for terms, before in ordered(desk.scheme.models, window.currency):
            if terms.name == window.model:
                following = opened(terms, before, window.number + 1, height, desk.now_ms)
                # What was left over is closed next, without waiting for its time.
                is_left = height < desk.height
                desk.keep(msgspec.structs.replace(following, due_ms=desk.now_ms) if is_left else following)
        return Done(transfer=window.id)


class Reckon(Deed, frozen=True, kw_only=True):
    """Reckon what is owed for a closed window, from what has moved in its interval."""

    window: str
    movements: tuple[Movement, ...]

    def wants(self) -> Sequence[Selector]:
        """Want the window, and what is owed for it."""
        return wanted_to_settle(self.window)

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - as every deed is asked
        """Want those that it may settle."""
        return accounts_to_settle(self.window, kept)

    def decide(self, desk: Desk) -> Result:
        """Keep what is owed; a window for which nothing is owed is settled by that."""
        window = desk.get(Window, self.window)
        if window is None:
            return Refusal(reason=Reason.RECORD_UNKNOWN, detail="there is no such window")
        if window.state is WindowState.OPEN:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail="it is open: close it first")
        if window.state is not WindowState.CLOSED:
            return Done(transfer=window.id, changed=False)
        if wrong := _wrong(self.movements, window, desk):
            return Refusal(reason=Reason.AMOUNTS_DIFFER, detail=wrong)
        netting = window.terms.netting
        reckoned = msgspec.structs.replace(
            window,
            state=WindowState.RECKONED,
            reckoned_ms=desk.now_ms,
            due_ms=desk.now_ms if window.terms.automatic else None,
            movements=() if netting is Netting.GROSS else self.movements,
        )
        due = dues(netted(netting, (*self.movements, *window.carried)))
        oblige(reckoned, due, desk)
        desk.keep(reckoned)
        if not due:
            settle(reckoned, desk)
        return Done(transfer=window.id)


def oblige(window: Window, due: Iterable[Due], desk: Desk) -> None:
    """Keep what is owed by the window's revision."""
    for each in due:
        desk.keep(
            Obligation(
                id=obligation_id(window.id, window.revision, each.debtor, each.creditor, each.subject),
                at_ms=desk.now_ms,
                window=window.id,
                debtor=each.debtor,
                creditor=each.creditor,
                currency=window.currency,
                minor=each.minor,
                revision=window.revision,
                state=ObligationState.DUE,
                subject=each.subject,
            )
        )


def _wrong(movements: Sequence[Movement], window: Window, desk: Desk) -> str:
    """Say what is wrong with movements; empty: nothing is."""
    models = (*window.before, window.terms)
    seen: set[tuple[str, str, str]] = set()
    for each in movements:
        where = f"{each.debtor or 'the hub'} to {each.creditor or 'the hub'}"
        key = (each.debtor, each.creditor, each.subject)
        if each.minor <= 0 or each.count <= 0 or each.debtor == each.creditor:
            return f"{where}: {each.minor} by {each.count} postings is no movement"
        if key in seen:
            return f"{where}: it is there twice"
        seen.add(key)
        if model_of(models, window.currency, each.debtor, each.creditor) != window.terms:
            return f"{where}: it is not settled by {window.model}"
        for side in {each.debtor, each.creditor} - {""}:
            if (side, window.currency, Kind.POSITION) not in desk.scheme.accounts:
                return f"{where}: {side} has no position in {window.currency}"
    return ""
