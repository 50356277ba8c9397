"""Whether a command line's operator is one: where operators are admitted, no other name brings a deed about."""

from hub.core.command import Reason, Refusal
from hub.core.office.operators import FoundOffice
from hub.core.office.records import Operator
from hub.core.record import Deed
from hub.store.contract import RecordReader


async def stranger(records: RecordReader, deed: Deed) -> Refusal | None:
    """Refuse a name that nobody was admitted by; before the first is admitted, every name is taken as it is said."""
    if isinstance(deed, FoundOffice) or await records.one(Operator, deed.by) is not None:
        return None
    if not await records.found(Operator, limit=1):
        return None
    return Refusal(reason=Reason.ROLE_FORBIDS, detail=f"{deed.by!r} is no operator; `hub operators list` shows who is")
