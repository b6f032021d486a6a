"""Request rates of single access tokens. Existing tokens have none of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_tokens", sa.Column("requests_per_minute", sa.Integer, nullable=True))


def downgrade() -> None:
    op.drop_column("access_tokens", "requests_per_minute")
