"""Text sorts by its bytes, versions say more of their manifests, and the journal is read from where the last reading ended.

What the new columns hold stands in the manifests: an empty stamp makes the next refresh read them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXTS = {
    "runs": ["id", "stamp", "project", "name", "status", "started_at"],
    "metrics": ["run_id", "name"],
    "edges": ["run_id", "name", "version", "kind"],
    "artifacts": ["name", "type", "digest", "run_id"],
    "aliases": ["name", "alias", "version"],
}
NEW = ("stamp", "created_at", "n_files", "size_bytes", "removed")


def upgrade() -> None:
    "Change the collations, add the columns and the table."
    for table, columns in TEXTS.items():
        for column in columns:
            op.alter_column(table, column, type_=sa.String(collation="C"))
    text = sa.String(collation="C")
    op.add_column("artifacts", sa.Column("stamp", text, nullable=False, server_default=""))
    op.alter_column("artifacts", "stamp", server_default=None)
    op.add_column("artifacts", sa.Column("created_at", text))
    op.add_column("artifacts", sa.Column("n_files", sa.Integer))
    op.add_column("artifacts", sa.Column("size_bytes", sa.BigInteger))
    op.add_column("artifacts", sa.Column("removed", sa.Boolean))
    op.create_table(
        "positions",
        sa.Column("name", text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    "Take the columns and the table away, and the collations back."
    op.drop_table("positions")
    for column in NEW:
        op.drop_column("artifacts", column)
    for table, columns in TEXTS.items():
        for column in columns:
            op.alter_column(table, column, type_=sa.String(collation="default"))
