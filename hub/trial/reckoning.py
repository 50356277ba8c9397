"""Reckoning: what each provider says it moved, held against what the hub's transfers say it must have moved."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from adapters.simulator.app import Simulator
from hub.core.command import Transfer
from hub.core.transfer import State
from hub.trial.world import PROVIDERS
from routing.message import Operation
from routing.money import Money

Moved = Counter[tuple[str, str, str]]  # provider, what it did, currency -> minor units

SIDES = ("credited", "debited", "converted", "unwound", "promised")


def differences(simulator: Simulator, transfers: Iterable[Transfer]) -> list[str]:
    """List where a provider's books are not what the hub's transfers say, in every currency, both ways."""
    due: Moved = Counter()
    for each in transfers:
        for provider, side, money in moved(each):
            due[provider, side, money.currency] += money.minor
    lines = []
    for provider in PROVIDERS:
        totals: Mapping[str, Any] = simulator.provider(provider).totals()
        for side in SIDES:
            currencies = {*totals[side], *(currency for who, what, currency in due if (who, what) == (provider, side))}
            for currency in sorted(currencies):
                really, must = totals[side].get(currency, 0), due[provider, side, currency]
                if really != must:
                    lines.append(f"{provider} {side} {really} {currency} (minor units), the hub says {must}")
        if totals["executed_twice"]:
            lines.append(f"{provider} executed {totals['executed_twice']} operations twice")
    return lines


def moved(transfer: Transfer) -> list[tuple[str, str, Money]]:
    """List what the providers must have done for a transfer that ended so, each in its own currency."""
    credit = (transfer.payee_fsp, "credited", transfer.money_of(Operation.CREDIT))
    debit = (transfer.payer_fsp, "debited", transfer.money_of(Operation.DEBIT))
    refund = (transfer.payer_fsp, "credited", transfer.money_of(Operation.REFUND))
    instructed_credit, instructed_debit = bool(transfer.payee_connection), bool(transfer.payer_connection)
    if transfer.state is State.COMMITTED:
        return [credit] * instructed_credit + [debit] * instructed_debit + _converted(transfer)
    if transfer.state is State.REFUNDED:
        return _converted(transfer) or [debit, refund]
    return []


def _converted(transfer: Transfer) -> list[tuple[str, str, Money]]:
    """List what the FX provider that was asked to confirm bound itself to, or let go of again."""
    price = transfer.price
    if price is None or not price.converter:
        return []
    provider, source, target = price.providers[0], price.hops[0].source, price.hops[-1].target
    if transfer.state is State.REFUNDED:
        nothing = Money(0, target.currency)
        return [(provider, "converted", source), (provider, "unwound", source), (provider, "promised", nothing)]
    return [(provider, "converted", source), (provider, "promised", target)]
