"""What is said about a dispute: the hub's own objects, as the GSMA API has none; read liberally, decided elsewhere."""

from typing import Annotated

from hub.http.schema.base import Amount, Currency, Description, Model, Name
from hub.http.schema.words import Word


class Dispute(Model):
    """The body of POST /disputes; without an amount, all that may be asked for."""

    kind: Annotated[str, Word("disputeKind")]
    transactionReference: Name
    reasonCode: Annotated[str, Word("disputeReason")]
    amount: Amount | None = None
    currency: Currency | None = None
    descriptionText: Description | None = None
    recall: bool | None = None  # with a report of fraud: ask for the money too


class DisputeAnswer(Model):
    """The body of POST /disputes/{disputeReference}/answer; a refusal has its reason."""

    answer: Annotated[str, Word("disputeAnswer")]
    reasonCode: Annotated[str, Word("refusalReason")] | None = None
    descriptionText: Description | None = None


class DisputeWithdrawal(Model):
    """The body of POST /disputes/{disputeReference}/withdrawal."""

    descriptionText: Description | None = None
