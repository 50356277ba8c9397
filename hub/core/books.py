"""What operators and FX providers put on the books: cash at the settlement bank, and rates; each happens once."""

from typing import Final

from hub.core.change import Decided, Funding
from hub.core.command import Done, Fund, Publish, Reason, Refusal, Result
from hub.core.facts import Facts
from hub.core.pricing.market import Published, RateState, published
from hub.core.pricing.rate import Rate, RateError
from hub.core.standing import Standing
from hub.ledger.account import Kind
from hub.ledger.journal import Book, OverCapError, Phase, Posting

VALID_MAX_S: Final = 31 * 86_400


def fund(command: Fund, facts: Facts, standing: Standing, book: Book, decided: Decided) -> Result:
    """Count cash that arrived at the settlement bank, or left it."""
    money = command.money
    position = facts.scheme.position(command.participant, money.currency)
    if position is None:
        return Refusal(reason=Reason.CURRENCY_UNSUPPORTED, detail=f"{command.participant} {money.currency}")
    if command.reference in standing.funded:
        return Done(changed=False)
    bank = facts.scheme.accounts["", money.currency, Kind.SETTLEMENT_BANK]
    debit, credit = (bank, position) if money.minor > 0 else (position, bank)
    try:
        book.enter(Posting(f"fund:{command.reference}", debit, credit, abs(money.minor), Phase.DIRECT))
    except OverCapError as error:
        return Refusal(reason=Reason.CAP_EXCEEDED, detail=str(error))
    standing.funded.add(command.reference)
    standing.entered([(command.participant, money.currency)])
    decided.fundings.append(
        Funding(
            reference=command.reference,
            participant=command.participant,
            currency=money.currency,
            minor=money.minor,
            by=command.by,
            at_ms=facts.now_ms,
        )
    )
    return Done()


def publish(command: Publish, facts: Facts, standing: Standing) -> Result:
    """Take an FX provider's rates, all or none; one that jumped is kept but not used."""
    if not facts.scheme.active(command.provider):
        return Refusal(reason=Reason.PARTICIPANT_SUSPENDED, detail=command.provider)
    pairs = [(new.source, new.target) for new in command.rates]
    if len(set(pairs)) < len(pairs):
        return Refusal(reason=Reason.RATE_INVALID, detail="a pair is listed twice")
    found = []
    for new in command.rates:
        sellers = facts.scheme.fx.get((new.source, new.target), ())
        offer = next((each for each in sellers if each.provider == command.provider), None)
        if offer is None:
            return Refusal(
                reason=Reason.CURRENCY_UNSUPPORTED, detail=f"{command.provider} sells no {new.target} for {new.source}"
            )
        valid_s = offer.valid_s if new.valid_s is None else new.valid_s
        try:
            Rate.parse(new.rate)
        except RateError as error:
            return Refusal(reason=Reason.RATE_INVALID, detail=str(error))
        if not 1 <= valid_s <= VALID_MAX_S:
            return Refusal(reason=Reason.RATE_INVALID, detail=f"a rate is valid for 1 to {VALID_MAX_S} s")
        fresh = Published(
            provider=command.provider,
            source=new.source,
            target=new.target,
            rate=new.rate,
            at_ms=facts.now_ms,
            until_ms=facts.now_ms + valid_s * 1000,
            by=command.by,
        )
        found.append(published(fresh, offer, standing.market.rates.get(fresh.key), confirmed=command.confirmed))
    for each in found:
        standing.publish(each)
    held = [f"{each.source}-{each.target} {each.last} to {each.rate}" for each in found if each.state is RateState.HELD]
    return Done(reason=f"held: {', '.join(held)}" if held else "")
