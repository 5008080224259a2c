"""One database for all downstream systems: SQLite by default, PostgreSQL by URL.

Every write is idempotent by its key. Cancelling what does not exist spends the key: a row says so.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, DateTime, Integer, String, Text, UniqueConstraint, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SQLITE_BUSY_TIMEOUT_MS = 10_000
POSTGRES_POOL_SIZE = 10
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout, ConnectionError)
"""Errors worth retrying: the database is unreachable or locked, or its connection pool is exhausted."""


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
    customer: Mapped[str]
    event_id: Mapped[str]
    opened_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]


class SettledInvoices(Table):
    __tablename__ = "settled_invoices"
    invoice: Mapped[str] = mapped_column(primary_key=True)
    paid_at: Mapped[datetime] = mapped_column(default=now)


class Posts(Table):
    __tablename__ = "posts"
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


class Database:
    """Connections to the database at `url`."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = make_url(url).get_backend_name() == "sqlite"
        self._engine = (
            _sqlite_engine(url)
            if self._is_sqlite
            else create_async_engine(url, pool_size=POSTGRES_POOL_SIZE, pool_pre_ping=True)
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Commit everything that the body writes, or nothing if it raises."""
        async with self._engine.begin() as connection:
            yield connection

    async def insert_once(
        self, connection: AsyncConnection, table: type[Table], *, unique: str | None = None, **values: Any
    ) -> bool:
        """Insert a row unless one with its primary key, or its column `unique`, exists. Return whether it was new."""
        inserted = await connection.execute(self._insert_once(table, unique).values(_storable(values)))
        return inserted.rowcount == 1

    async def insert_each_once(
        self,
        connection: AsyncConnection,
        table: type[Table],
        rows: Iterable[Mapping[str, Any]],
        *,
        unique: str | None = None,
    ) -> None:
        """Insert, in order, the rows that do not exist yet. A row maps names of columns to values."""
        if storable := [_storable(row) for row in rows]:
            await connection.execute(self._insert_once(table, unique), storable)

    def _insert_once(self, table: type[Table], unique: str | None) -> sqlite.Insert | postgresql.Insert:
        key = [unique] if unique else [column.name for column in table.__table__.primary_key]
        insert = sqlite.insert if self._is_sqlite else postgresql.insert
        return insert(table).on_conflict_do_nothing(index_elements=key)

    async def check(self) -> None:
        """Raises `SQLAlchemyError` or `OSError` if the database does not answer."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._engine.dispose()


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: without_nul(value) for name, value in row.items()}


def without_nul(value: Any) -> Any:
    """Replace U+0000, the one character that PostgreSQL cannot store in a text."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


def _sqlite_engine(url: str) -> AsyncEngine:
    if path := make_url(url).database:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # One connection per process: writers queue here instead of competing for the file's lock.
    engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=60)

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        for pragma in (f"busy_timeout={SQLITE_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        # A transaction that begins as a reader and then writes fails at once if another has written in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
