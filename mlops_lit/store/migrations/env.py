"""Alembic runs this to migrate over the connection that `mlops_lit.store.upgrade` opened, inside its transaction."""

from __future__ import annotations

from alembic import context

from mlops_lit.store.catalog import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
