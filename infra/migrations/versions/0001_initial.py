"""The tables of every downstream system."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "car_reservations",
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("reservation_id", sa.String(length=500), nullable=True),
        sa.Column("what", sa.String(length=500), nullable=False),
        sa.Column("status", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "card_tokens",
        sa.Column("token", sa.String(length=500), nullable=False),
        sa.Column("last4", sa.String(length=4), nullable=False),
        sa.Column("declined", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_table(
        "completed_work",
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("fingerprint", sa.String(length=500), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    with op.batch_alter_table("completed_work", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_completed_work_fingerprint"), ["fingerprint"], unique=False)

    op.create_table(
        "feed_entries",
        sa.Column("user", sa.String(length=500), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("user", "position"),
        sa.UniqueConstraint("post_id"),
    )
    op.create_table(
        "flight_reservations",
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("reservation_id", sa.String(length=500), nullable=True),
        sa.Column("what", sa.String(length=500), nullable=False),
        sa.Column("status", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "moderation_cases",
        sa.Column("post_id", sa.String(length=500), nullable=False),
        sa.Column("user", sa.String(length=500), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("post_id"),
    )
    op.create_table(
        "moderation_holds", sa.Column("user", sa.String(length=500), nullable=False), sa.PrimaryKeyConstraint("user")
    )
    op.create_table(
        "payments",
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("card_token", sa.String(length=500), nullable=True),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "posts",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=500), nullable=False),
        sa.Column("user", sa.String(length=500), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
    )
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_posts_user"), ["user"], unique=False)
        batch_op.create_index(
            "ix_posts_in_review",
            ["status"],
            unique=False,
            postgresql_where=sa.text("status = 'IN_REVIEW'"),
            sqlite_where=sa.text("status = 'IN_REVIEW'"),
        )

    op.create_table(
        "reminders",
        sa.Column("invoice", sa.String(length=500), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("customer", sa.String(length=500), nullable=False),
        sa.Column("event_id", sa.String(length=500), nullable=False),
        sa.Column("status", sa.String(length=500), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("invoice", "number"),
    )
    op.create_table(
        "closed_invoices",
        sa.Column("invoice", sa.String(length=500), nullable=False),
        sa.Column("status", sa.String(length=500), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("invoice"),
    )
    op.create_table(
        "tickets",
        sa.Column("invoice", sa.String(length=500), nullable=False),
        sa.Column("customer", sa.String(length=500), nullable=True),
        sa.Column("event_id", sa.String(length=500), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("invoice"),
    )


def downgrade() -> None:
    op.drop_table("tickets")
    op.drop_table("closed_invoices")
    op.drop_table("reminders")
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.drop_index("ix_posts_in_review")
        batch_op.drop_index(batch_op.f("ix_posts_user"))

    op.drop_table("posts")
    op.drop_table("payments")
    op.drop_table("moderation_holds")
    op.drop_table("moderation_cases")
    op.drop_table("flight_reservations")
    op.drop_table("feed_entries")
    with op.batch_alter_table("completed_work", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_completed_work_fingerprint"))

    op.drop_table("completed_work")
    op.drop_table("card_tokens")
    op.drop_table("car_reservations")
