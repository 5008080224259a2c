"""A connection to SQLite that changes threads only for what takes time.

aiosqlite runs each call in the connection's thread, also to make a cursor, to read its rows and to close it. Handing a
call over takes longer than most calls do. Here a statement is one: with the begin of its transaction if it is the
first, and with its rows. A statement that is a transaction of its own is all that is handed over.

A connection's thread may still be working when its event loop closes: aiosqlite does not wait for it if a connection
does not open or is terminated, nor does a caller that was cancelled. No answer is needed then.

It uses private parts of aiosqlite 0.22, which `test_aiosqlite_has_the_parts_that_are_used` names.
"""

import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import aiosqlite
from aiosqlite.context import contextmanager
from aiosqlite.core import _connection_worker_thread, _TxQueue
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine import make_url

_CHUNK_ROWS = 64
_BEGIN = "BEGIN IMMEDIATE"
"""A transaction that begins as a reader and then writes fails at once if another has written in between."""


async def connect(url: str) -> aiosqlite.Connection:
    """Open the database at an SQLAlchemy URL. For one user at a time, as a pool of connections sees to."""
    arguments, options = SQLiteDialect_aiosqlite().create_connect_args(make_url(url))
    # What does not change threads is called from the event loop's.
    connector = partial(sqlite3.connect, *arguments, **{**options, "check_same_thread": False, "factory": _Database})
    opened = Connection(connector, _CHUNK_ROWS)
    # A process ends without waiting for it, as SQLAlchemy has it.
    opened._thread = threading.Thread(target=_work, args=(opened._tx,), daemon=True)
    return await opened


def _work(calls: _TxQueue) -> None:
    while True:
        try:
            _connection_worker_thread(calls)
            break
        except RuntimeError:  # the event loop is closed: an error of a call would have been its answer
            if calls.empty():
                break


class _Database(sqlite3.Connection):
    def __del__(self) -> None:
        """Whoever is cancelled while the connection opens never gets it, and so cannot close it."""
        with suppress(sqlite3.ProgrammingError):  # it never opened
            self.close()


class Connection(aiosqlite.Connection):
    """Its transactions begin with the first statement after `begin`."""

    _begins = False

    def begin(self) -> None:
        self._begins = True

    @contextmanager
    async def cursor(self) -> aiosqlite.Cursor:
        return _Cursor(self, self._conn.cursor())

    async def commit(self) -> None:
        self._begins = False
        if self._conn.in_transaction:
            await super().commit()

    async def rollback(self) -> None:
        """SQLAlchemy rolls back whatever it gives back to its pool, also after a commit.

        A connection whose caller was cancelled, so that a call may still be going on, it closes instead.
        """
        self._begins = False
        if self._conn.in_transaction:
            await super().rollback()

    async def run(self, call: Callable[..., sqlite3.Cursor], *arguments: Any) -> list[Any]:
        """Run a call of a cursor, in the transaction. Returns its rows."""
        hand_over: Callable[..., Awaitable[list[Any]]] = self._execute
        return await hand_over(self._run, call, *arguments)

    def _run(self, call: Callable[..., sqlite3.Cursor], *arguments: Any) -> list[Any]:
        if self._begins:
            self._conn.execute(_BEGIN)
            self._begins = False
        cursor = call(*arguments)
        return cursor.fetchall() if cursor.description else []


class _Cursor(aiosqlite.Cursor):
    def __init__(self, connection: Connection, cursor: sqlite3.Cursor) -> None:
        super().__init__(connection, cursor)
        self._run = connection.run
        self._rows: list[Any] = []

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> aiosqlite.Cursor:
        self._rows = await self._run(self._cursor.execute, sql, parameters or ())
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> aiosqlite.Cursor:
        self._rows = await self._run(self._cursor.executemany, sql, parameters)
        return self

    async def fetchall(self) -> Iterable[sqlite3.Row]:
        rows, self._rows = self._rows, []
        return rows

    async def fetchmany(self, size: int | None = None) -> Iterable[sqlite3.Row]:
        raise NotImplementedError("The rows of a statement are read at once: `connection.stream` has no use.")

    async def close(self) -> None:
        self._cursor.close()
