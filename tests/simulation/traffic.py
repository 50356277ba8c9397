"""What callers ask of the hub in the simulation: at home and abroad, quoted and not, again and back; all by chance."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import msgspec

from hub.core.command import Body, NewRate, Publish, Submit, Transfer
from hub.core.participant import SchemeFile
from hub.core.transfer import Flow
from routing.message import Errand, Resource
from routing.money import EXPONENTS, Money
from routing.party import party
from tests.simulation.world import ABROAD, AMOUNTS, AT_HOME, FSPS, SELLERS, WORTH

if TYPE_CHECKING:
    from tests.simulation.house import House

CALLERS = 6  # of ten transfers, how many the payer FSP asks for
PATIENCE_S = 40  # how long a caller waits for its quotes


class Traffic:
    """Everybody who asks the hub for something."""

    def __init__(self, house: House, chance: random.Random) -> None:
        self._house = house
        self._chance = chance
        self._submissions = 0
        self.flagged: set[str] = set()  # what the screening has flagged

    async def deed(self) -> None:
        """Do one thing that callers do."""
        kind, original = self._chance.random(), self._something_paid()
        if original is not None and kind < 0.15:
            backs = [self._reversal(original) for _ in range(self._chance.choice([1, 1, 1, 2]))]
            await asyncio.gather(*(self._house.send(each) for each in backs))
        elif kind < 0.50:
            await self._quoted()
        elif kind < 0.62:
            await self._house.send(self._unquoted())
        else:
            await self._house.send(self._at_home())

    def _something_paid(self) -> Transfer | None:
        """Return something that may perhaps be reversed. What failed at once named no FSP, and so nobody who may."""
        found = self._house.store.transfers.get(self._chance.choice(self._house.accepted or [""]))
        return None if found is None or found.flow is Flow.ERRAND or not found.payer_fsp else found

    def _reversal(self, original: Transfer) -> Submit:
        chance = self._chance
        caller = chance.choice([original.payer_fsp, original.payee_fsp])
        part = Money(chance.randint(1, original.minor), original.currency) if chance.random() < 0.6 else None
        return self._submit((original.payer_fsp, original.payee_fsp), caller, part, original=original.id)

    def _at_home(self) -> Submit:
        payer, payee, currency = self._chance.choice(AT_HOME)
        kind = self._chance.choice(["transfer", "transfer", "merchantpay", "cashout"])
        return self._submit((payer, payee), self._caller(payer, payee), self._amount(currency), kind=kind)

    def _unquoted(self) -> Submit:
        """Ask for a transfer abroad at whatever the price is, within what is tolerated."""
        payer, payee, source, target = self._chance.choice(ABROAD)
        money = self._amount(source)
        pairs = {"receivingCurrency": target}
        if self._chance.random() < 0.6:
            pairs["receivingAmountMin"] = str(self._about(money, target, self._chance.uniform(0.9, 1.02)))
        details = {"customData": [{"key": key, "value": value} for key, value in pairs.items()]}
        return self._submit((payer, payee), self._caller(payer, payee), money, kind="inttransfer", details=details)

    async def _quoted(self) -> None:
        """Ask for quotes, think, and pay one of them; now and then twice at once, or once more later."""
        house, chance = self._house, self._chance
        ask = self._quotation()
        await house.send(ask)
        quotes = await self._offered(ask.transfer)
        if not quotes:
            return
        await asyncio.sleep(chance.uniform(20, 90) if chance.random() < 0.2 else chance.uniform(0, 5))
        pays = [self._paying(ask, quotes) for _ in range(2 if chance.random() < 0.25 else 1)]
        await asyncio.gather(*(house.send(each) for each in pays))
        if chance.random() < 0.2:
            await asyncio.sleep(chance.uniform(0, 30))
            await house.send(self._paying(ask, quotes))

    async def _offered(self, quotation: str) -> list[dict[str, Any]]:
        for _ in range(PATIENCE_S):
            if quotation in self._house.callers.offered:
                return self._house.callers.offered[quotation]
            await asyncio.sleep(1)
        return []

    def _quotation(self) -> Submit:
        chance = self._chance
        way = chance.choice(ABROAD) if chance.random() < 0.9 else (*chance.choice(AT_HOME), "")
        payer, payee, source, target = way
        target = target or source
        receive = chance.random() < 0.35
        fixed = self._amount(target if receive else source)
        pairs = {"amountType": "receive", "sendingCurrency": source} if receive else {"receivingCurrency": target}
        asked = {
            "requestAmount": str(fixed),
            "requestCurrency": fixed.currency,
            "type": "inttransfer",
            "customData": [{"key": key, "value": value} for key, value in pairs.items()],
        }
        plain = self._submit((payer, payee), self._caller(payer, payee), None, kind="quotation")
        told = Errand(resource=Resource.QUOTATION, body=asked)
        return msgspec.structs.replace(plain, body=msgspec.structs.replace(plain.body, errand=told))

    def _paying(self, ask: Submit, quotes: list[dict[str, Any]]) -> Submit:
        chance = self._chance
        quote = quotes[0] if chance.random() < 0.7 else chance.choice(quotes)
        named = {"quotationReference": ask.transfer}
        if chance.random() < 0.8 or quote is not quotes[0]:
            named["quoteId"] = quote["quoteId"]
        sent = Money.parse(quote["sendingAmount"], quote["sendingCurrency"])
        plain = self._submit(("", ""), ask.caller, sent, kind="inttransfer")
        details = {"internationalTransferInformation": named}
        body = msgspec.structs.replace(plain.body, payer=ask.body.payer, payee=ask.body.payee, details=details)
        return msgspec.structs.replace(plain, body=body)

    def _submit(
        self,
        sides: tuple[str, str],
        caller: str,
        money: Money | None,
        *,
        kind: str = "transfer",
        details: dict[str, Any] | None = None,
        original: str = "",
    ) -> Submit:
        self._submissions += 1
        number = self._submissions
        payer, payee = (FSPS.index(each) if each else 0 for each in sides)
        body = Body(
            request=f"{number:032x}",
            correlation=f"request-{number}",
            callback_url="http://caller.test/callbacks",
            payer=party([("msisdn", f"+25470{payer}000001")]),
            payee=party([("msisdn", f"+25470{payee}000002")]),
            type=kind,
            details=details or {},
        )
        transfer, flagged = f"{number + 1:032x}", ""
        if not original and kind != "quotation" and self._chance.random() < 0.04:
            flagged = "screening: on a list"
            self.flagged.add(transfer)
        return Submit(transfer=transfer, caller=caller, body=body, money=money, original=original, flagged=flagged)

    def _caller(self, payer: str, payee: str) -> str:
        return self._chance.choice([payer] * CALLERS + [payee] * 2 + ["third"] * 2)

    def _amount(self, currency: str) -> Money:
        return Money(self._chance.randint(*AMOUNTS[currency]), currency)

    @staticmethod
    def _about(money: Money, target: str, share: float) -> Money:
        """Return about what an amount is worth; a caller may well be wrong about it."""
        worth = WORTH.get((money.currency, target)) or WORTH[money.currency, "USD"] * WORTH.get(("USD", target), 129.0)
        minor = money.minor * worth * share * 10 ** (EXPONENTS[target] - EXPONENTS[money.currency])
        return Money(max(1, round(minor)), target)


class Dealers:
    """The FX providers' own software, which publishes rates."""

    def __init__(self, house: House, chance: random.Random, file: SchemeFile) -> None:
        self._house = house
        self._chance = chance
        self._sold = {name: [each for each in file.fx if each.provider == name] for name in SELLERS}

    async def open(self) -> None:
        """Publish everything that is sold, for the first time."""
        for name, offers in self._sold.items():
            rates = tuple(self._rate(each.source, each.target, 1.0) for each in offers)
            await self._house.send(Publish(provider=name, rates=rates, by=f"{name}-software"))

    async def publish(self) -> None:
        """Publish some rates anew, near the former ones or not, or have an operator confirm those that jumped."""
        chance = self._chance
        name = chance.choice(SELLERS)
        held = [each for each in await self._house.store.rates() if each.provider == name and each.last]
        if held and chance.random() < 0.5:
            confirmed = tuple(NewRate(source=each.source, target=each.target, rate=each.rate) for each in held)
            await self._house.send(Publish(provider=name, rates=confirmed, by="operations", confirmed=True))
            return
        rates = [
            self._rate(each.source, each.target, 1.4 if chance.random() < 0.06 else chance.uniform(0.97, 1.03))
            for each in self._sold[name]
            if chance.random() < 0.7
        ]
        if rates:
            await self._house.send(Publish(provider=name, rates=tuple(rates), by=f"{name}-software"))

    def _rate(self, source: str, target: str, factor: float) -> NewRate:
        return NewRate(source=source, target=target, rate=f"{WORTH[source, target] * factor:.7f}")
