"""Whether what a bank's or a participant's file says adds up; one that does not is refused as a whole."""

from collections.abc import Callable, Iterable, Sequence

from hub.files.shapes import BankEntry, BankStatus, FileHeader, FileRefusedError, signed
from routing.money import Money

AGAIN = "Nothing of the file was taken: send it again, corrected"


def check_currency(currency: str, entries: Iterable[BankEntry], balances: Iterable[Money | None]) -> None:
    """Refuse amounts in two currencies: an account and an order have one."""
    for entry in entries:
        if entry.money is not None and entry.money.currency != currency:
            raise FileRefusedError(entry.where, f"it is in {entry.money.currency}, the others in {currency}", AGAIN)
    for balance in balances:
        if balance is not None and balance.currency != currency:
            raise FileRefusedError("the balance", f"it is in {balance.currency}, the others in {currency}", AGAIN)


def check_twice(entries: Iterable[BankEntry]) -> None:
    """Refuse a reference of ours that stands twice for the same side; a reversal is another thing than its booking.

    Two bookings that the bank tells apart by its own references are two: that is a difference, not a fault of the file.
    """
    seen: dict[tuple[object, ...], dict[str, str]] = {}
    for entry in entries:
        if not entry.reference:
            continue
        known = seen.setdefault((entry.reference, entry.direction, entry.is_reversal), {})
        if known and (not entry.bank_reference or "" in known or entry.bank_reference in known):
            before = known.get(entry.bank_reference) or next(iter(known.values()))
            raise FileRefusedError(entry.where, f"reference {entry.reference!r} stood at {before} already", AGAIN)
        known[entry.bank_reference] = entry.where


def check_balances(header: FileHeader, entries: Iterable[BankEntry]) -> None:
    """Refuse a statement whose booked entries do not lead from its opening to its closing balance."""
    opening, closing = header.opening, header.closing
    if opening is None and closing is None:
        return
    if opening is None or closing is None:
        raise FileRefusedError("the balances", "there is one of opening and closing", "Send both or none")
    moved = sum(minor_of(entry) for entry in entries if entry.status is BankStatus.BOOKED)
    if opening.minor + moved != closing.minor:
        raise FileRefusedError(
            "the balances",
            f"{opening} and entries of {Money(moved, opening.currency)} do not make {closing} {closing.currency}",
            AGAIN,
        )


def minor_of(entry: BankEntry) -> int:
    """Return what an entry adds to the balance, in minor units; what is silent of amount or side adds nothing."""
    return 0 if entry.money is None or entry.direction is None else signed(entry.direction, entry.money)


def must_equal(said: object, found: object, what: str, refused: Callable[[str, str], FileRefusedError]) -> None:
    """Refuse a count or a sum that is given and is another than what was found."""
    if said is not None and said != found:
        raise refused(f"{what} is said to be {said}, and is {found}", AGAIN)


def check_limit(entries: Sequence[object], longest: int) -> None:
    """Refuse more entries than are read."""
    if len(entries) > longest:
        raise FileRefusedError("the file", f"it has over {longest} entries", "Split it")


def check_expected(header: FileHeader, account: str, currency: str) -> None:
    """Refuse a file that is about another account or currency than it was sent for; '' expects nothing."""
    for what, wanted, found in (("account", account, header.account), ("currency", currency, header.currency)):
        if wanted and found and found != wanted:
            raise FileRefusedError("the file", f"its {what} is {found!r}, not {wanted!r}", "Send the right one")
