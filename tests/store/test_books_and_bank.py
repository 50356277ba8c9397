"""Random days at a settlement bank: what it really has is what the books say once all is resolved, whatever it did.

On every day there is a way on: what is not settled is awaited, or a difference is open that leads on.
"""

import random
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from hub.core.command import Done, Reason, Result
from hub.core.office.files import Import, Overdue, Reported
from hub.core.office.funds import ConfirmFunds
from hub.core.office.records import Difference, DifferenceKind, DifferenceState, Funds, FundsState, Purpose
from hub.core.office.resolving import Resolution, Resolve, currency_of
from hub.core.office.words import CREDIT, DEBIT, side_of
from hub.core.settlement.close import CloseWindow
from hub.core.settlement.handle_default import HandleDefault
from hub.core.settlement.rules import DefaultPath, Model, Netting
from hub.core.settlement.settle import AWAITED, Release
from hub.core.settlement.window import Payment, PaymentState, Said, Window, WindowState, Word
from hub.ledger.account import Kind
from hub.ledger.position import balance
from routing.message import Operation, Verdict
from tests.store.bank import hurried, with_bank
from tests.store.house import ALPHA, BRAVO, House, submit
from tests.store.office import MAKER, approved, fresh, moving
from tests.store.windows import reckon

DAYS: Final = 450
STEPS_MAX: Final = 45
NETTINGS: Final = (Netting.MULTILATERAL, Netting.BILATERAL, Netting.GROSS)
# Nothing was booked of these, so they are ignored without leaving out anything.
NO_MONEY: Final = (DifferenceKind.REFUSED, DifferenceKind.MISSING)
OTHER_WAY: Final = {CREDIT: DEBIT, DEBIT: CREDIT, "": ""}


class Booked(NamedTuple):
    """What the bank has moved for a payment: above zero, on one side of the scheme's account; "": beside it."""

    payment: Payment
    minor: int
    side: str
    reference: str


class Day:
    """A day of the hub, of a bank that makes mistakes, and of operators who resolve what they find as they like."""

    def __init__(self, house: House, seed: int) -> None:
        """Begin with nothing."""
        self.house: Final = house
        self.chance: Final = random.Random(seed)
        self.log: Final[list[tuple[str, str]]] = []
        self.cash = 0
        self._booked: list[Booked] = []
        self._untold: list[Booked] = []  # told without its amount: the statement comes later
        self._transfers = 0

    async def every(self, kind: type[Any], **where: Any) -> list[Any]:
        return sorted(await self.house.store.records.found(kind, **where), key=lambda each: each.id)

    def told(self, seed: int = 0) -> str:
        return f"seed {seed}\n" + "\n".join(f"{what}: {result}" for what, result in self.log)

    async def did(self, what: str, result: Awaitable[Result]) -> Result:
        done = await result
        self.log.append((what, f"{done.reason} {getattr(done, 'detail', '')}".strip()))
        assert done.reason is not Reason.BROKEN, self.told()
        return done

    async def one_step(self) -> None:
        doing: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (20, self.transfers),
            (8, self.closes),
            (10, self.releases),
            (8, self.asks_for_funds),
            (30, self.bank_does),
            (4, self.bank_reverses),
            (4, self.bank_is_late),
            (4, self.confirms_by_hand),
            (14, self.resolves),
            (5, self.handles_a_default),
        ]
        (step,) = self.chance.choices([each for _, each in doing], [weight for weight, _ in doing])
        await step()

    async def transfers(self) -> None:
        self._transfers += 1
        payer, payee, caller = self.chance.choice([(ALPHA, BRAVO, "alpha"), (BRAVO, ALPHA, "bravo")])
        amount = str(self.chance.randint(1, 20))
        result = await self.house.door.handle(submit(self._transfers, amount, caller=caller, payer=payer, payee=payee))
        if isinstance(result, Done) and result.transfer and not result.reason:
            await self.house.hear(await self.house.transfer(result.transfer), Operation.CREDIT, Verdict.ACCEPTED)

    async def closes(self) -> None:
        for each in await self.every(Window, state=WindowState.OPEN):
            await self.did("close", self.house.door.handle(CloseWindow(by="desk-1", window=each.id)))

    async def releases(self) -> None:
        for each in await self.every(Window, state=WindowState.CLOSED):
            await reckon(self.house.door, each.model, each.number)
        for each in await self.every(Window, state=WindowState.RECKONED):
            await self.did("release", approved(self.house, Release(by=MAKER, window=each.id)))

    async def asks_for_funds(self) -> None:
        out, purpose = self.chance.random() < 0.4, self.chance.choice(list(Purpose))
        deed = moving(
            str(self.chance.randint(1, 50)), out=out, purpose=purpose, who=self.chance.choice(["alpha", "bravo"])
        )
        await self.did("funds", approved(self.house, deed))

    async def bank_does(self) -> None:
        payments = await self.every(Payment)
        awaited = [each for each in payments if each.state in AWAITED]
        among = awaited if awaited and self.chance.random() < 0.8 else payments
        if not among:
            return
        payment = self.chance.choice(among)
        side, minor = side_of(payment), payment.minor
        match self.chance.choices(("exactly", "wrong", "other way", "refused", "no amount"), (50, 20, 10, 15, 15))[0]:
            case "exactly":
                await self.books(payment, minor, side)
            case "wrong":
                await self.books(payment, self.chance.choice([1, max(1, minor - 100), minor + 250, 2 * minor]), side)
            case "other way":
                await self.books(payment, minor, OTHER_WAY[side])
            case "no amount":
                await self.books(payment, self.chance.choice([minor, minor, minor + 3_00]), side, is_told=False)
            case "refused" if all(each.payment.id != payment.id for each in self._booked):
                await self.says(payment, Said(word=Word.REFUSED, reason="AC04"))

    async def books(self, payment: Payment, minor: int, side: str, *, is_told: bool = True) -> None:
        booking = self.moves(payment, minor, side)
        if is_told:
            await self.tells(booking)
        else:
            self._untold.append(booking)
            await self.says(payment, Said(word=Word.BOOKED))

    def moves(self, payment: Payment, minor: int, side: str) -> Booked:
        booking = Booked(payment, minor, side, f"B-{len(self._booked)}")
        self._booked.append(booking)
        self.cash += {CREDIT: minor, DEBIT: -minor, "": 0}[side]
        return booking

    async def tells(self, booking: Booked, word: Word = Word.BOOKED) -> None:
        said = Said(
            word=word,
            minor=booking.minor,
            currency="KES",
            direction=booking.side,
            bank_reference=booking.reference,
        )
        await self.says(booking.payment, said)

    async def says(self, payment: Payment, said: Said) -> None:
        content = fresh()
        deed = Import(
            by="bank",
            ref=fresh(),
            file=fresh(),
            name="answer",
            format="csv",
            content=content,
            sha256=sha256(content.encode()).hexdigest(),
            signer="bank",
            currencies=("KES",),
            entries=(Reported(reference=payment.id, said=said),),
            about=(payment.subject,),
        )
        done = await self.did(
            f"say {payment.id[:6]} {said.word} {said.minor} {said.direction}", self.house.door.handle(deed)
        )
        assert isinstance(done, Done), self.told()

    async def bank_reverses(self) -> None:
        if self._booked:
            before = self.chance.choice(self._booked)
            if before in self._untold:
                return
            await self.tells(self.moves(before.payment, before.minor, OTHER_WAY[before.side]), Word.REVERSED)

    async def bank_is_late(self) -> None:
        for each in await self.every(Payment, state=PaymentState.EXPECTED):
            await hurried(self.house, each)
            await self.house.door.handle(Overdue(by="hub", payments=(each.id,), about=(each.subject,)))

    async def confirms_by_hand(self) -> None:
        """Operators know of a booking before its file comes, and may be wrong about its amount."""
        for each in await self.every(Funds, state=FundsState.APPROVED):
            payment = await self.house.store.records.one(Payment, each.payment)
            if payment is not None and payment.state in AWAITED:
                booking = self.moves(payment, self.chance.choice([each.minor, each.minor + 5]), side_of(payment))
                say = ConfirmFunds(
                    by=MAKER,
                    funds=each.id,
                    participant=each.participant,
                    currency="KES",
                    reference=booking.reference,
                    why="by telephone",
                )
                assert isinstance(await self.did("by hand", approved(self.house, say)), Done), self.told()
                self._untold.append(booking)

    async def resolves(self) -> None:
        found = await self.every(Difference, state=DifferenceState.OPEN)
        if found:
            await self.resolve(self.chance.choice(found), self.chance.choice(list(Resolution)))

    async def resolve(self, found: Difference, how: Resolution) -> bool:
        """Try to resolve a difference; what the bank has moved is never ignored."""
        payment = await self.house.store.records.one(Payment, found.subject)
        assert payment is not None
        if how is Resolution.IGNORE and found.kind not in NO_MONEY and side_of(payment):
            return False
        is_missed = found.kind is DifferenceKind.MISSING and how is Resolution.ACCEPT_BOOKED
        deed = Resolve(
            by=MAKER,
            difference=found.id,
            payment=found.subject,
            about=found.about,
            currency=currency_of(found),
            resolution=how,
            why="looked at",
            fresh=fresh() if how is Resolution.RESEND else "",
            bank_reference=f"B-{len(self._booked)}" if is_missed else "",
        )
        what = f"{how} {found.kind} of {found.subject[:6]} {payment.state}"
        done = await self.did(what, approved(self.house, deed))
        if is_missed and isinstance(done, Done):
            self._untold.append(self.moves(payment, payment.minor + self.chance.choice([0, 7]), side_of(payment)))
        return isinstance(done, Done)

    async def handles_a_default(self) -> None:
        settling = [each for each in await self.every(Window) if each.state is WindowState.SETTLING]
        if settling:
            who, path = self.chance.choice(["alpha", "bravo"]), self.chance.choice(list(DefaultPath))
            window = self.chance.choice(settling).id
            deed = HandleDefault(
                by=MAKER, window=window, participant=who, path=path, override=True, why="it cannot pay"
            )
            await self.did(f"default {path}", approved(self.house, deed))

    async def ends(self) -> None:
        """Have the bank do what it is told, tell what it has not told yet, and have everything resolved."""
        for _ in range(12):
            while self._untold:
                await self.tells(self._untold.pop())
            for each in await self.every(Difference, state=DifferenceState.OPEN):
                for how in (Resolution.ACCEPT_BOOKED, Resolution.RESEND, Resolution.IGNORE):
                    is_missed = each.kind is DifferenceKind.MISSING
                    if not is_missed and await self.resolve(each, how):
                        break
            await self.releases()
            for each in await self.every(Payment):
                if each.state in AWAITED:
                    await self.books(each, each.minor, side_of(each))

    async def stuck(self) -> list[str]:
        """Say which windows and funds nothing leads on for."""
        windows = [each.id for each in await self.every(Window, state=WindowState.SETTLING)]
        funds = [each.id for each in await self.every(Funds, state=FundsState.APPROVED)]
        differences = await self.every(Difference, state=DifferenceState.OPEN)
        led = {each.about for each in differences}
        led |= {each.subject for each in await self.every(Payment) if each.state in AWAITED}
        return [each for each in (*windows, *funds) if each not in led]


async def lived(house: House, netting: Netting, seed: int) -> None:
    """Live a day, and see that the books are what the bank has after it."""
    model = Model(name="net", netting=netting, currency="KES")
    await house.store.apply_scheme(msgspec.structs.replace(with_bank(), settlement_model=(model,)), "test")
    day = Day(house, seed)
    for _ in range(day.chance.randint(10, STEPS_MAX)):
        await day.one_step()
        assert await day.stuck() == [], day.told(seed)
    assert house.findings() == [], day.told(seed)
    await day.ends()
    accounts = [each for each in await house.store.accounts() if each.kind is Kind.SETTLEMENT_BANK]
    held = -sum(balance(each) for each in accounts if each.currency == "KES")
    open_ = [each.kind for each in await day.every(Difference, state=DifferenceState.OPEN)]
    windows = {each.state for each in await day.every(Window)} - {WindowState.OPEN, WindowState.SETTLED}
    funds = await day.every(Funds, state=FundsState.APPROVED)
    assert (held, open_, windows, funds) == (day.cash, [], set(), []), day.told(seed)
    assert house.findings() == [], day.told(seed)


@pytest.mark.parametrize("netting", NETTINGS)
async def test_the_books_are_what_the_bank_has_whatever_it_did(netting: Netting, seed: int) -> None:
    for number in range(DAYS // len(NETTINGS)):
        async with House("") as house:
            await lived(house, netting, seed + number)


@pytest.mark.parametrize("netting", NETTINGS)
async def test_the_audit_agrees_with_it(sql_house: House, netting: Netting, seed: int) -> None:
    await lived(sql_house, netting, seed)
