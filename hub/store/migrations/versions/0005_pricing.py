"""Prices, rates and limits: runs 0005_pricing.sql and nothing else."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add prices to transfers and quotations, rates, open quotes and tallies."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(Path(__file__).with_suffix(".sql").read_text("utf-8"))
