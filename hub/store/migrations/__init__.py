"""Alembic's migrations of the hub's tables; each is SQL in a file of its own, never generated at run time."""
