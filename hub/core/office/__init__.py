"""The office, pure: operators, proposals, liquidity, files, differences, disputes; no I/O, and no clock is read."""
