"""A biller's bills and the companies they are of; a bill is paid by credits only, and never beyond its rules."""

from typing import Any, Literal

import msgspec

from adapters.simulator.kept import Kept, Resource
from adapters.simulator.order import Direction, Order
from adapters.simulator.rules import Refusal
from routing.money import Money


class Company(Resource, frozen=True, kw_only=True):
    """A biller."""

    service_provider: str
    company_name: str
    service_provider_type: str = ""
    service_provider_sub_type: str = ""
    supplementary_service_provider_details: list[Any] = []

    def shown_alone(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields


class Bill(Resource, frozen=True, kw_only=True):
    """What a customer owes; `amount_due` is what it was at first."""

    bill_reference: str
    amount_due: str
    currency: str
    minimum_amount_due: str = ""  # without it only the whole can be paid
    due_date: str = ""
    bill_description: str = msgspec.field(default="", name="billdescription")
    custom_data: list[Any] = []
    metadata: list[Any] = []

    def __post_init__(self) -> None:
        """Refuse amounts that are none."""
        Money.parse(self.amount_due, self.currency)
        Money.parse(self.minimum_amount_due or "0", self.currency)

    def remaining(self, kept: Kept) -> Money:
        """Return what is still due, nothing where more than that was paid."""
        due = Money.parse(self.amount_due, self.currency).minor - sum(use.minor for use in kept.uses)
        return Money(max(due, 0), self.currency)

    def shown(self, kept: Kept, at_ms: int) -> dict[str, Any]:
        """Show what is still due."""
        remaining = self.remaining(kept)
        status = "unpaid" if not kept.uses else "partialpaid" if remaining.minor else "paid"
        return super().shown(kept, at_ms) | {"amountDue": str(remaining), "billStatus": status}

    def obstacle(self, kept: Kept, order: Order, at_ms: int) -> Refusal | None:  # noqa: ARG002 - as every kind
        """Allow the whole that is due, and a part where the bill has a minimum."""
        if order.account != kept.account:
            return Refusal.NOT_FOUND
        if order.direction is Direction.DEBIT or order.money.currency != self.currency:
            return Refusal.WRONG_CURRENCY
        due, paid = self.remaining(kept).minor, order.money.minor
        if not due:
            return Refusal.WRONG_STATE
        if paid > due:
            return Refusal.OVER_PAYMENT
        minimum = Money.parse(self.minimum_amount_due, self.currency).minor if self.minimum_amount_due else due
        enough = min(minimum, due) if order.details.get("paymentType") != "fullpayment" else due
        return Refusal.UNDER_PAYMENT if paid < enough else None


class Payment(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What is read of a bill payment, and repeated in its answer."""

    amount_paid: str
    currency: str
    payment_type: Literal["fullpayment", "partialpayment", ""] = ""
    requesting_organisation_transaction_reference: str = ""
    requesting_organisation: Any = None
    customer_reference: str = ""
    supplementary_bill_reference_details: list[Any] = []
    request_date: str = ""
    custom_data: list[Any] = []
    metadata: list[Any] = []
