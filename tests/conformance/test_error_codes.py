"""Every error code of the specification: which test produces it, or why a hub cannot; nothing is left unsaid."""

import re
from pathlib import Path
from typing import Final

import msgspec
import pytest

from adapters.gsma_mmapi.words import FAILURES
from hub.core.command import Heard
from hub.core.meaning import reference
from routing.message import FailureClass, Operation, Outcome, Verdict
from routing.message import Heard as Source
from tests.http.front import Front

ROOT: Final = Path(__file__).parents[2]

ABROAD: Final = "tests/http/test_bad_input_abroad.py"

# What the hub says by itself, and the test that has it say so.
SAID: Final = {
    "genericError": "tests/scenario/test_recurring_payments.py::test_a_bank_without_mandates_says_so",
    "lessThanTransactionMinValue": "tests/http/test_bad_input.py::test_what_the_schema_allows_fails_after_acceptance",
    "greaterThanTransactionMaxValue": "tests/http/test_bad_input.py::"
    "test_what_the_schema_allows_fails_after_acceptance",
    "samePartiesError": "tests/http/test_bad_input.py::test_what_the_schema_allows_fails_after_acceptance",
    "duplicateRequest": "tests/scenario/test_nothing_is_doubled.py",
    "incorrectState": "tests/scenario/test_merchant_payments.py::test_a_code_pays_only_what_it_is_for",
    "overPaymentNotAllowed": "tests/scenario/test_merchant_payments.py::"
    "test_a_refund_is_linked_and_a_reversal_takes_back_the_rest",
    "rateLimitError": "tests/http/test_limits.py",
    "transactionTypeError": "tests/http/test_bad_input.py::test_bad_input_is_named_and_changes_nothing",
    "noMandateAuthority": "tests/scenario/test_recurring_payments.py::test_a_mandate_allows_no_more_than_it_says",
    "linkViolation": "tests/scenario/test_account_linking.py::test_a_link_is_used_in_its_direction_only",
    "quoteHasExpired": f"{ABROAD}::test_a_quote_that_has_expired_pays_nothing",
    **dict.fromkeys(
        (
            "dailyVolumeLimitExceeded",
            "dailyValueLimitExceeded",
            "weeklyVolumeLimitExceeded",
            "weeklyValueLimitExceeded",
            "monthlyVolumeLimitExceeded",
            "monthlyValueLimitExceeded",
        ),
        "tests/http/test_limit_rules.py::test_what_passes_a_limit_fails_and_holds_nothing",
    ),
    "countryofOriginNotPermitted": f"{ABROAD}::test_what_cannot_be_carried_fails_after_acceptance",
    "idDocumentNotSupported": f"{ABROAD}::test_what_cannot_be_carried_fails_after_acceptance",
    "identifierError": "tests/scenario/test_merchant_payments.py::test_a_code_nobody_issued_pays_nothing",
    "lengthError": "tests/http/test_bad_input.py::test_bad_input_is_named_and_changes_nothing",
    "formatError": "tests/http/test_bad_input.py::test_bad_input_is_named_and_changes_nothing",
    "negativeValue": "tests/http/test_bad_input.py::test_bad_input_is_named_and_changes_nothing",
    "currencyNotSupported": "tests/http/test_bad_input.py::test_what_the_schema_allows_fails_after_acceptance",
    "mandatoryValueNotSupplied": "tests/http/test_bad_input.py::test_bad_input_is_named_and_changes_nothing",
    "invalidOffset": "tests/http/test_listings.py",
    "clientAuthorisationError": "tests/http/test_bad_input.py::test_bad_input_is_named_and_changes_nothing",
    "requestingPartyAuthorisationError": "tests/http/test_bad_input.py::"
    "test_what_the_schema_allows_fails_after_acceptance",
}
# What the participant that holds the account knows; the hub passes its word on. Tested here, one by one. Of limits and
# of what a corridor takes, both may speak.
PASSED_ON: Final = (
    "dailyVolumeLimitExceeded",
    "dailyValueLimitExceeded",
    "weeklyVolumeLimitExceeded",
    "weeklyValueLimitExceeded",
    "monthlyVolumeLimitExceeded",
    "monthlyValueLimitExceeded",
    "accountMaxTotalVolumeExceeded",
    "accountMaxTotalValueExceeded",
    "maxBalanceExceeded",
    "insufficientFunds",
    "underPaymentNotAllowed",
    "countryofOriginNotPermitted",
    "nationalityNotPermitted",
    "idDocumentNotSupported",
    "issuingCountryNotSupported",
    "requestDeclined",
    "servicingPartyAuthorisationError",
)
# What stays the hub's own matter: a provider that says this speaks of the hub, not of the caller's payment.
KEPT: Final = ("clientAuthorisationError",)


def test_every_code_of_the_specification_is_accounted_for(gsma: Path) -> None:
    official = msgspec.json.decode((gsma / "enums-v1.2.json").read_bytes())["errorObject.errorCode"]
    assert sorted({*SAID, *PASSED_ON}) == sorted(official)


@pytest.mark.parametrize("code", SAID)
def test_the_test_that_is_named_produces_the_code(code: str) -> None:
    path, _, name = SAID[code].partition("::")
    text = (ROOT / path).read_text("utf-8")
    assert f"def {name}(" in text if name else "def test_" in text
    assert code in text or re.search(code, (ROOT / "config" / "errors.toml").read_text("utf-8"))


async def failed_with(front: Front, code: str) -> dict[str, str]:
    """Have the payee's institution refuse with this code, and return the error that the caller is shown."""
    taken = await front.submit()
    kept = front.store.transfers[taken.reference]
    outcome = Outcome(
        transfer=kept.id,
        operation=Operation.CREDIT,
        connection=kept.payee_connection,
        reference=reference(kept.id, Operation.CREDIT),
        verdict=Verdict.REFUSED,
        heard=Source.CALLBACK,
        failure=FAILURES.get(code.lower(), FailureClass.REFUSED),
        code=code,
    )
    await front.door.handle(Heard(outcome=outcome))
    state = (await front.call("GET", f"/requeststates/{taken.body['serverCorrelationId']}")).body
    assert state["status"] == "failed"
    error: dict[str, str] = state["error"]
    return error


@pytest.mark.parametrize("code", PASSED_ON)
async def test_what_a_provider_says_in_the_apis_words_is_passed_on(front: Front, code: str) -> None:
    assert (await failed_with(front, code))["errorCode"] == code


@pytest.mark.parametrize("code", KEPT)
async def test_what_a_provider_says_about_the_hub_is_not_the_callers_error(front: Front, code: str) -> None:
    assert (await failed_with(front, code))["errorCategory"] == "serviceUnavailable"
