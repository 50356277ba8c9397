"""Whether a command line's operator is one: where operators are admitted, no other name brings a deed about.

Before that, too, a name is a person's: what the calendar, the bank or the hub itself does is said by nobody else.
"""

from hub.core.command import Reason, Refusal
from hub.core.office.operators import NAMES, FoundOffice, is_name
from hub.core.office.records import Operator
from hub.core.record import Deed
from hub.store.contract import RecordReader


async def stranger(records: RecordReader, deed: Deed) -> Refusal | None:
    """Refuse a deed under a name that brings none about; whoever founds the office need not be admitted."""
    return await nobody(records, deed.by, is_founder=isinstance(deed, FoundOffice))


async def nobody(records: RecordReader, name: str, *, is_founder: bool = False) -> Refusal | None:
    """Refuse a name that nobody was admitted by; before the first is admitted, only what is no name."""
    if not is_name(name):
        return Refusal(reason=Reason.ROLE_FORBIDS, detail=f"{name!r} is nobody's name: an operator's {NAMES}")
    if is_founder or await records.one(Operator, name) is not None:
        return None
    if not await records.found(Operator, limit=1):
        return None
    return Refusal(reason=Reason.ROLE_FORBIDS, detail=f"{name!r} is no operator; `hub operators list` shows who is")
