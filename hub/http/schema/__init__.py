"""The API's objects: what comes in is read liberally, what goes out is the API's to the letter; nothing is decided."""

from hub.http.schema.accounts import (
    Account,
    AuthorisationCode,
    BillPayment,
    BillPayment2,
    DebitMandate,
    Identity,
    Link,
)
from hub.http.schema.base import Fee, Kyc, Model, Organisation, Pair
from hub.http.schema.transactions import (
    BatchTransaction,
    International,
    Noted,
    PatchItem,
    Quotation,
    Reversal,
    Transaction,
    TransactionType,
)
from hub.http.schema.words import AMOUNT, COUNTRIES, ENUMS, TYPES, in_utc, lowered

__all__ = [
    "AMOUNT",
    "COUNTRIES",
    "ENUMS",
    "TYPES",
    "Account",
    "AuthorisationCode",
    "BatchTransaction",
    "BillPayment",
    "BillPayment2",
    "DebitMandate",
    "Fee",
    "Identity",
    "International",
    "Kyc",
    "Link",
    "Model",
    "Noted",
    "Organisation",
    "Pair",
    "PatchItem",
    "Quotation",
    "Reversal",
    "Transaction",
    "TransactionType",
    "in_utc",
    "lowered",
]
