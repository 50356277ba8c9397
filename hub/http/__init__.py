"""Floor 5: the north side, GSMA Mobile Money API v1.2 in and out; no rule of payments lives here."""
