"""A PostgreSQL server that fails in every way that a test can arrange, and works again."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator

import asyncpg
import pytest
from sqlalchemy import insert, text

from infra.database import Database
from infra.database_errors import DatabaseFault, DatabaseUnavailable
from infra.tables import ClosedInvoices
from tests.eventually import eventually
from tests.infra.postgresql.conftest import SHORT, Open
from tests.infra.postgresql.server import PostgresServer
from tests.infra.rows import rows

SECRET = "4242-a-secret"
BOUND_SECONDS = 20
"""Short limits allow 4 s; the machine may be busy. Without limits there is no answer at all."""


async def close(database: Database, invoice: str) -> None:
    async with database.transaction() as connection:
        await database.insert_once(connection, ClosedInvoices, invoice=invoice, status="PAID")


async def refused(work: Awaitable[object]) -> str:
    """The state of a database that does not do `work`."""
    async with asyncio.timeout(BOUND_SECONDS):
        with pytest.raises(DatabaseUnavailable) as raised:
            await work
    return raised.value.state


@pytest.fixture
def paused(postgres: PostgresServer) -> Iterator[Callable[[], None]]:
    yield postgres.pause
    postgres.resume()


async def test_a_server_that_hangs_is_unavailable_within_the_limits_and_works_again(
    database: Database, postgres: PostgresServer, paused: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.gather(*(close(database, f"before-{n}") for n in range(10)))
    paused()
    states = await asyncio.gather(
        *(refused(close(database, f"during-{n}")) for n in range(30)), refused(database.check())
    )
    assert set(states) == {"cannot be reached"}
    assert len([line for line in caplog.messages if "fails" in line]) <= 3
    postgres.resume()
    await close(database, "after")
    await database.check()


async def test_a_server_that_hangs_in_a_transaction_or_its_commit_is_unavailable(
    database: Database, postgres: PostgresServer, paused: Callable[[], None]
) -> None:
    async def hang_before(statement: bool) -> None:
        async with database.transaction() as connection:
            await database.insert_once(connection, ClosedInvoices, invoice="in_1", status="PAID")
            paused()
            if statement:
                await connection.execute(text("SELECT 1"))

    for statement in (True, False):
        assert await refused(hang_before(statement)) == "cannot be reached"
        postgres.resume()
        await close(database, "after")


async def test_connections_to_a_server_that_hangs_are_closed(
    postgres: PostgresServer, migrated: str, paused: Callable[[], None]
) -> None:
    database = Database(postgres.url(database=migrated), SHORT)
    await asyncio.gather(*(close(database, f"in_{n}") for n in range(3)))
    paused()
    async with asyncio.timeout(BOUND_SECONDS):
        await database.close()


async def test_a_lock_that_another_holds_and_a_long_statement_are_given_up(
    database: Database, postgres: PostgresServer, migrated: str
) -> None:
    async def sleep() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("SELECT pg_sleep(60)"))

    other = await asyncpg.connect(postgres.url(database=migrated).replace("+asyncpg", ""))
    transaction = other.transaction()
    await transaction.start()
    await other.execute("LOCK TABLE closed_invoices")
    assert await refused(close(database, "in_1")) == "is locked or too slow"
    assert await refused(sleep()) == "is locked or too slow"
    await transaction.rollback()
    await other.close()
    await close(database, "in_1")


async def test_a_process_that_stops_in_a_transaction_does_not_keep_its_locks(
    database: Database, open_database: Open, postgres: PostgresServer, migrated: str
) -> None:
    url = postgres.url(database=migrated).replace("+asyncpg", "")
    stopped = await asyncpg.connect(url, server_settings=SHORT.server_settings())
    await stopped.execute("BEGIN; LOCK TABLE closed_invoices")

    async def has_ended() -> bool:
        try:
            await close(database, "in_1")
        except DatabaseUnavailable:
            return False
        return True

    await eventually(has_ended)
    stopped.terminate()


async def test_a_connection_that_the_server_ends_costs_one_transaction_at_most(
    database: Database, postgres: PostgresServer, migrated: str
) -> None:
    end_all = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{migrated}'"

    async def ended(statement: bool) -> None:
        async with database.transaction() as connection:
            await database.insert_once(connection, ClosedInvoices, invoice="in_1", status="PAID")
            await postgres.run(end_all)
            if statement:
                await connection.execute(text("SELECT 1"))

    for statement in (True, False):
        assert await refused(ended(statement)) == "cannot be reached"
        await close(database, "after")
    await postgres.run(end_all)
    await close(database, "after")
    assert [row.invoice for row in await rows(database, ClosedInvoices)] == ["after"]


async def test_a_server_that_is_read_only_is_noticed_and_left_when_it_is_not(
    database: Database, postgres: PostgresServer, migrated: str
) -> None:
    await postgres.run(f"ALTER DATABASE {migrated} SET default_transaction_read_only = on")
    assert await refused(database.check()) == "is read-only"
    assert await refused(close(database, "in_1")) == "is read-only"
    await postgres.run(f"ALTER DATABASE {migrated} RESET default_transaction_read_only")
    await close(database, "in_1")
    await database.check()


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"password": "wrong"}, "refuses the login"),
        ({"user": "unknown"}, "refuses the login"),
        ({"database": "missing"}, "does not exist"),
    ],
)
async def test_a_url_that_the_server_refuses_is_an_unavailable_database(
    open_database: Open, postgres: PostgresServer, migrated: str, changed: dict[str, str], state: str
) -> None:
    database = open_database(postgres.url(**{"database": migrated, **changed}))
    assert await refused(close(database, "in_1")) == state
    assert await refused(database.check()) == state


async def test_a_server_without_connections_left_is_unavailable_until_it_has_some(
    open_database: Open, postgres: PostgresServer, migrated: str
) -> None:
    await postgres.run(
        f"CREATE ROLE role_{migrated} LOGIN PASSWORD 'a-password' IN ROLE pg_write_all_data, pg_read_all_data"
    )
    await postgres.run(f"ALTER DATABASE {migrated} CONNECTION LIMIT 0")
    database = open_database(postgres.url(database=migrated, user=f"role_{migrated}"))
    assert await refused(close(database, "in_1")) == "has no connection left"
    await postgres.run(f"ALTER DATABASE {migrated} CONNECTION LIMIT -1")
    await close(database, "in_1")


async def test_a_database_that_is_not_migrated_is_unavailable(
    open_database: Open, postgres: PostgresServer, name: str
) -> None:
    database = open_database(postgres.url(database=name))
    assert await refused(close(database, "in_1")) == "is not migrated"
    assert await refused(database.check()) == "is not migrated"


async def test_a_server_that_restarts_is_unavailable_and_then_not(database: Database, postgres: PostgresServer) -> None:
    await close(database, "before")
    postgres.stop()
    assert await refused(close(database, "during")) == "cannot be reached"
    postgres.start()
    deadline = time.monotonic() + 60
    while True:
        try:
            await close(database, "after")
        except DatabaseUnavailable:
            assert time.monotonic() < deadline
        else:
            break


async def test_values_are_in_no_error_of_the_server(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    async def close_again(invoice: object) -> None:
        async with database.transaction() as connection:
            values = {"invoice": invoice, "status": "PAID"}
            await connection.execute(insert(ClosedInvoices).values(**values))

    await close_again(SECRET)
    for value in (SECRET, SECRET * 100, {SECRET}):
        with pytest.raises(DatabaseFault) as raised:
            await close_again(value)
        logging.getLogger("test").error("failed", exc_info=raised.value)
    assert SECRET not in caplog.text
