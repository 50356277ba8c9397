"""The demo's plays abroad: who sends what to which country, by whose quote, and how each must end; only data.

The last two digits of an amount tell its provider what to do, in the currency that this provider sees: the FX provider
what is sent, the payee's what arrives (see `adapters/simulator/README.md`). A shilling of Uganda has no cents.
"""

from typing import Any, Final, NamedTuple

from hub.core.transfer import State
from hub.trial.plays import BAOBAB, party

NILE: Final = "+256770000001"
HILL: Final = "HB0012345678"
KILIMA: Final = "+255760000001"
COUNTRIES: Final = {"baobab": "KE", "nile": "UG"}

KYC: Final[dict[str, Any]] = {
    "senderKyc": {
        "nationality": "KE",
        "subjectName": {"fullName": "First Customer"},
        "idDocument": [{"idType": "nationalidcard", "idNumber": "00000001", "issuerCountry": "KE"}],
    },
    "recipientKyc": {"subjectName": {"fullName": "Fifth Customer"}},
}


class Crossing(NamedTuple):
    """One transfer abroad: who asks for what, and how it must end."""

    name: str
    payee: str
    amount: str
    currency: str  # of the amount: what is sent, or, where it is `receive`, what is to arrive
    ends: str
    payer: str = BAOBAB
    caller: str = "baobab"
    receive: bool = False
    seller: str = ""  # whose quote is taken; empty: the best
    least: str = ""  # it is sent without a quote, and so much must arrive at least
    known: bool = True  # who sends and who receives is told
    through: tuple[State, ...] = ()  # where it must stand on its way


_CONVERTED: Final = (State.CONVERTING,)
FIRST: Final = Crossing("to a wallet, by the best quote", NILE, "10000", "KES", "committed", through=_CONVERTED)
BANK: Final = Crossing("to a bank, by the other quote", HILL, "12000", "KES", "committed", seller="mizani")
FIXED: Final = Crossing("what arrives is fixed", NILE, "350000", "UGX", "committed", receive=True)
BACK: Final = Crossing("from the other side", BAOBAB, "5000", "KES", "committed", NILE, "nile", receive=True)
REVIEWED: Final = Crossing(
    "large: an operator looks first", NILE, "32000", "KES", "committed", through=(State.IN_REVIEW, State.CONVERTING)
)
EXPIRED: Final = Crossing("by a quote that has expired", KILIMA, "700", "KES", "aborted quote_expired")
UNWOUND: Final = Crossing(
    "refused after the conversion",
    NILE,
    "70007",
    "UGX",
    "refunded payer_limit",
    receive=True,
    through=(State.CONVERTING, State.UNWINDING),
)
_LOST: Final = "the FX provider's answer is lost"

CROSSINGS: Final = (
    FIRST,
    BANK,
    FIXED,
    BACK,
    Crossing("by way of a third currency", KILIMA, "5000", "KES", "committed"),
    UNWOUND,
    Crossing(_LOST, NILE, "2000.03", "KES", "committed", through=(State.CONVERTING_IN_DOUBT,)),
    Crossing("the FX provider has not so much", NILE, "1500.01", "KES", "aborted participant_liquidity"),
    Crossing("no quote, at least 280,000 UGX", NILE, "10000", "KES", "committed", least="280000"),
    Crossing("no quote, at least 290,000 UGX", NILE, "10000", "KES", "aborted tolerance_passed", least="290000"),
    Crossing("nothing is told of the sender", NILE, "900", "KES", "aborted kyc_missing", least="1", known=False),
    REVIEWED,
)
AGAIN: Final = FIRST._replace(name="by a quote that was used", ends="aborted quote_used", through=())
REVERSAL: Final = BANK._replace(name="reversal of the one to the bank", caller="hillbank", ends="committed")


def quotation_body(payer: str, payee: str, amount: str, currency: str, *, receive: bool = False) -> dict[str, Any]:
    """Return the request for a quotation; without more words the amount is what is sent."""
    asked: dict[str, Any] = {
        "type": "inttransfer",
        "requestAmount": amount,
        "requestCurrency": currency,
        "debitParty": party(payer),
        "creditParty": party(payee),
    }
    return asked | ({"customData": [{"key": "amountType", "value": "receive"}]} if receive else {})


def crossing_body(
    payer: str, payee: str, amount: str, currency: str, *, quotation: str = "", quote: str = "", origin: str = "KE"
) -> dict[str, Any]:
    """Return the request for an international transfer; of a quotation's quotes the first is taken if none is named."""
    told = {"originCountry": origin, "remittancePurpose": "family support"}
    told |= {"quotationReference": quotation} if quotation else {}
    told |= {"quoteId": quote} if quote else {}
    return {
        "amount": amount,
        "currency": currency,
        "debitParty": party(payer),
        "creditParty": party(payee),
        "internationalTransferInformation": told,
        **KYC,
    }
