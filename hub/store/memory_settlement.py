"""Settlement in memory: the twin of `hub.store.settlement`; it looks through all journals, so it is for few of them."""

from collections import Counter
from collections.abc import Mapping, Sequence

from hub.core.participant import SchemeFile
from hub.core.settlement.opening import reopened
from hub.core.settlement.rules import Netting
from hub.core.settlement.window import Movement, Obligation, ObligationState, Window, WindowState
from hub.ledger.account import Account
from hub.ledger.journal import Entry, Phase
from hub.store.contract import Unsettled
from hub.store.memory_records import MemoryRecords
from hub.store.settlement import SIDES, own


class MemorySettlement:
    """Look-ups for settlement."""

    def __init__(
        self, journals: Sequence[Sequence[Entry]], ledger: Mapping[int, Account], records: MemoryRecords
    ) -> None:
        """Look at these, as they grow."""
        self._records = records
        self._journals = journals
        self._ledger = ledger

    async def movements(self, window: Window, after: int | None = None) -> list[Movement]:
        """Sum up what has moved in a window."""
        minor: Counter[tuple[str, str, str]] = Counter()
        count: Counter[tuple[str, str, str]] = Counter()
        is_gross = window.terms.netting is Netting.GROSS
        for journal in self._journals[max(window.from_height, after or 0) : window.to_height]:
            for posting, *_ in journal:
                debit, credit = self._ledger[posting.debit], self._ledger[posting.credit]
                if posting.phase is not Phase.POSTED or debit.currency != window.currency:
                    continue
                if debit.kind in SIDES and credit.kind in SIDES:
                    key = (posting.subject if is_gross else "", debit.participant, credit.participant)
                    minor[key] += posting.minor
                    count[key] += 1
        rows = [
            Movement(debtor, creditor, minor[subject, debtor, creditor], count[subject, debtor, creditor], subject)
            for subject, debtor, creditor in sorted(minor)
        ]
        return own(window, rows)

    async def height(self) -> int:
        """Return the number of the last journal."""
        return len(self._journals)

    async def unsettled(self) -> list[Unsettled]:
        """Count the windows that are not settled, and what is due for them."""
        groups: dict[tuple[str, str, str], list[Window]] = {}
        for each in self._records.every(Window):
            if each.unsettled:
                groups.setdefault((each.model, each.state.value, each.currency), []).append(each)
        due = [each for each in self._records.every(Obligation) if each.state is ObligationState.DUE]
        found = []
        for key, windows in sorted(groups.items()):
            ids = {each.id for each in windows}
            owed = [each.minor for each in due if each.window in ids]
            oldest_ms = min(each.at_ms for each in windows)
            found.append(Unsettled(*key, len(windows), oldest_ms, len(owed), sum(owed)))
        return found


def open_windows(records: MemoryRecords, file: SchemeFile, version: int, by: str, *, height: int, now_ms: int) -> None:
    """Open and close the windows that a scheme asks for."""
    every = records.every(Window)
    last: dict[str, int] = {}
    for each in every:
        last[each.model] = max(each.number, last.get(each.model, 0))
    opened = [each for each in every if each.state is WindowState.OPEN]
    closer = f"scheme {version}, applied by {by}"
    written = reopened(file.settlement_model, opened, last, height=height, now_ms=now_ms, by=closer)
    if written:
        records.write({Window.table: {each.id: each for each in written}})
