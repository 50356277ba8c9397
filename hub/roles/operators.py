"""Whether a command line's operator is one: where operators are admitted, no other name brings a deed about.

Before that, too, a name is a person's: what the calendar, the bank or the hub itself does is said by nobody else.
"""

from hub.core.command import Reason, Refusal
from hub.core.office.operators import NAMES, FoundOffice, is_name
from hub.core.office.records import Operator
from hub.core.record import Deed
from hub.store.contract import RecordReader


async def stranger(records: RecordReader, deed: Deed) -> Refusal | None:
    """Refuse a name that nobody was admitted by; before the first is admitted, every name that one could have."""
    if not is_name(deed.by):
        return Refusal(reason=Reason.ROLE_FORBIDS, detail=f"{deed.by!r} is nobody's name: an operator's {NAMES}")
    if isinstance(deed, FoundOffice) or await records.one(Operator, deed.by) is not None:
        return None
    if not await records.found(Operator, limit=1):
        return None
    return Refusal(reason=Reason.ROLE_FORBIDS, detail=f"{deed.by!r} is no operator; `hub operators list` shows who is")
