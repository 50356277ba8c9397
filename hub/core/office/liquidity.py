"""Liquidity: caps, blocks and alarms of positions; every change is kept with who, when and why. Credits never stop.

A cap may be set under what a position already owes: nothing more goes out then until money has come in. An alarm is a
level, the number of thresholds that what may be spent is under; a threshold is left only a tenth above it, so a
position that hovers around one is not spoken of again and again.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import ClassVar

from hub.core.command import Done, Reason, Refusal, Result
from hub.core.office.funds import faulty_position, missing_why
from hub.core.office.records import Alarm, Change, Setting
from hub.core.participant import AccountKey, Scheme, SchemeFile, chart
from hub.core.record import Deed, Desk, Kept, Selector
from hub.core.settlement.rules import is_prefunded
from hub.ledger.account import Account, Kind
from hub.ledger.position import available
from routing.money import Money, MoneyError


def level_of(left: int, thresholds: Sequence[int], was: int) -> int:
    """Return how many thresholds, the highest first, `left` is under; those below `was` are left a tenth above them."""
    return sum(
        10 * left < 11 * threshold if number < was else left < threshold for number, threshold in enumerate(thresholds)
    )


def watch(desk: Desk) -> None:
    """Raise and clear the alarms of the positions that a batch has touched: once a batch, on what it comes to."""
    thresholds = desk.scheme.alarms
    for number in sorted(desk.book.touched & thresholds.keys()):
        account = desk.book.accounts[number]
        left = available(account) or 0  # a position has a cap
        level = level_of(left, thresholds[number], account.alarm)
        if level != account.alarm:
            _cross(account, level, left, thresholds[number], desk)


def _cross(account: Account, level: int, left: int, thresholds: Sequence[int], desk: Desk) -> None:
    """Note that thresholds were crossed, and tell the participant."""
    is_raised = level > account.alarm
    threshold = thresholds[level - 1] if is_raised else thresholds[min(level, len(thresholds) - 1)]
    desk.ref = ""
    alarm = desk.keep(
        Alarm(
            id=_name(account.id, level, desk),
            at_ms=desk.now_ms,
            participant=account.participant,
            currency=account.currency,
            level=level,
            was=account.alarm,
            available=left,
            threshold=threshold,
        )
    )
    body = {
        "currency": account.currency,
        "availableAmount": str(Money(left, account.currency)),
        "threshold": str(Money(threshold, account.currency)),
        "level": level,
        "previousLevel": account.alarm,
    }
    desk.adjust(account.id, alarm=level)
    desk.tell(account.participant, alarm, "liquidity.alarm" if is_raised else "liquidity.cleared", body)


def _name(account: int, level: int, desk: Desk) -> str:
    """Name an alarm after what brought it about, which happens once: postings, or a change of the cap."""
    postings = (each.posting for each in desk.book.entries)
    causes = [f"{each.subject} {each.phase}" for each in postings if account in (each.debit, each.credit)]
    causes += sorted(desk.decided.records.get(Change.table, ()))
    text = "\n".join(("alarm", str(account), str(level), str(desk.now_ms), *causes))
    return sha256(text.encode()).hexdigest()[:32]


class _Setting(Deed, frozen=True, kw_only=True):
    """What changes a position."""

    makes: ClassVar[str] = "change"
    change: str  # the id that the change is kept under
    participant: str
    currency: str
    why: str

    def wants(self) -> Sequence[Selector]:
        """Want the change, in case it was made before."""
        return (Selector(Change, "id", self.change),)

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - it is said
        """Want the position."""
        return ((self.participant, self.currency, Kind.POSITION),)

    def faulty(self, scheme: Scheme) -> Refusal | None:
        """Refuse a position that is none."""
        return faulty_position(self.participant, self.currency, scheme) or missing_why(self.why)

    def decide(self, desk: Desk) -> Result:
        """Change the position, once."""
        if desk.get(Change, self.change) is not None:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail="this change was made before")
        return self.decide_on(desk.book.accounts[desk.purse((self.participant, self.currency, Kind.POSITION))], desk)

    def decide_on(self, account: Account, desk: Desk) -> Result:
        """Change this position, or say why not."""
        raise NotImplementedError

    def note(self, what: Setting, before: str, after: str, event: str, desk: Desk) -> None:
        """Keep what has changed, and tell the participant."""
        change = Change(
            id=self.change,
            at_ms=desk.now_ms,
            participant=self.participant,
            currency=self.currency,
            what=what,
            before=before,
            after=after,
            by=self.by,
            approved_by=desk.approved_by,
            why=self.why,
        )
        changed(change, event, desk)


def changed(change: Change, event: str, desk: Desk) -> None:
    """Keep that a position was changed, and tell its participant."""
    kept = desk.keep(change)
    body = {"currency": change.currency, "why": change.why}
    if change.what is Setting.CAP:
        body["netDebitCap"] = str(Money(int(change.after), change.currency))
    desk.tell(change.participant, kept, event, body)


def block(change: str, participant: str, currency: str, *, by: str, why: str, desk: Desk) -> bool:
    """Let nothing new go out of a position, and keep who says so; say whether that changes anything."""
    account = desk.book.accounts[desk.purse((participant, currency, Kind.POSITION))]
    if account.blocked:
        return False
    desk.adjust(account.id, blocked=True)
    kept = Change(
        id=change,
        at_ms=desk.now_ms,
        participant=participant,
        currency=currency,
        what=Setting.BLOCKED,
        before="no",
        after="yes",
        by=by,
        approved_by=desk.approved_by,
        why=why,
    )
    changed(kept, "liquidity.blocked", desk)
    return True


class SetCap(_Setting, frozen=True, kw_only=True):
    """Set how far a participant may owe in a currency."""

    checked: ClassVar[bool] = True
    amount: str  # such as 250000.50

    def faulty(self, scheme: Scheme) -> Refusal | None:
        """Refuse an amount that is none."""
        try:
            Money.parse(self.amount, self.currency)
        except MoneyError as error:
            return Refusal(reason=Reason.TERMS_INVALID, detail=f"{self.amount!r}: {error}")
        if (
            is_prefunded(scheme.models, self.currency, self.participant)
            and Money.parse(self.amount, self.currency).minor
        ):
            detail = f"{self.participant} is prefunded in {self.currency}: what it owed would never be settled"
            return Refusal(reason=Reason.TERMS_INVALID, detail=detail)
        return super().faulty(scheme)

    def decide_on(self, account: Account, desk: Desk) -> Result:
        """Set the cap, also under what the position owes: then nothing more goes out until money has come in."""
        cap, before = Money.parse(self.amount, self.currency), account.cap_minor
        if before == cap.minor:
            return Done(changed=False)
        desk.adjust(account.id, cap_minor=cap.minor)
        self.note(Setting.CAP, "" if before is None else str(before), str(cap.minor), "liquidity.cap", desk)
        left = available(desk.book.accounts[account.id]) or 0
        if left >= 0:
            return Done(transfer=self.change)
        over = Money(-left, self.currency)
        return Done(
            transfer=self.change, reason=f"it owes {over} more than that, or has it held: nothing more goes out"
        )


class Block(_Setting, frozen=True, kw_only=True):
    """Let nothing new go out of a position. It protects, so one operator is enough."""

    def decide_on(self, account: Account, desk: Desk) -> Result:
        """Block debits; what is held already goes its way."""
        is_new = block(self.change, account.participant, account.currency, by=self.by, why=self.why, desk=desk)
        return Done(transfer=self.change) if is_new else Done(changed=False)


class Unblock(_Setting, frozen=True, kw_only=True):
    """Let money go out of a position again."""

    checked: ClassVar[bool] = True

    def decide_on(self, account: Account, desk: Desk) -> Result:
        """Unblock debits."""
        if not account.blocked:
            return Refusal(reason=Reason.RECORD_FORBIDS, detail=f"debits of {self.participant} are not blocked")
        desk.adjust(account.id, blocked=False)
        self.note(Setting.BLOCKED, "yes", "no", "liquidity.unblocked", desk)
        return Done(transfer=self.change)


class Weigh(Deed, frozen=True, kw_only=True):
    """Look at a position's alarm again: the scheme has other thresholds now, and nothing has moved since."""

    participant: str
    currency: str

    def accounts(self, kept: Kept, scheme: Scheme) -> Iterable[AccountKey]:  # noqa: ARG002 - it is said
        """Want the position."""
        return ((self.participant, self.currency, Kind.POSITION),)

    def decide(self, desk: Desk) -> Result:
        """Have it looked at when the batch ends; what has no thresholds any more has no alarm."""
        number = desk.scheme.position(self.participant, self.currency)
        if number is None:
            return Done(changed=False)
        account = desk.book.accounts[number]
        desk.adjust(number, alarm=account.alarm if number in desk.scheme.alarms else 0)
        return Done()


def is_stale(account: Account, thresholds: Mapping[int, Sequence[int]]) -> bool:
    """Say whether an account's alarm is not what it would be if it were touched."""
    return account.alarm != level_of(available(account) or 0, thresholds.get(account.id, ()), account.alarm)


def caps_to_set(before: SchemeFile | None, after: SchemeFile) -> dict[AccountKey, int | None]:
    """Return the caps that a scheme file changes: an operator's stand where the file says the same as before."""
    old = {} if before is None else chart(before)
    return {key: cap for key, cap in chart(after).items() if key not in old or old[key] != cap}


def set_by_scheme(
    was: Mapping[AccountKey, int | None], caps: Mapping[AccountKey, int | None], *, version: int, by: str, now_ms: int
) -> list[Change]:
    """Return what a scheme changes of positions that are there already: `was` are their caps."""
    found = []
    for key, cap in sorted(caps.items()):
        participant, currency, kind = key
        if kind is not Kind.POSITION or key not in was or was[key] == cap:
            continue
        name = sha256(f"cap\n{version}\n{participant}\n{currency}".encode()).hexdigest()[:32]
        found.append(
            Change(
                id=name,
                version=1,
                at_ms=now_ms,
                participant=participant,
                currency=currency,
                what=Setting.CAP,
                before=str(was[key]),
                after=str(cap),
                by=by,
                why=f"scheme {version}",
            )
        )
    return found
