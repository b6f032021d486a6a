"""Numbers that order changes of accounts, instead of the database's clock.

Existing rows get the number 0: every process reads all of them when it starts.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_change_counter",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account_change_counter"),
    )
    for table, column_before in (("users", "changed_at"), ("revocations", "created_at")):
        # A process of the previous version that still runs adds rows without the column.
        op.add_column(table, sa.Column("change_number", sa.BigInteger, nullable=False, server_default="0"))
        op.create_index(f"ix_{table}_change_number", table, ["change_number"])
        op.drop_index(f"ix_{table}_{column_before}", table_name=table)


def downgrade() -> None:
    for table, column_before in (("users", "changed_at"), ("revocations", "created_at")):
        op.create_index(f"ix_{table}_{column_before}", table, [column_before])
        op.drop_index(f"ix_{table}_change_number", table_name=table)
        op.drop_column(table, "change_number")
    op.drop_table("account_change_counter")
