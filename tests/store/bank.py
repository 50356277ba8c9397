"""The settlement bank as tests play it: a scheme that names it, windows that were released, and the files it sends."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from hub.core.command import Done, Result
from hub.core.office.records import Difference, DifferenceState, File
from hub.core.participant import Scheme, SchemeFile
from hub.core.record import Deed, Desk, Selector
from hub.core.settlement.names import window_id
from hub.core.settlement.rules import BankAccount, SettlementBank
from hub.core.settlement.settle import Release
from hub.core.settlement.window import Payment, Window
from hub.files.answers import answer
from hub.files.bank_csv import BANK_COLUMNS
from hub.files.keys import SigningKey, new_key
from hub.files.sheet import RECORD, written
from hub.files.signature import sign
from hub.store.answering import import_deed
from routing.money import Money
from tests.store.house import House
from tests.store.office import MAKER, approved
from tests.store.windows import NET, close, reckon, with_models

ACCOUNT: Final = "MAKUTANO-1"
BANK_KEY: Final = SigningKey(new_key())
HUB_KEY: Final = SigningKey(new_key())
KEYS: Final[Mapping[str, bytes]] = {"KES": BANK_KEY.jwks}


def keys(_: Scheme) -> Mapping[str, bytes]:
    return KEYS


def with_bank(keys: str = "file:bank.json") -> SchemeFile:
    file = with_models(NET)
    bank = SettlementBank(currency="KES", name="Central Bank", bic="CBKEKENX", account=ACCOUNT, keys=keys)
    settles = {"KES": BankAccount(bic="", account="A-1")}
    participants = [msgspec.structs.replace(each, settles_at=settles) for each in file.participant[:2]]
    return msgspec.structs.replace(file, settlement_bank=(bank,), participant=(*participants, *file.participant[2:]))


async def released(house: House, *amounts: str) -> list[Payment]:
    """Close a window in which alpha came to owe bravo this, and have it released; returns its payments by debtor."""
    await house.store.apply_scheme(with_bank(), "test")
    for number, amount in enumerate(amounts or ("10",), 1):
        await house.completed(number, amount)
    return await released_again(house)


async def released_again(house: House, number: int = 1) -> list[Payment]:
    await close(house.door, "net", number)
    await reckon(house.door, "net", number)
    window = window_id("net", number)
    result = await approved(house, Release(by=MAKER, window=window))
    assert isinstance(result, Done), result
    return sorted(await house.store.records.found(Payment, subject=window), key=lambda each: each.debtor, reverse=True)


Row = dict[str, str]


def row(payment: str, amount: str, direction: str, **more: str) -> Row:
    return {
        RECORD: "entry",
        "statement": "S-1",
        "account": ACCOUNT,
        "reference": payment,
        "bank_reference": f"B-{payment[:8]}",
        "direction": direction,
        "amount": amount,
        "currency": "KES",
        "status": "booked",
        "booked_on": "2026-11-24",
        **more,
    }


def booked(payment: Payment, amount: str = "", **more: str) -> Row:
    """A row that says that a payment is booked, with its own amount and side unless others are given."""
    direction = "debit" if not payment.debtor else "credit"
    return row(
        payment.id, amount or str(Money(payment.minor, payment.currency)), more.pop("direction", direction), **more
    )


def csv_of(*rows: Row) -> bytes:
    currency = rows[0]["currency"] if rows else "KES"
    return written(BANK_COLUMNS, rows, [Money.parse(each["amount"], each["currency"]) for each in rows], currency)


def signed(content: bytes, name: str = "answer.csv", window: str = "", key: SigningKey = BANK_KEY) -> str:
    return sign(content, name=name, window=window, created_ms=1_000_000, key=key)


async def sent(
    house: House,
    content: bytes,
    *,
    name: str = "answer.csv",
    window: str = "",
    signature: str | None = None,
    keys: Mapping[str, bytes] = KEYS,
) -> Result:
    """Have the hub take a file as it comes from the bank."""
    mark = signed(content, name, window) if signature is None else signature
    scheme = await house.store.scheme()
    found = answer(content, name=name, signature=mark, scheme=scheme, keys=keys, by_operator=False)
    deed = await import_deed(house.store.records, found, by="the bank", ref=secrets.token_hex(16))
    return await house.door.handle(deed)


async def taken(house: House, *rows: Row, name: str = "answer.csv") -> Result:
    """Have the hub take rows that it must not refuse."""
    result = await sent(house, csv_of(*rows), name=name)
    assert isinstance(result, Done), result
    assert not result.reason, result.reason
    return result


async def payment(house: House, id_: str) -> Payment:
    found = await house.store.records.one(Payment, id_)
    assert found is not None
    return found


async def window(house: House, number: int = 1) -> Window:
    found = await house.store.records.one(Window, window_id("net", number))
    assert found is not None
    return found


async def differences(house: House, state: DifferenceState = DifferenceState.OPEN) -> list[Difference]:
    return await house.store.records.found(Difference, state=state)


async def kinds(house: House) -> list[str]:
    return sorted(str(each.kind) for each in await differences(house))


async def files(house: House, **where: Any) -> Sequence[File]:
    return await house.store.records.found(File, **where)


class Hurry(Deed, frozen=True, kw_only=True):
    """Have the bank's time for a payment be over now: tests do not wait."""

    payment: str

    def wants(self) -> Sequence[Selector]:
        return (Selector(Payment, "id", self.payment),)

    def decide(self, desk: Desk) -> Result:
        found = desk.get(Payment, self.payment)
        assert found is not None
        desk.keep(msgspec.structs.replace(found, due_ms=desk.now_ms))
        return Done()


async def hurried(house: House, *payments: Payment) -> None:
    for each in payments:
        await house.door.handle(Hurry(by="test", payment=each.id))
