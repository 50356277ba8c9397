"""Reading: what a write says, as models, amounts and parties; raises an ApiError where it is wrong, decides nothing."""

from collections.abc import Iterable
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from hub.http.api import Api, Call
from hub.http.errors import bad_amount, bad_body, invalid
from hub.http.schema import Model, PatchItem
from routing.money import Money, MoneyError
from routing.party import Party, PartyError, party

CHANGES_MAX: Final = 10
_CHANGES: Final = TypeAdapter(list[PatchItem])
# What a transfer, or a row of a batch, keeps in columns of its own, so it is not kept a second time.
_CONSUMED: Final = frozenset({"amount", "currency", "debitParty", "creditParty", "type"})

M_ = TypeVar("M_", bound=Model)


def checked(model: type[M_], data: Any) -> M_:
    """Return a body as its model."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise bad_body(error) from None


async def changes_in(api: Api, call: Call) -> list[PatchItem]:
    """Return the operations of a PATCH; one may stand alone."""
    data = await api.body(call)
    items = data if isinstance(data, list) else [data]
    if not 1 <= len(items) <= CHANGES_MAX:
        raise invalid("body", "lengthError", f"Send 1 to {CHANGES_MAX} operations.")
    try:
        return _CHANGES.validate_python(items)
    except ValidationError as error:
        raise bad_body(error) from None


def details_of(data: dict[str, Any]) -> dict[str, Any]:
    """Return what of a transaction is kept as it was sent."""
    return {name: value for name, value in data.items() if name not in _CONSUMED}


def money_of(name: str, amount: str, currency: str, *, named: str = "currency") -> Money:
    """Return the amount under this name; the currency is `named` so."""
    try:
        return Money.parse(amount, currency)
    except MoneyError as error:
        raise bad_amount(name, error, currency=named) from None


def party_named(name: str, pairs: Iterable[tuple[str, str]], region: str | None) -> Party:
    """Return the party under this name; telephone numbers without country code are read as the region's."""
    try:
        return party(pairs, region)
    except PartyError as error:
        raise invalid(name, "formatError", str(error)) from None


def party_in(name: str, data: dict[str, Any], region: str | None) -> Party:
    """Return the party that a validated body has under this name; nothing where it has none."""
    pairs = data.get(name)
    return party_named(name, [(each["key"], each["value"]) for each in pairs], region) if pairs else ()
