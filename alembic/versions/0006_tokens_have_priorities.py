"""Tokens and families of tokens have a priority of their requests: interactive for existing ones."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("access_tokens", "refresh_tokens")


def upgrade() -> None:
    for table in TABLES:
        priority = sa.Column("priority", sa.String(16), nullable=False, server_default="interactive")
        op.add_column(table, priority)


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "priority")
