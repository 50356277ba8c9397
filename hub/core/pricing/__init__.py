"""Pricing, pure: rates, fees, limits, and what a transfer costs whom; it never moves money and reads no clock."""
