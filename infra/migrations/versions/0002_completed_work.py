"""What simulated work left behind."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "completed_work",
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("fingerprint", sa.String(length=500), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("completed_work", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_completed_work_fingerprint"), ["fingerprint"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("completed_work", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_completed_work_fingerprint"))

    op.drop_table("completed_work")
