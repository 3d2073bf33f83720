"""Alembic's steps from one revision of a team's catalog to the next; `mlops_lit.store.upgrade` takes them."""
