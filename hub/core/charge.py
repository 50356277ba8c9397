"""Charging: what an admitted transfer takes and gives, and at which rate; agreed before, made now, or undone.

A price that was quoted is taken as it is. Without a quote a transfer at home is charged by the schedule, and one
abroad is priced by the market, where the scheme and the caller allow it.
"""

from typing import NamedTuple

import msgspec

from hub.core.command import Body, Reason, Submit, Transfer
from hub.core.facts import Facts
from hub.core.participant import Role
from hub.core.pricing.fees import Way
from hub.core.pricing.limits import Counted, Payment
from hub.core.pricing.price import Hop, Price, Side, explained, priced
from hub.core.pricing.quote import Ask, Offers, offers
from hub.core.pricing.rate import BASIS_POINTS, Rate
from hub.core.pricing.rules import Period, ReversalRate, Then, Unquoted
from hub.core.terms import RECEIVING_AMOUNT_MIN, RECEIVING_CURRENCY, crosses, custom
from hub.core.use import RefusedError
from routing.money import Money, MoneyError
from routing.party import Party, party


class Charged(NamedTuple):
    """A price (None: the amount itself), why, and whether other members of the batch may change it."""

    price: Price | None
    reasons: tuple[str, ...] = ()
    by_market: bool = False


def arriving_currency(body: Body, payee_fsp: str, source: str, facts: Facts) -> str:
    """Return in which currency the payee's account is credited; raises RefusedError."""
    named = custom(body.details).get(RECEIVING_CURRENCY, "").upper()
    participant = facts.scheme.participants.get(payee_fsp)
    held = participant.currencies if participant is not None else ()
    if named:
        target = named
    elif source in held or not held:
        return source
    else:
        target = held[0]
    if target != source and (target not in held or (source, target) not in facts.scheme.corridors):
        raise RefusedError(
            Reason.CURRENCY_UNSUPPORTED,
            f"{payee_fsp} does not settle in {source}" if not named else f"no corridor from {source} to {target}",
        )
    return target


Held = tuple[str | None, tuple[str, ...]]  # who holds an account, and how that is known


def held_at(who: Party, facts: Facts) -> Held:
    """Say which participant holds the party's account; a participant's own id as organisation is that participant."""
    for each in who:
        found = facts.scheme.participants.get(each.value) if each.key == "organisationid" else None
        if found is not None and found.role is not Role.THIRD_PARTY:
            return found.id, (f"organisation: {found.id} itself",)
    resolved = facts.scheme.directory.resolve(who, facts.overrides)
    return resolved.participant, resolved.reasons


def settling(payee_fsp: str, facts: Facts) -> tuple[str, Party]:
    """Return who settles for the payee, and at which account: a biller may be paid at an FSP; raises RefusedError."""
    pairs = facts.scheme.participants[payee_fsp].paid_at if payee_fsp in facts.scheme.participants else {}
    if not pairs:
        return payee_fsp, ()
    account = party(pairs.items())
    found = facts.scheme.directory.resolve(account, {}).participant
    if found is None:
        raise RefusedError(Reason.PAYEE_UNKNOWN, f"nobody holds the account of {payee_fsp}")
    return found, account


def charged(submit: Submit, body: Body, fsps: tuple[str, str], money: Money, facts: Facts) -> Charged:
    """Price a transfer from one FSP to the other that names no quote; raises RefusedError."""
    payer_fsp, payee_fsp = fsps
    target = arriving_currency(body, payee_fsp, money.currency, facts)
    way = Way(payer_fsp, payee_fsp, body.type, money.currency, target)
    if target == money.currency:
        return Charged(_at_home(way, money, facts))
    if facts.scheme.file.scheme.unquoted is Unquoted.REFUSE or not crosses(body):
        raise RefusedError(Reason.QUOTE_NEEDED, f"from {money.currency} to {target}")
    found = offered(submit, Ask(way, money, may_confirm=submit.caller in fsps), facts)
    price = found.quotes[0].price
    _tolerated(price, body, payer_fsp, facts)
    return Charged(price, (f"priced without a quote: {explained(found.quotes)[0]}", *found.left_out), by_market=True)


def offered(submit: Submit, ask: Ask, facts: Facts) -> Offers:
    """Price every way by the market as it stands; raises RefusedError when there is none."""
    found = offers(ask, facts.scheme, facts.market, facts.now_ms, id_=submit.transfer)
    if not found.quotes:
        raise RefusedError(found.reason or Reason.RATE_UNAVAILABLE, "; ".join(found.left_out))
    return found


def _at_home(way: Way, money: Money, facts: Facts) -> Price | None:
    """Charge the schedule's fees; most transfers have none."""
    fees = facts.scheme.fees
    paid = [*fees.fees(Side.PAYER, way, money, ""), *fees.fees(Side.PAYEE, way, money, "")]
    if not paid:
        return None
    price = priced(payer_fsp=way.payer_fsp, payee_fsp=way.payee_fsp, sent=money, converted=money, fees=paid)
    if price.given.minor <= 0:
        raise RefusedError(Reason.AMOUNT_TOO_SMALL, "the fees would leave nothing")
    return price


def _tolerated(price: Price, body: Body, payer_fsp: str, facts: Facts) -> None:
    """Hold a price that nobody has seen against what the caller takes; raises RefusedError."""
    least = custom(body.details).get(RECEIVING_AMOUNT_MIN, "")
    if least:
        try:
            wanted = Money.parse(least, price.given.currency)
        except MoneyError as error:
            raise RefusedError(Reason.TOLERANCE_PASSED, f"receivingAmountMin: {error}") from None
        if price.given.minor < wanted.minor:
            raise RefusedError(Reason.TOLERANCE_PASSED, f"{price.given} would arrive, not {wanted}")
        return
    payer = facts.scheme.participants.get(payer_fsp)
    if payer is None or payer.tolerance_bps is None:
        raise RefusedError(Reason.QUOTE_NEEDED, "neither the request nor the participant says what it tolerates")
    amount = price.sent
    for hop in price.hops:
        published = facts.market.rates[hop.provider, hop.source.currency, hop.target.currency]
        amount = Rate.parse(published.rate).buys(amount, hop.target.currency, facts.scheme.rounding)
    short, allowed = (amount.minor - price.given.minor) * BASIS_POINTS, amount.minor * payer.tolerance_bps
    if short > allowed:
        raise RefusedError(
            Reason.TOLERANCE_PASSED, f"{price.given} would arrive, more than {payer.tolerance_bps} bp under {amount}"
        )


def reversed_(original: Transfer, money: Money, submit: Submit, facts: Facts) -> Charged:
    """Price the reversal of `money` of the original; raises RefusedError.

    Fees are not given back: the payee's side pays back all that was converted for the part that is reversed. Each part
    is rounded down and the last takes all that is left, so that the parts together are exactly the whole.
    """
    price = original.price
    if price is None or not price.hops:
        return Charged(None)
    parts = [_part(each, price, money) for each in reversed(price.hops)]
    if money.minor == original.minor - facts.reversed_minor.get(original.id, 0):
        left = price.hops[-1].target.minor - facts.taken_back.get(original.id, 0)
        parts[0] = msgspec.structs.replace(parts[0], source=Money(left, parts[0].source.currency))
    if parts[0].source.minor <= 0:
        raise RefusedError(Reason.AMOUNT_TOO_SMALL, "nothing would be taken back")
    sides = {original.payer_fsp, original.payee_fsp}
    if facts.scheme.file.scheme.reversal_rate is ReversalRate.CURRENT:
        way = Way(original.payee_fsp, original.payer_fsp, submit.body.type, parts[0].source.currency, money.currency)
        ask = Ask(way, parts[0].source, free=True, may_confirm=submit.caller in sides)
        found = offered(submit, ask, facts)
        now = found.quotes[0].price
        why = (f"reversed at the current rate {now.rate}: {explained(found.quotes)[0]}", *found.left_out)
        return Charged(msgspec.structs.replace(now, quote=""), why, by_market=True)
    parts = [_at_its_rate(each) for each in parts]
    back = priced(
        payer_fsp=original.payee_fsp,
        payee_fsp=original.payer_fsp,
        sent=parts[0].source,
        converted=money,
        fees=(),
        hops=parts,
        rate=str(Rate.between(parts[0].source, money)),
    )
    back = msgspec.structs.replace(back, converter=price.converter)
    return Charged(back, (f"reversed at the original rate {price.rate}",))


def _part(hop: Hop, price: Price, money: Money) -> Hop:
    """Turn one conversion round, for a part of the amount that was sent."""

    def part(whole: Money) -> Money:
        return Money(whole.minor * money.minor // price.sent.minor, whole.currency)

    return Hop(hop.provider, part(hop.target), part(hop.source), "")


def _at_its_rate(hop: Hop) -> Hop:
    """Say the rate in this direction; a part so small that nothing is left of it between two providers has none."""
    some = hop.source.minor and hop.target.minor
    return msgspec.structs.replace(hop, rate=str(Rate.between(hop.source, hop.target))) if some else hop


class Limited(NamedTuple):
    """The limits that are counted over time, and why one per transaction wants an operator to look."""

    counted: list[Counted]
    flagged: str = ""


def limited(payment: Payment, facts: Facts) -> Limited:
    """Hold a payment against the limits per transaction; raises RefusedError."""
    counted, flagged = [], ""
    for each in facts.scheme.tallied.counted(payment, facts.now_ms):
        if each.rule.per is not Period.TRANSACTION:
            counted.append(each)
            continue
        if each.money.minor < each.least:
            raise RefusedError(Reason.AMOUNT_TOO_SMALL, f"limit {each.rule.name}: at least {each.rule.min_value}")
        if each.most is not None and each.money.minor > each.most:
            if each.rule.then is Then.REVIEW:
                flagged = f"limit {each.rule.name}: over {each.rule.max_value}"
                continue
            raise RefusedError(Reason.AMOUNT_TOO_LARGE, f"limit {each.rule.name}: at most {each.rule.max_value}")
    return Limited(counted, flagged)
