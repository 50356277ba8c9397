"""What a bank's file is about, looked up before the deed that takes it; nothing is locked, and nothing decided."""

from hub.core.office.files import Import
from hub.core.settlement.window import Payment
from hub.files.answers import Answer, import_of
from hub.store.contract import RecordReader


async def import_deed(records: RecordReader, found: Answer, *, by: str, ref: str) -> Import:
    """Return the deed that takes a file which was read; `ref`: 32 hexadecimal digits, new for every attempt."""
    payments = await records.among(Payment, "id", found.references)
    if found.messages:
        payments += await records.among(Payment, "file", found.messages)
    return import_of(found, payments, by=by, ref=ref)
