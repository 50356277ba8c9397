"""The speed of prices: a quotation of two competing FX providers, six fees each, costs the core microseconds."""

from hub.trial.pricing_bench import measure_pricing

ALLOWED_US = 300  # a busy machine takes twice or three times what a quiet one does


def test_a_quotation_is_priced_in_microseconds() -> None:
    figures = measure_pricing(3_000, 3)
    assert (figures.fee_rows, figures.corridors) == (1_000, 50)
    assert figures.pricing_us_per_quotation < ALLOWED_US
