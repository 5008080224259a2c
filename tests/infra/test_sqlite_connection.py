"""What changes threads, and what is left when a caller is cancelled while its call waits for SQLite's lock."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import text

from infra import sqlite_connection
from infra.database import Database
from infra.database_errors import DatabaseUnavailable
from tests.eventually import eventually


class Calls:
    """The calls that were handed to the connections' threads, and how many of them are going on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.waiting = 0
        hand_over: Callable[..., Awaitable[Any]] = aiosqlite.Connection._execute

        async def counted(connection: aiosqlite.Connection, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            run = args[0] if fn.__name__ == "_run" else fn
            self.names.append(run.__name__)
            self.waiting += 1
            try:
                return await hand_over(connection, fn, *args, **kwargs)
            finally:
                self.waiting -= 1

        monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE lines (line TEXT)")
    connection.close()
    return path


@pytest.fixture
async def database(file: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite+aiosqlite:///{file}")
    yield opened
    await opened.close()


async def write(database: Database, line: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO lines VALUES (:line)"), {"line": line})


def lines(file: Path) -> list[str]:
    """Read and write, without a wait: raises `OperationalError` if another connection has a transaction open."""
    connection = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        return [line for (line,) in connection.execute("SELECT line FROM lines ORDER BY rowid")]
    finally:
        connection.close()


def in_transaction(file: Path) -> bool:
    try:
        lines(file)
    except sqlite3.OperationalError:
        return True
    return False


async def test_a_transaction_changes_threads_for_its_statements_and_its_commit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(database, "first")
    calls = Calls(monkeypatch)
    await write(database, "second")
    assert calls.names == ["execute", "commit"]


async def test_a_query_brings_its_rows_when_it_has_been_run(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(database, "first")
    calls = Calls(monkeypatch)
    async with database.transaction() as connection:
        assert (await connection.scalars(text("SELECT line FROM lines"))).all() == ["first"]
    assert calls.names == ["execute", "commit"]


async def test_a_statement_of_its_own_changes_threads_once(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(database, "first")
    calls = Calls(monkeypatch)
    row = await database.execute(text("INSERT INTO lines VALUES (:line) RETURNING line"), line="second")
    assert row is not None
    assert row.line == "second"
    assert calls.names == ["execute"]
    assert lines(file) == ["first", "second"]


async def test_a_statement_of_its_own_that_fails_changes_nothing(database: Database, file: Path) -> None:
    await write(database, "first")
    with pytest.raises(DatabaseUnavailable, match="integer overflow"):
        await database.execute(
            text("INSERT INTO lines SELECT line FROM lines UNION ALL SELECT abs(-9223372036854775808)")
        )
    assert lines(file) == ["first"]


async def test_a_transaction_without_statements_leaves_nothing_open(database: Database, file: Path) -> None:
    async with database.transaction():
        pass
    await database.execute(text("INSERT INTO lines VALUES ('first')"))
    assert lines(file) == ["first"]


async def test_many_rows_are_written_in_the_transaction(database: Database, file: Path) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO lines VALUES (:line)"), [{"line": "first"}, {"line": "second"}])
        assert in_transaction(file)
    assert lines(file) == ["first", "second"]


async def test_rows_are_not_streamed(database: Database) -> None:
    async with database.transaction() as connection:
        with pytest.raises(NotImplementedError, match="read at once"):
            async for _ in await connection.stream(text("SELECT 1")):
                pass


async def test_a_transaction_that_fails_is_rolled_back(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(database, "first")
    calls = Calls(monkeypatch)

    async def write_and_fail() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("INSERT INTO lines VALUES ('second')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()
    assert calls.names == ["execute", "rollback"]
    assert lines(file) == ["first"]


async def test_a_caller_that_is_cancelled_while_it_waits_for_the_lock_leaves_nothing_open(
    database: Database, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its call gets the lock after the caller is gone."""
    await write(database, "first")
    calls = Calls(monkeypatch)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    late = asyncio.create_task(write(database, "late"))
    await eventually(lambda: calls.waiting == 1)
    late.cancel()
    await eventually(lambda: "rollback" in calls.names or late.done())
    other.execute("COMMIT")
    other.close()
    with pytest.raises(asyncio.CancelledError):
        await late
    await write(database, "next")
    assert lines(file) == ["first", "next"]


class Threads:
    """The connections' threads, and the errors with which they ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: list[BaseException | None] = []
        self._before = set(threading.enumerate())
        monkeypatch.setattr(threading, "excepthook", lambda ended: self.errors.append(ended.exc_value))

    def wait_for_their_end(self) -> None:
        for thread in set(threading.enumerate()) - self._before:
            thread.join(10)
            assert not thread.is_alive()


def test_an_event_loop_may_close_while_a_connection_opens(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opens, may_open = threading.Event(), threading.Event()

    def open_slowly(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opens.set()
        assert may_open.wait(10)
        raise sqlite3.OperationalError("unable to open database file")

    async def cancel_while_it_opens() -> None:
        opening = asyncio.create_task(sqlite_connection.connect(f"sqlite+aiosqlite:///{file}"))
        await eventually(opens.is_set)
        opening.cancel()

    monkeypatch.setattr(sqlite3, "connect", open_slowly)
    threads = Threads(monkeypatch)
    asyncio.run(cancel_while_it_opens())
    may_open.set()
    threads.wait_for_their_end()
    assert threads.errors == []


def test_an_event_loop_may_close_while_a_connection_waits_for_the_lock(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(monkeypatch)
    threads = Threads(monkeypatch)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def terminate_while_it_waits() -> None:
        connection = await sqlite_connection.connect(f"sqlite+aiosqlite:///{file}")
        waiting = asyncio.create_task(connection.execute("INSERT INTO lines VALUES ('late')"))
        await eventually(lambda: calls.waiting == 1)
        waiting.cancel()
        connection.stop()

    asyncio.run(terminate_while_it_waits())
    other.execute("COMMIT")
    other.close()
    threads.wait_for_their_end()
    assert threads.errors == []
    assert lines(file) == []


async def test_aiosqlite_has_the_parts_that_are_used(file: Path) -> None:
    """What `infra.sqlite_connection` uses beyond aiosqlite's interface. If this fails, adapt that module."""
    connection = await sqlite_connection.connect(f"sqlite+aiosqlite:///{file}")
    try:
        needed = {
            connection: ("_conn", "_execute", "_thread", "_tx"),
            await aiosqlite.Connection.cursor(connection): ("_cursor", "execute", "executemany", "fetchall", "close"),
        }
        missing = [
            f"{type(each).__name__}.{name}"
            for each, names in needed.items()
            for name in names
            if not hasattr(each, name)
        ]
        assert not missing, f"aiosqlite has changed: {', '.join(missing)}"
        assert isinstance(connection._conn, sqlite3.Connection)
        hand_over: Callable[..., Awaitable[int]] = connection._execute
        assert await hand_over(threading.get_ident) == connection._thread.ident
    finally:
        await connection.close()
