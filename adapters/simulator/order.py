"""An order as a dialect read it and as it was decided; these are values, and what they mean stands in the book."""

from enum import StrEnum
from typing import Any

import msgspec

from adapters.simulator.rules import Fate, Refusal
from routing.money import NOTHING, Money


class Direction(StrEnum):
    """Which way an order moves the customer's money."""

    CREDIT = "credit"
    DEBIT = "debit"


class Kind(StrEnum):
    """What a provider keeps, by the words of the API's paths."""

    ACCOUNT = "accounts"
    IDENTITY = "identities"  # one of an account's
    TRANSACTION = "transactions"
    MANDATE = "debitmandates"
    LINK = "links"
    CODE = "authorisationcodes"
    QUOTATION = "quotations"
    BILL = "bills"
    BATCH = "batchtransactions"


class Write(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is made or changed where no money moves: the whole resource as it is from then on, in the API's form."""

    kind: Kind
    reference: str
    fields: dict[str, Any] = {}
    change: bool = False


class Deal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of an FX provider: what it gives for the order's money, or lets go of."""

    target: Money
    unwinds: str = ""  # the caller's own reference of the conversion that is let go of; none: this is a conversion
    reverses: str = ""  # of a conversion: the caller's own reference of the earlier one that it turns round


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a dialect read out of a request."""

    reference: str  # the caller's, one for each operation
    direction: Direction = Direction.CREDIT
    account: str = ""
    money: Money = NOTHING
    type: str = ""
    business: str = ""  # what the caller calls the whole transfer
    reverses: str = ""  # the provider's own reference of what is taken back
    callback_url: str = ""
    details: dict[str, Any] = {}  # what the dialect repeats in its answers
    write: Write | None = None  # made or changed instead of moving money
    deal: Deal | None = None  # one currency for another, instead of moving a customer's money
    uses: dict[Kind, str] = {}  # the mandate, link, code, quotation or bill by which the money moves
    others: list[str] = []  # who is on the other side: "organisationid@SHOP1"
    proven: bool | None = None  # whether the customer's own token, if one came along, is the customer's


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order as it was decided."""

    number: int
    order: Order
    fate: Fate
    at_ms: int
    refusal: Refusal | None = None
    waits: bool = False  # for the customer; nothing has moved
    past: bool = False  # sown: it is in the histories and moved nothing here
    changed_ms: int = 0  # when the customer or the client ended the waiting
