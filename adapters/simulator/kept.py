"""What a provider keeps beside accounts, and what it asks of an order that uses it; each kind is told the time."""

from typing import Any, NamedTuple

import msgspec

from adapters.simulator.order import Order
from adapters.simulator.rules import Refusal
from adapters.simulator.words import time_text


class Pair(msgspec.Struct, frozen=True):
    """An account identifier."""

    key: str
    value: str

    def __str__(self) -> str:
        """Return "msisdn@+254700111222"."""
        return f"{self.key}@{self.value}"


class Use(NamedTuple):
    """One payment by it."""

    at_ms: int
    minor: int


class Resource(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The fields of one kind, as the API names them."""

    def obstacle(self, kept: "Kept", order: Order, at_ms: int) -> Refusal | None:  # noqa: ARG002 - a default
        """Return what is against an order that uses it."""
        return None

    def shown(self, kept: "Kept", at_ms: int) -> dict[str, Any]:  # noqa: ARG002 - for those that change with time
        """Return it as the API shows it."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields | {"creationDate": time_text(kept.at_ms), "modificationDate": time_text(kept.changed_ms)}


class Kept(msgspec.Struct, kw_only=True):
    """A resource in its place."""

    account: str
    value: Resource
    at_ms: int
    changed_ms: int
    uses: list[Use] = []

    def shown(self, at_ms: int) -> dict[str, Any]:
        """Return it as the API shows it."""
        return self.value.shown(self, at_ms)
