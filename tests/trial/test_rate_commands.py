"""`hub rates` as an operator runs it: what is sold is shown, a rate is published, one that jumped is looked at."""

import pytest

from tests.trial.command import hub
from tests.trial.market import opened_market

PAIR = ("mizani", "KES", "UGX")

pytestmark = pytest.mark.postgres


@pytest.fixture
async def applied(migrated_url: str) -> str:
    """A database with the demo's scheme in force, where nobody has published a rate."""
    async with opened_market(migrated_url, rates={}):
        return migrated_url


def test_a_rate_is_published_shown_and_kept_in_the_history(applied: str) -> None:
    assert hub("rates", database=applied).count("it has published no rate") == 6
    assert "published nothing" in hub("rates", "history", *PAIR, database=applied, code=1)
    said = hub("rates", "set", "mizani", "kes", "ugx", "28.60", "--by", "desk-1", "--valid", "300", database=applied)
    assert "in force: mizani gives 28.60 UGX for 1 KES" in said
    line = next(each for each in hub("rates", database=applied).splitlines() if "28.60" in each)
    assert all(part in line for part in ("50 bp", "28.457", "in force", "0 of 10000000", "30000000"))
    assert "operator desk-1" in hub("rates", "history", *PAIR, database=applied)


def test_a_rate_that_jumped_is_used_when_somebody_confirms_the_very_one(applied: str) -> None:
    hub("rates", "set", *PAIR, "28.60", "--by", "desk-1", database=applied)
    assert "is held" in hub("rates", "confirm", *PAIR, "--by", "desk-2", database=applied, code=1)
    said = hub("rates", "set", *PAIR, "31.2", "--by", "desk-1", database=applied)
    assert "KES-UGX 28.60 to 31.2; nobody is quoted by it" in said
    assert "it jumped from 28.60" in hub("rates", database=applied)
    other = hub("rates", "confirm", *PAIR, "--by", "desk-2", "--rate", "32", database=applied, code=1)
    assert "the rate that is held is 31.2 by now, not 32; nothing was confirmed" in other
    assert "in force" in hub("rates", "confirm", *PAIR, "--by", "desk-2", "--rate", "31.2", database=applied)
    history = hub("rates", "history", *PAIR, database=applied).splitlines()
    by = [each.partition("operator ")[2].strip() for each in history if "operator" in each]
    assert by == ["desk-2", "desk-1", "desk-1"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nobody", "KES", "UGX", "28"), "there are kivuko KES UGX; "),
        (("mizani", "UGX", "USD", "28"), "mizani sells no USD for UGX in this scheme"),
        (("mizani", "KES", "UGX", "1,5"), "rate_invalid"),
        (("mizani", "KES", "UGX", "0"), "a rate is above zero"),
        (("mizani", "KES", "UGX", "28", "--valid", "0"), "a rate is valid for 1 to "),
    ],
    ids=["nobody", "a pair that is not sold", "no decimal", "nothing", "no time"],
)
def test_what_cannot_be_published_says_why(applied: str, arguments: tuple[str, ...], says: str) -> None:
    assert says in hub("rates", "set", *arguments, "--by", "desk-1", database=applied, code=1)


@pytest.mark.parametrize("name", ["hub", "operator", "Desk 1"])
def test_nobody_publishes_under_a_name_that_is_no_persons(applied: str, name: str) -> None:
    for verb in (("set", *PAIR, "28.60"), ("confirm", *PAIR)):
        said = hub("rates", *verb, "--by", name, database=applied, code=1)
        assert f"refused: role_forbids: {name!r} is nobody's name" in said
    assert "published nothing" in hub("rates", "history", *PAIR, database=applied, code=1)
