"""The first tables: runs 0001_first.sql and nothing else."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    # exec_driver_sql: the text holds colons and percent signs that are SQL's, not parameters.
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8"))
