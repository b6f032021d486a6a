"""Which keys the gateways of this database sign with, so that gateways with different keys are noticed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signing_keys_in_use",
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_signing_keys_in_use"),
    )


def downgrade() -> None:
    op.drop_table("signing_keys_in_use")
