"""Times as they are written for people and other systems; it reads no clock, and nothing is decided on its text."""

from datetime import UTC, datetime


def stamp(unix_ms: int) -> str:
    """Write a time as the API does: ISO 8601, UTC, milliseconds."""
    seconds, ms = divmod(unix_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"
