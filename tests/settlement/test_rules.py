"""Which model a movement is settled by, and models that are refused with the scheme."""

import pytest

from hub.core.participant import SchemeError
from hub.core.settlement.rules import Model, Netting, check_settlement, model_of

PAIR = Model(name="pair", netting=Netting.GROSS, currency="KES", participants=("ash", "birch"))
REST = Model(name="rest", netting=Netting.MULTILATERAL, currency="KES")
OTHER = Model(name="other", netting=Netting.BILATERAL, currency="UGX")
SETTLES = {"ash": ("KES",), "birch": ("KES", "UGX"), "cedar": ("KES",)}


@pytest.mark.parametrize(
    ("currency", "one", "another", "settled_by"),
    [
        ("KES", "ash", "birch", PAIR),
        ("KES", "birch", "ash", PAIR),
        ("KES", "ash", "", PAIR),
        ("KES", "ash", "cedar", REST),
        ("KES", "cedar", "", REST),
        ("KES", "cedar", "date", REST),
        ("UGX", "ash", "birch", OTHER),
        ("TZS", "ash", "birch", None),
    ],
)
def test_a_movement_is_settled_by_the_first_model_that_has_both_sides(
    currency: str, one: str, another: str, settled_by: Model | None
) -> None:
    assert model_of((PAIR, OTHER, REST), currency, one, another) == settled_by


@pytest.mark.parametrize(
    ("models", "says"),
    [
        ((PAIR,), "the last model of KES is for everybody else"),
        ((REST, REST), "rest"),
        (
            (Model(name="x", netting=Netting.GROSS, currency="UGX", participants=("ash",)), OTHER),
            "does not settle in UGX",
        ),
        ((Model(name="x", netting=Netting.GROSS, currency="KES", every_s=-1),), "every_s"),
        ((Model(name="x", netting=Netting.GROSS, currency="KES", sla_s=0),), "sla_s"),
        ((Model(name="x", netting=Netting.PREFUNDED, currency="KES"),), "'cedar' has a net_debit_cap in KES"),
    ],
)
def test_models_that_contradict_themselves_are_refused(models: tuple[Model, ...], says: str) -> None:
    with pytest.raises(SchemeError, match=says):
        check_settlement(models, [], SETTLES, {"cedar": ("KES",)})


def test_a_cap_of_somebody_else_is_no_matter_where_others_are_prefunded() -> None:
    prefunded = Model(name="x", netting=Netting.PREFUNDED, currency="KES", participants=("ash", "birch"))
    check_settlement((prefunded, REST), [], SETTLES, {"cedar": ("KES",)})
