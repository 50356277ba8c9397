"""The API's objects as they go out, as one table: the document is made from it, and out.py holds answers to it.

A row is a field each: `name`, `name!` where it is required, `name=kind` where the kind has another name. Fields that
the API calls deprecated are never sent, and neither is a one-time code that was spent, nor who sends and who receives.
"""

from typing import Any, Final

from hub.http.schema.words import AMOUNT, DECIMAL, ENUMS, GEOCODE, INT32_MAX, LEI, UUID

Schema = dict[str, Any]

_PARTIES: Final = "creditParty! debitParty!"
_DATES: Final = "creationDate modificationDate requestDate"
_NOTED: Final = (
    "requestingOrganisationTransactionReference subType descriptionText fees geoCode requestingOrganisation"
    f" servicingIdentity transactionReceipt {_DATES} customData metadata"
)
_TRANSACTION: Final = (
    "transactionReference! originalTransactionReference type! transactionStatus! amount! currency! "
    f"internationalTransferInformation {_NOTED}"
)
_BALANCES: Final = (
    "currentBalance=amount availableBalance=amount reservedBalance=amount unclearedBalance=amount currency"
)
_BILL_PAYMENT: Final = (
    "serviceProviderPaymentReference requestingOrganisationTransactionReference customerReference paymentType"
    " billPaymentStatus! amountPaid!=amount currency! requestingOrganisation=text serviceProviderComment"
    f" serviceProviderNotification {_DATES} customData metadata"
)

_ROWS: Final[dict[str, str]] = {
    "requestStateObject": "serverCorrelationId! status!=requestStatus notificationMethod! objectReference pendingReason"
    " expiryTime pollLimit error=errorObject errorReference=errorObject",
    "genericUpdateSuccess": "result!",
    "errorObject": "errorCategory! errorCode! errorDescription errorDateTime errorParameters",
    "responseTransaction": f"{_TRANSACTION} {_PARTIES}",
    "responseTransactionType": f"{_TRANSACTION} creditParty debitParty",
    "responseReversal": "transactionReference! originalTransactionReference! type!=typeReversal transactionStatus!"
    f" amount currency creditParty debitParty {_NOTED}",
    "responseBatchTransaction": "batchId! batchStatus! approvalDate completionDate batchTitle batchDescription"
    " processingFlag completedCount rejectionCount parsingSuccessCount requestingOrganisation scheduledStartDate"
    f" {_DATES} customData",
    "responseBatchTransactionRejection": "transactionReference requestingOrganisationTransactionReference"
    f" {_PARTIES} rejectionReason! rejectionDate! customData",
    "responseBatchTransactionCompletion": "transactionReference! requestingOrganisationTransactionReference"
    f" {_PARTIES} completionDate! link! customData",
    "responseAccount": "accountIdentifiers! identity! accountType accountStatus! accountSubStatus"
    f" {_BALANCES} fees commissionEarned registeringEntity {_DATES} customData",
    "responseAccountStatus": "accountStatus! subStatus lei",
    "responseAccountName": "name=subjectName lei",
    "responseAccountBalance": f"accountStatus {_BALANCES}",
    "responseStatementEntries": f"transactionReference! {_PARTIES} transactionStatus! amount! currency!"
    f" descriptionText displayType transactionReceipt {_DATES} customData",
    "responseBillCompanies": "serviceProvider! serviceProviderType serviceProviderSubType companyName!"
    " supplementaryServiceProviderDetails",
    "responseBills": "billReference billStatus amountDue=amount currency billDescription dueDate"
    " minimumAmountDue=amount creationDate modificationDate customData metadata",
    "responseBillPayment": f"{_BILL_PAYMENT} supplementaryBillReferenceDetails",
    "responseBillPayment2": _BILL_PAYMENT,
    "responseDebitMandate": "mandateReference! payee mandateStatus=activity startDate amountLimit=amount currency"
    f" endDate frequencyType numberOfPayments requestingOrganisation {_DATES} customData",
    "responseLink": f"linkReference! sourceAccountIdentifiers! mode! status!=activity requestingOrganisation {_DATES}"
    " customData",
    "responseQuotation": f"quotationReference! {_PARTIES} type subType quotationStatus requestAmount!=amount"
    " requestCurrency!=currency availableDeliveryMethod=deliveryMethod chosenDeliveryMethod=deliveryMethod"
    " originCountry=country receivingCountry=country quotes recipientBlockingReason"
    f" senderBlockingReason requestingOrganisation sendingServiceProviderCountry=country {_DATES} customData metadata",
    "responseAuthorisationCode": "authorisationCode! codeState! amount currency amountType codeLifetime"
    " holdFundsIndicator redemptionAccountIdentifiers redemptionChannels redemptionTransactionTypes"
    f" requestingOrganisation {_DATES} customData metadata",
    "responseHeartbeat": "serviceStatus! delay plannedRestorationTime",
    "responseResponse": "link!",
    "responseFxRates": "rates!",
    "responseDispute": "disputeReference!=name kind!=disputeKind transactionReference! reasonCode!=disputeReason"
    " descriptionText amount! currency! disputeStatus! raisedBy=name against!=name deadline returnedAmount=amount"
    " linkedTransactionReference=name fraudReportReference=name steps!=disputeSteps creationDate! modificationDate!",
    "responseReconciliation": "reconciliationReference!=name date! currency! reconciliationStatus! refusalText"
    " entriesCount! differencesCount! differences!=reconciliationDifferences creationDate!",
    # What is inside them.
    "party": "key!=name value!=name",
    "fee": "feeType!=name feeAmount!=amount feeCurrency!=currency",
    "commission": "commissionType!=name commissionAmount!=amount commissionCurrency!=currency",
    "requestingOrganisation": "requestingOrganisationIdentifierType!=institutionType"
    " requestingOrganisationIdentifier!=name",
    "internationalTransferInformation": "originCountry!=country quotationReference=name quoteId=name deliveryMethod"
    " receivingCountry=country recipientBlockingReason senderBlockingReason sendingServiceProviderCountry=country",
    "subjectName": "title firstName middleName lastName fullName nativeName",
    "postalAddress": "addressLine1 addressLine2 addressLine3 city stateProvince postalCode country!",
    "idDocument": "idType! idNumber issueDate expiryDate issuer issuerPlace issuerCountry=country otherIdDescription",
    "kyc": "birthCountry=country contactPhone dateOfBirth emailAddress employerName gender idDocument=idDocuments"
    " nationality=country occupation postalAddress subjectName",
    "identityResponse": "identityId!=name identityType! identityStatus identityKyc!=kyc accountRelationship!"
    " kycVerificationStatus kycVerificationEntity kycLevel customData",
    "quote": "quoteId!=name receivingAmount!=amount receivingCurrency!=currency sendingAmount!=amount"
    " sendingCurrency!=currency deliveryMethod fees fxRate quoteExpiryTime receivingServiceProvider",
    "publishedRate": "source!=currency target!=currency rate!=decimal state!=rateState creationDate! expiryTime!",
    "disputeStep": "at! who!=name what!=name descriptionText",
    "reconciliationDifference": "differenceReference!=name kind!=differenceKind transactionReference=name"
    " reference=name differenceStatus! atHub=evidence atParticipant=evidence",
    "billReferenceDetail": "paymentReferenceType!=name paymentReferenceValue!=name",
    "channel": "channelType!=name",
    "redemptionType": "transactionType!=type transactionSubtype",
}

TEXT: Final[Schema] = {"type": "string", "maxLength": 256}
NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 256}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
DAY: Final[Schema] = {"type": "string", "format": "date"}
COUNT: Final[Schema] = {"type": "integer", "format": "int32", "minimum": 0, "maximum": INT32_MAX}


def ref(name: str) -> Schema:
    """Return a reference to an object."""
    return {"$ref": f"#/components/schemas/{name}"}


def words(row: str) -> frozenset[str]:
    """Return the words of a row."""
    return frozenset(row.split())


def _each(row: str, schema: Schema) -> dict[str, Schema]:
    return dict.fromkeys(row.split(), schema)


def _list(of: str, most: int, least: int = 0) -> Schema:
    return {"type": "array", "items": ref(of), "maxItems": most} | ({"minItems": least} if least else {})


# A kind that is not here, and is no object and no enumeration, is a text.
_KINDS: Final[dict[str, Schema]] = {
    "amount": {"type": "string", "minLength": 1, "maxLength": 23, "pattern": AMOUNT},
    "fxRate": {
        "type": "string",
        "minLength": 4,
        "maxLength": 256,
        "pattern": r"^(0|[1-9][0-9]{0,17})(\.[0-9]{0,10}[1-9])?$",
    },
    "decimal": {"type": "string", "maxLength": 25, "pattern": DECIMAL},
    "geoCode": {"type": "string", "pattern": GEOCODE},
    "lei": {"type": "string", "pattern": LEI},
    "serverCorrelationId": {"type": "string", "format": "uuid", "pattern": UUID},
    "descriptionText": {"type": "string", "maxLength": 160},
    "pollLimit": {"type": "integer", "format": "int32", "exclusiveMinimum": 0, "maximum": INT32_MAX},
    "kycLevel": {"type": "integer", "format": "int32", "minimum": -INT32_MAX, "maximum": INT32_MAX},
    "codeLifetime": COUNT | {"minimum": 1},
    "delay": {"type": "integer", "format": "int64", "minimum": 0},
    **_each("processingFlag holdFundsIndicator", {"type": "boolean"}),
    "evidence": {"type": "object"},
    "reconciliationDifferences": _list("reconciliationDifference", 1_000),
    **_each("entriesCount differencesCount completedCount rejectionCount parsingSuccessCount numberOfPayments", COUNT),
    **_each(
        "name transactionReference transactionStatus batchId rejectionReason link quotationReference linkReference"
        " mandateReference authorisationCode",
        NAME,
    ),
    **_each("dateOfBirth issueDate expiryDate dueDate startDate endDate date", DAY),
    **_each(
        "creationDate modificationDate requestDate expiryTime errorDateTime approvalDate completionDate rejectionDate"
        " scheduledStartDate quoteExpiryTime plannedRestorationTime deadline at",
        TIME,
    ),
    **_each("creditParty debitParty payee sourceAccountIdentifiers accountIdentifiers", _list("party", 10, 1)),
    **_each("metadata customData errorParameters supplementaryServiceProviderDetails", _list("party", 20)),
    "redemptionAccountIdentifiers": _list("party", 50),
    "redemptionChannels": _list("channel", 50),
    "redemptionTransactionTypes": _list("redemptionType", 50),
    "supplementaryBillReferenceDetails": _list("billReferenceDetail", 20),
    "fees": _list("fee", 20, 1),
    "commissionEarned": _list("commission", 20, 1),
    "identity": _list("identityResponse", 20, 1),
    "idDocuments": _list("idDocument", 10),
    "quotes": _list("quote", 10, 1),
    "rates": _list("publishedRate", 1_000),
    "disputeSteps": _list("disputeStep", 1_000, 1),
}


def _kind(name: str) -> Schema:
    if name in _KINDS:
        return _KINDS[name]
    if name in _ROWS:
        return ref(name)
    return {"type": "string", "enum": list(ENUMS[name])} if name in ENUMS else TEXT


def _object(row: str) -> Schema:
    fields = [field.partition("=") for field in row.split()]
    properties = {name.rstrip("!"): _kind(kind or name.rstrip("!")) for name, _, kind in fields}
    required = [name.rstrip("!") for name, _, _ in fields if name.endswith("!")]
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


OBJECTS: Final[dict[str, Schema]] = {name: _object(row) for name, row in _ROWS.items()}
