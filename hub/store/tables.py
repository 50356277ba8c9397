"""The tables: what is kept, and the constraints that hold even if every program is wrong.

What must never change (terms, transitions, postings, journals) and what must never move again (final
states) is guarded by triggers in the migrations. Times are Unix milliseconds, amounts minor units.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSON, UUID

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_FINAL: Final = "state IN ('committed', 'aborted', 'refunded')"


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


scheme = Table(
    "scheme",
    metadata,
    Column("version", Integer, Identity(always=True), primary_key=True),
    Column("document", JSON, nullable=False),
    Column("applied_ms", BigInteger, nullable=False),
    Column("applied_by", Text, nullable=False),
)

credential = Table(
    "credential",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("participant", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("api_key_hash", LargeBinary, nullable=False),
    Column("enabled", Boolean, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("expires_ms", BigInteger, nullable=False, index=True),
)

override = Table(
    "directory_override",
    metadata,
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("participant", Text, nullable=False),
    PrimaryKeyConstraint("key", "value"),
)

account = Table(
    "account",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    _text("participant"),
    Column("currency", Text, nullable=False),
    Column("cap_minor", BigInteger),
    _number("debits_pending"),
    _number("debits_posted"),
    _number("credits_pending"),
    _number("credits_posted"),
    Column("blocked", Boolean, nullable=False, server_default=text("false")),
    Column("alarm", Integer, nullable=False, server_default="0"),
    UniqueConstraint("participant", "currency", "kind"),
    CheckConstraint("least(debits_pending, debits_posted, credits_pending, credits_posted) >= 0", name="not_negative"),
)

request = Table(
    "request",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("caller", Text, nullable=False),
    Column("correlation", Text),
    Column("transfer", UUID, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("caller", "correlation"),
)

transfer = Table(
    "transfer",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("flow", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("payer_fsp", Text, nullable=False),
    Column("payee_fsp", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("original", UUID),
    _text("payer_connection"),
    _text("payee_connection"),
    Column("created_ms", BigInteger, nullable=False),
    Column("body", JSON, nullable=False),
    Column("price", JSON),
    CheckConstraint("minor >= 0", name="some_money"),
    Index("ix_transfer_original", "original", postgresql_where=text("original IS NOT NULL")),
)

standing = Table(
    "standing",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("state", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("asks", Integer, nullable=False),
    Column("due_ms", BigInteger),
    Column("lease_ends_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    _text("reason"),
    _text("code"),
    _text("payer_reference"),
    _text("payee_reference"),
    # A transfer that is not final always has a time at which it is looked at again: none is ever forgotten.
    CheckConstraint(f"({_FINAL}) = (due_ms IS NULL)", name="due_until_final"),
    Index("ix_standing_due_ms", "due_ms", postgresql_where=text("due_ms IS NOT NULL")),
)

listing = Table(
    "listing",
    metadata,
    Column("key", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("transfer", UUID, nullable=False),
    Column("side", Text, nullable=False),
    PrimaryKeyConstraint("key", "created_ms", "transfer", "side"),
)

transition = Table(
    "transition",
    metadata,
    Column("transfer", UUID, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("next", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    _text("detail"),
    PrimaryKeyConstraint("transfer", "seq"),
)

chain = Table(
    "chain",
    metadata,
    Column("only", Boolean, primary_key=True, server_default=text("true")),
    Column("height", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    _number("at_ms"),
    Column("merkle_from", BigInteger, nullable=False, server_default="1"),  # before: digests of the older form
    CheckConstraint('"only"', name="one_row"),
)

journal = Table(
    "journal",
    metadata,
    Column("height", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("nonce", LargeBinary, nullable=False, server_default=""),
    # That no height is there twice is the chain's doing: every journal moves its one row on.
    PrimaryKeyConstraint("height", "at_ms"),
    postgresql_partition_by="RANGE (at_ms)",
)

posting = Table(
    "posting",
    metadata,
    Column("journal", BigInteger, nullable=False),
    Column("line", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("debit", Integer, nullable=False),
    Column("credit", Integer, nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("phase", Text, nullable=False),
    Column("debit_balance", BigInteger, nullable=False),
    Column("debit_held", BigInteger, nullable=False),
    Column("credit_balance", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("journal", "line", "at_ms"),
    CheckConstraint("minor > 0 AND debit <> credit", name="two_sides"),
    Index("ix_posting_subject", "subject"),
    postgresql_partition_by="RANGE (at_ms)",
)

outbox = Table(
    "outbox",
    metadata,
    Column("transfer", UUID, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("queue", Text, nullable=False),
    Column("body", JSON, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _text("note"),
    Column("parked", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("transfer", "seq", "queue"),
    Index("ix_outbox_due_ms", "due_ms", postgresql_where=text("NOT parked")),
)

case = Table(
    "operator_case",
    metadata,
    Column("transfer", UUID, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    _text("detail"),
    Column("opened_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),
    _text("closed_by"),
    _text("closed_why"),
    PrimaryKeyConstraint("transfer", "seq"),
    Index("ix_operator_case_opened_ms", "opened_ms", postgresql_where=text("closed_ms IS NULL")),
)

# What was moved at the settlement bank before two people were needed for it: nothing is added, and the audit reads it.
funding = Table(
    "funding",
    metadata,
    Column("reference", Text, primary_key=True),
    Column("participant", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

instrument = Table(
    "instrument",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("participant", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("own", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("account", JSON, nullable=False),
    Column("terms", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
    Column("used_by", UUID),
    Column("quotes", JSON, nullable=False, server_default="[]"),
    UniqueConstraint("kind", "reference", "participant"),
    Index("ix_instrument_own", "participant", "kind", "own"),
)


def _rate_columns() -> list[Column[Any]]:
    return [
        *(Column(name, Text, nullable=False) for name in ("provider", "source", "target", "rate")),
        Column("at_ms", BigInteger, nullable=False),
        Column("until_ms", BigInteger, nullable=False),
        Column("by", Text, nullable=False),
        Column("state", Text, nullable=False),
        _text("last"),
    ]


rate = Table("rate", metadata, *_rate_columns(), PrimaryKeyConstraint("provider", "source", "target"))

rate_history = Table(
    "rate_history",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    *_rate_columns(),
    Index("ix_rate_history_at_ms", "at_ms"),
)

exposure = Table(
    "exposure",
    metadata,
    Column("provider", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("provider", "currency", "until_ms"),
)

tally = Table(
    "tally",
    metadata,
    Column("key", Text, primary_key=True),
    Column("minor", BigInteger, nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("ends_ms", BigInteger, nullable=False),
    Index("ix_tally_ends_ms", "ends_ms"),
)

batch = Table(
    "batch",
    metadata,
    Column("id", UUID, primary_key=True),
    Column("request", UUID, nullable=False),
    Column("caller", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("header", JSON, nullable=False),
    _text("institution"),
    _text("correlation"),
    _text("callback_url"),
    Column("created_ms", BigInteger, nullable=False),
    Column("scheduled_ms", BigInteger),
    Column("approved_ms", BigInteger),
    _text("approved_by"),
    _text("approval_correlation"),
    _text("approval_url"),
    Column("completed_ms", BigInteger),
    Column("due_ms", BigInteger),
    # A batch that is being cleared always has a time at which it is looked at again: none is ever forgotten.
    CheckConstraint("(status = 'approved') = (due_ms IS NOT NULL)", name="due_while_approved"),
    Index("ix_batch_due_ms", "due_ms", postgresql_where=text("due_ms IS NOT NULL")),
)

batch_item = Table(
    "batch_item",
    metadata,
    Column("batch", UUID, nullable=False),
    Column("row", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    _number("due_ms"),
    Column("transfer", UUID),
    _text("payer_fsp"),
    _text("other_fsp"),
    _text("currency"),
    _number("minor"),  # 0: the row could not be read
    Column("terms", JSON, nullable=False),
    _text("reason"),
    Column("ended_ms", BigInteger),
    PrimaryKeyConstraint("batch", "row"),
    CheckConstraint("(state IN ('completed', 'rejected')) = (ended_ms IS NOT NULL)", name="ended_when_final"),
    CheckConstraint("state NOT IN ('submitted', 'completed') OR transfer IS NOT NULL", name="transfer_is_known"),
    Index("ix_batch_item_waiting", "batch", "due_ms", "row", postgresql_where=text("state = 'waiting'")),
    Index("ix_batch_item_submitted", "batch", postgresql_where=text("state = 'submitted'")),
)


# What these columns are called when they come out of JSON, for json_to_recordset.
_TYPES: Final = {
    BigInteger: "bigint",
    Integer: "integer",
    Boolean: "boolean",
    Text: "text",
    UUID: "uuid",
    JSON: "json",
}


def recordset(*tables: Table, without: tuple[str, ...] = ()) -> str:
    """Write the column definition list with which json_to_recordset reads rows of these tables."""
    columns: dict[str, str] = {}
    for table in tables:
        for column in table.columns:
            if column.name not in without:
                columns[column.name] = _TYPES[type(column.type)]
    return ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
