"""A batch of transactions as the API shows it; its rows are orders like any others, and one bad row fails alone."""

from typing import Any, Literal

import msgspec

from adapters.simulator.kept import Kept, Resource
from adapters.simulator.words import time_text


class Batch(Resource, frozen=True, kw_only=True):
    """The header, what was asked for while it waits for approval, and what became of the rows."""

    transactions: list[dict[str, Any]]
    batch_id: str = ""
    batch_status: Literal["created", "approved", "completed", ""] = ""
    batch_title: str = ""
    batch_description: str = msgspec.field(default="", name="batchdescription")
    scheduled_start_date: str = ""
    requesting_organisation: Any = None
    request_date: str = ""
    custom_data: list[Any] = []
    rows: list[int] = []  # the numbers of the entries
    rejected: list[dict[str, Any]] = []  # what could not be read

    def shown(self, kept: Kept, at_ms: int) -> dict[str, Any]:
        """Show the header; the rows have pages of their own, the counters are beside it."""
        hidden = {"transactions", "rows", "rejected"}
        fields = {name: value for name, value in super().shown(kept, at_ms).items() if name not in hidden}
        ended = time_text(kept.changed_ms)
        return fields | {"approvalDate": ended, "completionDate": ended, "processingFlag": False}
