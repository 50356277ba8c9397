"""An order is a pacs.009 by its official definition, whatever names are in it, and says only what is true."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree
from msgspec.structs import replace

from hub.files.orders import pacs009
from hub.files.shapes import BankAccount, Institution, PaymentOrder, UnwritableError
from routing.money import MINOR_MAX, Money
from tests.files.made import REFERENCE, order, orders, payment, schema


def texts(document: bytes, name: str) -> list[str]:
    return [each.text or "" for each in etree.fromstring(document).iterfind(f".//{{*}}{name}")]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=orders())
def test_every_order_is_valid_by_the_official_definition(iso20022: Path, made: PaymentOrder) -> None:
    schema(iso20022, "pacs.009.001.08").assertValid(etree.fromstring(pacs009(made)))


def test_the_largest_amount_that_the_hub_has_is_valid(iso20022: Path) -> None:
    for currency in ("XOF", "ZMW", "BHD", "CLF"):
        document = pacs009(order(payment(minor=MINOR_MAX, currency=currency)))
        schema(iso20022, "pacs.009.001.08").assertValid(etree.fromstring(document))


def test_an_order_says_what_is_paid_under_which_reference_and_for_which_window() -> None:
    document = pacs009(order(payment(), payment("p2", 7)))
    assert texts(document, "EndToEndId") == texts(document, "InstrId") == [REFERENCE, "p2"]
    assert texts(document, "IntrBkSttlmAmt") == ["150.50", "0.07"]
    assert texts(document, "NbOfTxs") == ["2"]
    assert texts(document, "CtrlSum") == texts(document, "TtlIntrBkSttlmAmt") == ["150.57"]
    assert texts(document, "IntrBkSttlmDt") == ["2026-01-02"]
    assert texts(document, "Ustrd") == ["window w1 model multilateral"] * 2


def test_the_same_order_is_the_same_bytes() -> None:
    assert pacs009(order()) == pacs009(order())


@pytest.mark.parametrize(
    ("uetr", "written"),
    [
        ("8a562c67-ca16-48ba-b074-65581be6f001", ["8a562c67-ca16-48ba-b074-65581be6f001"]),
        ("8a562c67-ca16-18ba-b074-65581be6f001", []),
        (REFERENCE, []),
    ],
    ids=["of version 4", "of version 1", "our reference"],
)
def test_a_uetr_is_written_only_where_it_is_one(uetr: str, written: list[str]) -> None:
    assert texts(pacs009(order(replace(payment(), uetr=uetr))), "UETR") == written


@pytest.mark.parametrize(
    ("institution", "names"),
    [
        (Institution(id="a", bic="BANKZMLX"), ["BICFI"]),
        (Institution(id="a", member="0042"), ["MmbId"]),
        (Institution(id="a", lei="5493001KJTIIGC8Y1R12"), ["LEI"]),
        (Institution(id="a", bic="BANKZMLX", lei="5493001KJTIIGC8Y1R12"), ["BICFI", "LEI"]),
        (Institution(id="a"), ["Id"]),
    ],
    ids=["BIC", "member", "LEI", "BIC and LEI", "nothing but its id at the hub"],
)
def test_an_institution_goes_by_the_names_that_banks_know(institution: Institution, names: list[str]) -> None:
    document = etree.fromstring(pacs009(order(replace(payment(), debtor=institution))))
    (debtor,) = document.iterfind(".//{*}Dbtr/{*}FinInstnId")
    leaves = [etree.QName(each).localname for each in debtor.iter("*") if not len(each)]
    assert leaves == names


@pytest.mark.parametrize(
    "wrong",
    [
        order(payment(), payment()),
        order(payment(), payment("p2", currency="KES")),
        order(payment(minor=0)),
        order(payment(minor=-1)),
        order(payment(minor=MINOR_MAX), payment("p2")),
        order(payment("a" * 36)),
        order(payment("")),
        order(payment("a\x00b")),
        replace(order(), payments=()),
        replace(order(), message="two  spaces"),
        order(replace(payment(), debtor=Institution(id="a", bic="bank"))),
        order(replace(payment(), debtor=Institution(id="a", lei="1"))),
        order(replace(payment(), debtor=Institution(id="a" * 36))),
        order(replace(payment(), creditor_account=BankAccount(other="1" * 35))),
        order(replace(payment(), creditor_account=BankAccount(iban="GB33 BUKB"))),
        order(replace(payment(), creditor_account=BankAccount())),
        order(replace(payment(), money=Money(MINOR_MAX + 1, "ZMW"))),
    ],
    ids=range(17),
)
def test_what_has_no_true_form_is_not_written(wrong: PaymentOrder) -> None:
    with pytest.raises(UnwritableError):
        pacs009(wrong)
