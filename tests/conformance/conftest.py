"""What conformance is measured on: the north side on loopback."""

from tests.http.conftest import front
from tests.scenario.conftest import stage

__all__ = ["front", "stage"]
