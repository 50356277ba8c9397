"""Alembic's environment: runs the migrations on the connection that `hub.store.migrate` hands over."""

from alembic import context

from hub.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
