"""How the operators' API writes what the hub keeps: every kind has one form, made from its fields; it decides nothing.

An amount is `{"amount": "12.5", "currency": "KES"}`, never minor units. A time is ISO 8601 in UTC under `..._at`. What
is secret or long has no form. The forms of deeds are read, those of everything else are written.
"""

import types
import typing
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from hub.core.office.files import ImportUnsigned
from hub.core.office.operators import AdmitOperator
from hub.core.office.records import Alarm, File, Operator
from hub.core.record import Deed, Record
from hub.core.settlement.default import Line
from hub.core.stamp import stamp
from hub.http.operator.problems import ProblemError
from hub.http.schema import in_utc
from routing.money import EXPONENTS, Money, MoneyError

Time = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CURRENCY: Final = "currency"
_WITH_CURRENCY: Final = ("minor", "decimal")  # kinds of parts whose currency is another field inside
_MINOR: Final = "minor"
_MS: Final = "_ms"
# What is kept as minor units under a name that does not say so; its currency is the record's.
_AMOUNTS: Final = frozenset(
    [(Alarm, "available"), (Alarm, "threshold"), (Line, "before"), (Line, "after"), (Line, "booked")]
)
# What has no form: secrets, what is long and has an operation of its own, and what only the store is to know.
_HIDDEN: Final = frozenset({(Operator, "secret_hash"), (File, "content"), (ImportUnsigned, "content")})
# What is said and never shown again.
_UNSAID: Final = frozenset({(AdmitOperator, "secret_hash")})
_INSIDE: Final = frozenset({"by", "ref"})  # of a deed: who is logged in, and what the Idempotency-Key makes


class Amount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An amount: a decimal string, and its ISO 4217 currency."""

    amount: str
    currency: str


_OUTSIDE: Final[dict[Any, Any]] = {msgspec.Raw: Any, Money: Amount}


class Part(NamedTuple):
    """One field: what it is called inside and outside, and how it is read and written."""

    inside: str
    outside: str
    kind: str  # minor, decimal, money, time, inner
    hint: Any


def amount(minor: int, currency: str) -> dict[str, str]:
    """Write an amount."""
    text = str(Money(minor, currency)) if currency in EXPONENTS else str(minor)
    return {"amount": text, "currency": currency}


@cache
def parts(kind: type[Any]) -> tuple[Part, ...]:
    """List what of a kind has a form."""
    hints = typing.get_type_hints(kind)
    hidden = _INSIDE if issubclass(kind, Deed) else frozenset()
    every: tuple[str, ...] = kind._fields if issubclass(kind, tuple) else kind.__struct_fields__  # type: ignore[attr-defined] # of a NamedTuple
    found = [_part(kind, name, hints[name]) for name in every if name not in hidden and (kind, name) not in _HIDDEN]
    # Of a deed, the amount says the currency.
    says = issubclass(kind, Deed) and any(each.kind in _WITH_CURRENCY for each in found)
    return tuple(each for each in found if not (says and each.inside == _CURRENCY))


def _part(kind: type[Any], name: str, hint: Any) -> Part:
    if name == "amount" and hint is str and issubclass(kind, Deed):
        return Part(name, name, "decimal", Amount)
    if (name == _MINOR or name.endswith(f"_{_MINOR}")) and _plain(hint) is int:
        return Part(name, name.removesuffix(f"_{_MINOR}") if name != _MINOR else "amount", "minor", _as(hint, Amount))
    if (kind, name) in _AMOUNTS:
        return Part(name, name, "minor", _as(hint, Amount))
    if name.endswith(_MS) and _plain(hint) is int:
        outside = "created_at" if name == "at_ms" else f"{name.removesuffix(_MS)}_at"
        return Part(name, outside, "time", _as(hint, Time))
    if _plain(hint) is Money:
        return Part(name, "amount" if name == "money" else name, "money", _as(hint, Amount))
    return Part(name, name, "inner", _outside(hint))


def _plain(hint: Any) -> Any:
    """Return a hint without None."""
    if isinstance(hint, types.UnionType):
        (hint, *more) = [each for each in typing.get_args(hint) if each is not type(None)]
        return types.UnionType if more else hint
    return hint


def _as(hint: Any, outside: Any) -> Any:
    return outside | None if isinstance(hint, types.UnionType) else outside


def _outside(hint: Any) -> Any:
    """Return the type that a field has outside."""
    if hint in _OUTSIDE:
        return _OUTSIDE[hint]
    if isinstance(hint, type) and (issubclass(hint, msgspec.Struct) or hasattr(hint, "_fields")):
        return form_of(hint)  # type: ignore[arg-type] # mypy does not know that types can be hashed
    inner = tuple(_outside(each) for each in typing.get_args(hint) if each not in (Ellipsis, type(None)))
    if isinstance(hint, types.UnionType):
        return typing.Optional[typing.Union[inner]] if type(None) in typing.get_args(hint) else typing.Union[inner]  # noqa: UP007, UP045 - of types that are not known before
    origin = typing.get_origin(hint)
    if origin in (tuple, list):
        return list[inner[0]]  # type: ignore[valid-type] # known at run time alone
    if origin is dict:
        return dict[inner[0], inner[1]]  # type: ignore[valid-type] # known at run time alone
    return hint


@cache
def form_of(kind: type[Any]) -> type[msgspec.Struct]:
    """Return the form of a kind, as a type: what the document describes, and what terms of a deed are read as."""
    is_deed = issubclass(kind, Deed)
    optional = {each.name for each in msgspec.structs.fields(kind) if not each.required} if is_deed else set()
    fields: list[Any] = [
        (each.outside, each.hint | msgspec.UnsetType, msgspec.UNSET)
        if each.inside in optional
        else (each.outside, each.hint)
        for each in parts(kind)  # type: ignore[arg-type] # mypy does not know that types can be hashed
    ]
    about = (kind.__doc__ or "").partition("\n")[0]
    return msgspec.defstruct(
        f"{kind.__name__}Terms" if is_deed else kind.__name__,
        fields,
        kw_only=True,
        forbid_unknown_fields=is_deed,
        namespace={"__doc__": about},
    )


def shown(value: Any, currency: str = "") -> Any:
    """Write a value in its form; `currency` is that of minor units which do not say their own."""
    if isinstance(value, Money):
        return amount(value.minor, value.currency)
    if isinstance(value, msgspec.Raw):
        return msgspec.json.decode(value)
    if isinstance(value, msgspec.Struct) or hasattr(value, "_fields"):
        own = getattr(value, "currency", currency)
        pairs = ((each, getattr(value, each.inside)) for each in parts(type(value)))  # type: ignore[arg-type] # as above
        return {
            each.outside: "(hidden)" if (type(value), each.inside) in _UNSAID else _written(each, found, own)
            for each, found in pairs
        }
    if isinstance(value, dict):
        own = str(value.get(_CURRENCY, currency))
        return dict(_named(name, each, own) for name, each in value.items())
    if isinstance(value, list | tuple):
        return [shown(each, currency) for each in value]
    return value.value if isinstance(value, Enum) else value


def _named(name: Any, value: Any, currency: str) -> tuple[Any, Any]:
    """Write what a record keeps as it came, under the names that it would have as a field."""
    if type(value) is int and isinstance(name, str):
        part = _part(dict, name, int)
        return part.outside, _written(part, value, currency)
    return name, shown(value, currency)


def _written(part: Part, value: Any, currency: str) -> Any:
    if value is None:
        return None
    if part.kind == "minor":
        return amount(value, currency)
    if part.kind == "decimal":
        return {"amount": value, "currency": currency}
    return stamp(value) if part.kind == "time" else shown(value, currency)


def deed_of(kind: type[Deed], terms: Any, *, by: str, ref: str) -> Deed:
    """Read the terms of a deed; raises a ProblemError that says where they are wrong."""
    form = read(form_of(kind), terms, "terms")
    found: dict[str, Any] = {"by": by, "ref": ref, **dict(_taken(kind, form))}
    if kind.__struct_config__.tag is not None:
        found["type"] = kind.__struct_config__.tag
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise ProblemError("body_invalid", str(error), property_="terms") from None


def _taken(kind: type[msgspec.Struct], form: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    for each in parts(kind):
        value = getattr(form, each.outside)
        if value is msgspec.UNSET:
            continue
        where = f"terms.{each.outside}"
        if isinstance(value, Amount):
            money = money_in(value, where)
            if each.kind in _WITH_CURRENCY:
                yield _CURRENCY, money.currency
            yield each.inside, _AS[each.kind](money)
        elif each.kind == "time" and value is not None:
            yield each.inside, ms_of(value, where)
        else:
            yield each.inside, msgspec.to_builtins(value)


_AS: Final[dict[str, Callable[[Money], Any]]] = {
    "minor": lambda money: money.minor,
    "decimal": str,
    "money": msgspec.to_builtins,
}


def money_in(given: Amount, where: str) -> Money:
    """Read an amount; raises a ProblemError."""
    try:
        return Money.parse(given.amount, given.currency)
    except MoneyError as error:
        raise ProblemError("body_invalid", str(error), property_=where) from None


def ms_of(text: str, where: str, code: str = "body_invalid") -> int:
    """Read a time, in whole Unix milliseconds; raises a ProblemError."""
    try:
        return (datetime.fromisoformat(in_utc(text)) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, TypeError, OverflowError):
        raise ProblemError(code, "a time is ISO 8601, such as 2026-11-24T08:00:00Z", property_=where) from None


def read(kind: Any, given: Any, where: str) -> Any:
    """Read a value as a form; raises a ProblemError."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        raise ProblemError("body_invalid", what, property_=f"{where}{place.rstrip('`')}") from None


def is_listed(kind: type[Record], name: str) -> bool:
    """Say whether a field of a record may be filtered by: what is hidden may not even be guessed at."""
    return name in kind.__struct_fields__ and (kind, name) not in _HIDDEN
