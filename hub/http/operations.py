"""The operations that exist, as one table: each feature owns its rows, and nothing is described here."""

from typing import Final

from hub.http import (
    accounts,
    batches,
    bills,
    disputes,
    errands,
    heartbeat,
    listings,
    lookups,
    payments,
    rates,
    statements,
    transactions,
)
from hub.http.operation import with_overrides

OPERATIONS: Final = tuple(
    with_overrides(
        (
            *transactions.OPERATIONS,
            *payments.OPERATIONS,
            *batches.OPERATIONS,
            *errands.OPERATIONS,
            *lookups.OPERATIONS,
            *heartbeat.OPERATIONS,
            *bills.OPERATIONS,
            *accounts.OPERATIONS,
            *listings.OPERATIONS,
            *rates.OPERATIONS,
            *disputes.OPERATIONS,
            *statements.OPERATIONS,
        )
    )
)
