"""The ledger by month, Merkle digests, checkpoints: runs 0006_ledger.sql and nothing else."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Partition the ledger by month and keep checkpoints."""
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(Path(__file__).with_suffix(".sql").read_text("utf-8"))
