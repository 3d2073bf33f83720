"""The tables that version 0.2 kept in SQLite."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    "Make the tables."
    op.create_table(
        "runs",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("stamp", sa.String, nullable=False),
        sa.Column("project", sa.String, index=True),
        sa.Column("name", sa.String, index=True),
        sa.Column("status", sa.String, index=True),
        sa.Column("started_at", sa.String),
        sa.Column("duration_s", sa.Float),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sa.Index("stamps", "id", "stamp", "status"),
    )
    op.create_table(
        "metrics",
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.Float),
    )
    op.create_table(
        "edges",
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("version", sa.String, primary_key=True),
        sa.Column("kind", sa.String, primary_key=True),
    )
    op.create_table(
        "artifacts",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("type", sa.String),
        sa.Column("digest", sa.String, index=True),
        sa.Column("run_id", sa.String),
    )
    op.create_table(
        "aliases",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("alias", sa.String, primary_key=True),
        sa.Column("version", sa.String),
    )


def downgrade() -> None:
    "Drop the tables."
    for name in ("aliases", "artifacts", "edges", "metrics", "runs"):
        op.drop_table(name)
