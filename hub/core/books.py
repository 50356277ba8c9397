"""What FX providers put on the books: their rates, all of them or none; one that jumped is kept but not used."""

from typing import Final

from hub.core.command import Done, Publish, Reason, Refusal, Result
from hub.core.facts import Facts
from hub.core.pricing.market import Published, RateState, published
from hub.core.pricing.rate import Rate, RateError
from hub.core.standing import Standing

VALID_MAX_S: Final = 31 * 86_400


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
