"""A provider that speaks the GSMA Mobile Money API v1.2 itself."""
