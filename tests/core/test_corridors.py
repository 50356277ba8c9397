"""What a corridor requires: who sends, who receives and why must be known as far as it says; no value is kept."""

from typing import Any

import pytest

from hub.core.command import Reason
from hub.core.pricing.rules import Corridor
from hub.core.transfer import State
from tests.core.corridor import UGANDA, corridor_file, opened, paying, quoted, why
from tests.core.stage import ALPHA

REQUIRED = Corridor(
    source="KES",
    target="UGX",
    requires=(
        "senderKyc.idDocument.idNumber",
        "senderKyc.subjectName.lastName|senderKyc.subjectName.nativeName",
        "recipientKyc.subjectName",
        "internationalTransferInformation.remittancePurpose",
    ),
    origin_countries=("KE", "TZ"),
    id_types=("passport", "nationalidcard"),
)
SENDER = {"idDocument": [{"idType": "passport", "idNumber": "A1"}], "subjectName": {"lastName": "x"}}
KYC = {"senderKyc": SENDER, "recipientKyc": {"subjectName": {"fullName": "y"}}}
ABOUT = {"originCountry": "KE", "remittancePurpose": "gift"}
MISSING: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "all of it": (KYC, ABOUT, "", ""),
    "the other of two": (
        KYC | {"senderKyc": SENDER | {"subjectName": {"nativeName": "x"}}},
        ABOUT,
        "",
        "",
    ),
    "the purpose among what is sealed": (
        KYC | {"internationalTransferInformation": {"remittancePurpose": "gift"}},
        {"originCountry": "TZ"},
        "",
        "",
    ),
    "an idType in other letters": (
        KYC | {"senderKyc": SENDER | {"idDocument": [{"idType": "PASSPORT", "idNumber": "A1"}]}},
        ABOUT,
        "",
        "",
    ),
    "a document of no kind: what must be said is a matter of what is required": (
        KYC | {"senderKyc": SENDER | {"idDocument": [{"idNumber": "A1"}]}},
        ABOUT,
        "",
        "",
    ),
    "nothing": ({}, ABOUT, Reason.KYC_MISSING, "senderKyc.idDocument.idNumber"),
    "no number": (
        KYC | {"senderKyc": SENDER | {"idDocument": [{"idType": "passport", "idNumber": ""}]}},
        ABOUT,
        Reason.KYC_MISSING,
        "senderKyc.idDocument.idNumber",
    ),
    "neither of two": (
        KYC | {"senderKyc": SENDER | {"subjectName": {"firstName": "x"}}},
        ABOUT,
        Reason.KYC_MISSING,
        "senderKyc.subjectName.lastName|senderKyc.subjectName.nativeName",
    ),
    "an empty object": (
        KYC | {"recipientKyc": {"subjectName": {}}},
        ABOUT,
        Reason.KYC_MISSING,
        "recipientKyc.subjectName",
    ),
    "no purpose": (
        KYC,
        {"originCountry": "KE"},
        Reason.KYC_MISSING,
        "internationalTransferInformation.remittancePurpose",
    ),
    "from another country": (KYC, ABOUT | {"originCountry": "US"}, Reason.ORIGIN_FORBIDDEN, ""),
    "from nowhere": (KYC, {"remittancePurpose": "gift"}, Reason.ORIGIN_FORBIDDEN, ""),
    "another kind of document": (
        KYC | {"senderKyc": SENDER | {"idDocument": [{"idType": "alienregistration", "idNumber": "A1"}]}},
        ABOUT,
        Reason.ID_DOCUMENT_FORBIDDEN,
        "senderKyc.idDocument.idType",
    ),
    "the recipient's document too": (
        KYC | {"recipientKyc": {"subjectName": {"fullName": "y"}, "idDocument": [{"idType": "other"}]}},
        ABOUT,
        Reason.ID_DOCUMENT_FORBIDDEN,
        "recipientKyc.idDocument.idType",
    ),
    "not what it should be": (KYC | {"senderKyc": "x"}, ABOUT, Reason.KYC_MISSING, "senderKyc.idDocument.idNumber"),
}


@pytest.mark.parametrize(("kyc", "about", "reason", "field"), MISSING.values(), ids=MISSING)
def test_a_corridor_carries_what_it_knows_enough_about(
    kyc: dict[str, Any], about: dict[str, Any], reason: str, field: str
) -> None:
    hub = opened(corridor_file(corridor=(REQUIRED,)))
    made = quoted(hub)
    transfer = hub.begun(paying(2, made, information=about, kyc=kyc))
    assert (transfer.state, transfer.reason, transfer.code) == (
        State.ABORTED if reason else State.RESERVED,
        reason,
        field,
    )
    assert hub.instruments[made.id].used_by == (None if reason else transfer.id)
    said = "".join(f"{each.detail}" for each in hub.trail) + bytes(transfer.body).decode()
    assert "A1" not in said, "what is looked at is never kept"


def test_a_corridor_that_names_no_kinds_and_no_countries_takes_every_one() -> None:
    hub = opened(corridor_file(corridor=(Corridor(source="KES", target="UGX", requires=("senderKyc.idDocument",)),)))
    kyc = {"senderKyc": {"idDocument": [{"idType": "alienregistration", "idNumber": "A1"}]}}
    assert why(hub.one(paying(2, quoted(hub), information={"originCountry": "US"}, kyc=kyc))) == ""


def test_the_way_back_asks_for_nothing_that_only_the_way_there_asks_for() -> None:
    hub = opened(corridor_file(corridor=(REQUIRED, Corridor(source="UGX", target="KES"))))
    made = quoted(hub, caller="bravo", payer=UGANDA, payee=ALPHA, amount="1000", currency="UGX")
    back = paying(2, made, caller="bravo", payer=UGANDA, payee=ALPHA, amount="1000", currency="UGX")
    assert hub.begun(back).state is State.RESERVED


def test_a_corridor_that_is_closed_carries_nothing_that_was_quoted_before() -> None:
    hub = opened()
    made = quoted(hub)
    closed = opened(corridor_file(corridor=()))
    closed.instruments, closed.transfers = hub.instruments, hub.transfers
    assert why(closed.one(paying(2, made))) == Reason.CURRENCY_UNSUPPORTED
