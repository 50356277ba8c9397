"""What comes in about accounts: opening one, mandates, links, codes and bills; read liberally, decided elsewhere."""

from typing import Annotated

from pydantic import Field, model_validator

from hub.http.schema.base import (
    Amount,
    Currency,
    Day,
    Fees,
    Kyc,
    Model,
    Name,
    Number,
    Organisation,
    Pair,
    Pairs,
    PartyList,
    Positive,
    Text,
    Time,
)
from hub.http.schema.words import Word


class Identity(Model):
    """A person who holds an account."""

    identityKyc: Kyc
    accountRelationship: Annotated[str, Word("accountRelationship")]
    kycVerificationStatus: Annotated[str, Word("kycVerificationStatus")] | None = None
    kycVerificationEntity: Text | None = None
    kycLevel: Number | None = None
    customData: Pairs | None = None


class Account(Model):
    """The body of POST /accounts/{identityType}."""

    identity: Annotated[list[Identity], Field(min_length=1, max_length=20)]
    accountIdentifiers: PartyList | None = None
    accountType: Text | None = None
    fees: Fees | None = None
    registeringEntity: Text | None = None
    requestDate: Time | None = None
    customData: Pairs | None = None


class DebitMandate(Model):
    """The body of POST /accounts/{...}/debitmandates; the account in the path is the payer's."""

    startDate: Day
    payee: PartyList | None = None
    mandateStatus: Annotated[str, Word("activity")] | None = None
    amountLimit: Amount | None = None
    currency: Currency | None = None
    endDate: Day | None = None
    frequencyType: Annotated[str, Word("frequencyType")] | None = None
    numberOfPayments: Number | None = None
    requestingOrganisation: Organisation | None = None
    requestDate: Time | None = None
    customData: Pairs | None = None


class Link(Model):
    """The body of POST /accounts/{...}/links; the account in the path is the one that is linked to."""

    sourceAccountIdentifiers: PartyList
    mode: Annotated[str, Word("mode")]
    status: Annotated[str, Word("activity")]
    requestingOrganisation: Organisation | None = None
    requestDate: Time | None = None
    customData: Pairs | None = None


class Channel(Model):
    """Where a code may be redeemed."""

    channelType: Name


class RedemptionType(Model):
    """What a code may be redeemed for."""

    transactionType: Annotated[str, Word("type")]
    transactionSubtype: Text | None = None


class AuthorisationCode(Model):
    """The body of POST /accounts/{...}/authorisationcodes."""

    amount: Amount | None = None
    currency: Currency | None = None
    amountType: Annotated[str, Word("amountType")] | None = None
    codeLifetime: Positive | None = None
    holdFundsIndicator: bool | None = None
    redemptionAccountIdentifiers: Annotated[list[Pair], Field(max_length=50)] | None = None
    redemptionChannels: Annotated[list[Channel], Field(max_length=50)] | None = None
    redemptionTransactionTypes: Annotated[list[RedemptionType], Field(max_length=50)] | None = None
    requestingOrganisation: Organisation | None = None
    requestDate: Time | None = None
    customData: Pairs | None = None
    metadata: Pairs | None = None


class BillReferenceDetail(Model):
    """One more thing that a biller wants to know."""

    paymentReferenceType: Name
    paymentReferenceValue: Name


class BillPayment2(Model):
    """The body of POST /accounts/{...}/bills/payments: a payment that names no bill."""

    amountPaid: Amount
    currency: Currency
    serviceProviderPaymentReference: Text | None = None
    requestingOrganisationTransactionReference: Text | None = None
    paymentType: Annotated[str, Word("paymentType")] | None = None
    customerReference: Text | None = None
    # A text here, an object everywhere else in the API.
    requestingOrganisation: Text | None = None
    requestDate: Time | None = None
    customData: Pairs | None = None
    metadata: Pairs | None = None

    @model_validator(mode="before")
    @classmethod
    def _older(cls, data: object) -> object:
        """Read `paidAmount`, the older name of amountPaid."""
        if isinstance(data, dict) and "paidAmount" in data and "amountPaid" not in data:
            return {"amountPaid" if name == "paidAmount" else name: value for name, value in data.items()}
        return data


class BillPayment(BillPayment2):
    """The body of POST .../bills/{billReference}/payments."""

    supplementaryBillReferenceDetails: Annotated[list[BillReferenceDetail], Field(max_length=20)] | None = None
