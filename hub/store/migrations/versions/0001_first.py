"""The first tables: runs 0001_first.sql and nothing else."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    # On the driver's own connection, without parameters: the text's colons and percent signs are SQL's.
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(Path(__file__).with_suffix(".sql").read_text("utf-8"))
