"""What an FX provider publishes: the hub's own object, as the GSMA API has none; read liberally, decided elsewhere."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from hub.http.schema.base import Currency, Model
from hub.http.schema.words import DECIMAL, number

RATES_MAX: Final = 100
VALID_MAX_S: Final = 86_400
# A JSON number has already lost what it was, so a rate is a text. What is wrong with it Rate.parse says better.
Decimal = Annotated[
    str,
    StringConstraints(min_length=1, max_length=25),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 25, "pattern": DECIMAL}),
]
Seconds = Annotated[int, Field(ge=1, le=VALID_MAX_S, json_schema_extra={"format": "int32"}), BeforeValidator(number)]


class FxRate(Model):
    """What one unit of `source` is worth in `target`, and for how long."""

    source: Currency
    target: Currency
    rate: Decimal
    validForSeconds: Seconds | None = None


class FxRates(Model):
    """The body of PUT /fxrates."""

    rates: Annotated[list[FxRate], Field(min_length=1, max_length=RATES_MAX)]
