"""The tables of the application's own database, a class each."""

from datetime import UTC, datetime

from sqlalchemy import Boolean, DateTime, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

REVISION = "0001"
"""The last migration, which makes the tables as they are here. Migrations are numbered in four digits."""


def now() -> datetime:
    return datetime.now(UTC)


class Table(DeclarativeBase):
    """Columns are strings unless they say otherwise; times are UTC."""

    type_annotation_map = {str: String(500), datetime: DateTime(timezone=True)}  # noqa: RUF012


class Reservation:
    """A hold on a seat or a car. The row of a spent key has no reservation ID."""

    key: Mapped[str] = mapped_column(primary_key=True)
    reservation_id: Mapped[str | None]
    what: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class FlightReservations(Reservation, Table):
    __tablename__ = "flight_reservations"


class CarReservations(Reservation, Table):
    __tablename__ = "car_reservations"


class CardTokens(Table):
    """What the card network knows about a token. The card number itself is not stored."""

    __tablename__ = "card_tokens"
    token: Mapped[str] = mapped_column(primary_key=True)
    last4: Mapped[str] = mapped_column(String(4))
    declined: Mapped[bool] = mapped_column(Boolean)


class Payments(Table):
    __tablename__ = "payments"
    key: Mapped[str] = mapped_column(primary_key=True)
    card_token: Mapped[str | None]
    amount_cents: Mapped[int] = mapped_column(Integer)
    status: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class Reminders(Table):
    __tablename__ = "reminders"
    invoice: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    customer: Mapped[str]
    event_id: Mapped[str]
    status: Mapped[str]
    sent_at: Mapped[datetime | None]


class Tickets(Table):
    __tablename__ = "tickets"
    invoice: Mapped[str] = mapped_column(primary_key=True)
    customer: Mapped[str | None]
    event_id: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]


class ClosedInvoices(Table):
    __tablename__ = "closed_invoices"
    invoice: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    closed_at: Mapped[datetime] = mapped_column(default=now)


IN_REVIEW = text("status = 'IN_REVIEW'")
"""A query with a parameter in place of the value could not use the index."""


class Posts(Table):
    __tablename__ = "posts"
    # A few of very many posts, which are counted again and again.
    __table_args__ = (Index("ix_posts_in_review", "status", postgresql_where=IN_REVIEW, sqlite_where=IN_REVIEW),)
    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    user: Mapped[str] = mapped_column(index=True)
    content: Mapped[str] = mapped_column(Text)
    details: Mapped[str] = mapped_column("metadata", Text)
    status: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class FeedEntries(Table):
    __tablename__ = "feed_entries"
    __table_args__ = (UniqueConstraint("post_id"),)
    user: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    post_id: Mapped[str]


class ModerationCases(Table):
    __tablename__ = "moderation_cases"
    post_id: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str]
    checks: Mapped[int] = mapped_column(Integer)


class ModerationHolds(Table):
    __tablename__ = "moderation_holds"
    user: Mapped[str] = mapped_column(primary_key=True)


class CompletedWork(Table):
    """The effects of simulated work, as a downstream system would store them by idempotency key."""

    __tablename__ = "completed_work"
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(index=True)
    """The digest of the payload. Two keys with the same digest are work that was done twice."""
    done_at: Mapped[datetime] = mapped_column(default=now)
