"""What comes in about transactions, their reversal, batches and quotations; read liberally, decided elsewhere."""

from typing import Annotated

from pydantic import Field

from hub.http.schema.base import (
    Amount,
    Country,
    Currency,
    Description,
    Fees,
    GeoCode,
    Kyc,
    Model,
    Name,
    Organisation,
    Pairs,
    PartyList,
    Text,
    Time,
    Value,
)
from hub.http.schema.words import Word


class International(Model):
    """Facts about an international transfer, and the quote that a transfer is made by."""

    originCountry: Country
    quotationReference: Name | None = None
    quoteId: Name | None = None
    deliveryMethod: Annotated[str, Word("deliveryMethod")] | None = None
    receivingCountry: Country | None = None
    relationshipSender: Text | None = None
    remittancePurpose: Text | None = None
    sendingServiceProviderCountry: Country | None = None


class Noted(Model):
    """What may be noted on every transfer; it decides nothing and is shown again."""

    subType: Text | None = None
    descriptionText: Description | None = None
    requestingOrganisation: Organisation | None = None
    requestingOrganisationTransactionReference: Text | None = None
    geoCode: GeoCode | None = None
    servicingIdentity: Text | None = None
    requestDate: Time | None = None
    fees: Fees | None = None
    customData: Pairs | None = None
    metadata: Pairs | None = None


class TransactionType(Noted):
    """The body of POST /transactions/type/{transactionType}: one party at least."""

    amount: Amount
    currency: Currency
    debitParty: PartyList | None = None
    creditParty: PartyList | None = None
    originalTransactionReference: Text | None = None
    oneTimeCode: Text | None = None
    internationalTransferInformation: International | None = None
    senderKyc: Kyc | None = None
    recipientKyc: Kyc | None = None


class Transaction(TransactionType):
    """The body of POST /transactions: both parties, and the type."""

    type: Annotated[str, Word("type")]
    debitParty: PartyList
    creditParty: PartyList


class Reversal(Noted):
    """The body of POST /transactions/{transactionReference}/reversals; the parties are those of the original."""

    type: Annotated[str, Word("typeReversal")]
    amount: Amount | None = None
    currency: Currency | None = None
    debitParty: PartyList | None = None
    creditParty: PartyList | None = None


class BatchHeader(Model):
    """What is said about a batch beside its rows, each of which is read alone."""

    batchStatus: Annotated[str, Word("batchStatus")] | None = None
    batchTitle: Text | None = None
    batchDescription: Text | None = None
    requestingOrganisation: Organisation | None = None
    scheduledStartDate: Time | None = None
    modificationDate: Time | None = None
    requestDate: Time | None = None
    customData: Pairs | None = None


class BatchTransaction(BatchHeader):
    """The body of POST /batchtransactions."""

    transactions: Annotated[list[Transaction], Field(min_length=1, max_length=999_999)]


class Quotation(Model):
    """The body of POST /quotations."""

    creditParty: PartyList
    debitParty: PartyList
    requestAmount: Amount
    requestCurrency: Currency
    type: Annotated[str, Word("type")] | None = None
    subType: Text | None = None
    chosenDeliveryMethod: Annotated[str, Word("deliveryMethod")] | None = None
    originCountry: Country | None = None
    receivingCountry: Country | None = None
    sendingServiceProviderCountry: Country | None = None
    recipientKyc: Kyc | None = None
    senderKyc: Kyc | None = None
    requestingOrganisation: Organisation | None = None
    requestDate: Time | None = None
    customData: Pairs | None = None
    metadata: Pairs | None = None


class PatchItem(Model):
    """One operation of a PATCH."""

    op: Annotated[str, Word("op")]
    path: Text
    value: Value
