"""What conformance is measured on: the north side on loopback."""

from tests.http.conftest import front

__all__ = ["front"]
