"""Every operation of the operators' API, from the tables of their subjects; it must never hold a rule."""

from typing import Final

from hub.http.operator import bringing, deciding, kept, previews, scheme, transfers
from hub.http.operator.row import Row

ROWS: Final[tuple[Row, ...]] = (
    *scheme.ROWS,
    *transfers.ROWS,
    *kept.ROWS,
    *previews.ROWS,
    *deciding.ROWS,
    *bringing.ROWS,
)
