"""The operations that exist, as one table: each feature owns its rows, and nothing is described here."""

from typing import Final

from hub.http import lookups, transactions
from hub.http.operation import with_overrides

OPERATIONS: Final = tuple(with_overrides((*transactions.OPERATIONS, *lookups.OPERATIONS)))
