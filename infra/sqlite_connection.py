"""A connection to SQLite that changes threads only for what takes time.

aiosqlite runs each call in the connection's thread, also to make and to close a cursor. Handing a call over takes
longer than most calls do: of the eight of a transaction with one statement, only three are handed over here.
"""

import sqlite3
from contextlib import suppress
from functools import partial

import aiosqlite
from aiosqlite.context import contextmanager
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine import make_url

_CHUNK_ROWS = 64


async def connect(url: str) -> aiosqlite.Connection:
    """Open the database at an SQLAlchemy URL. For one user at a time, as a pool of connections sees to."""
    arguments, options = SQLiteDialect_aiosqlite().create_connect_args(make_url(url))
    # What does not change threads is called from the event loop's.
    connector = partial(sqlite3.connect, *arguments, **{**options, "check_same_thread": False, "factory": _Database})
    opened = _Connection(connector, _CHUNK_ROWS)
    opened._thread.daemon = True  # as SQLAlchemy has it: a process ends without waiting for it
    return await opened


class _Database(sqlite3.Connection):
    def __del__(self) -> None:
        """Whoever is cancelled while the connection opens never gets it, and so cannot close it."""
        with suppress(sqlite3.ProgrammingError):  # it never opened
            self.close()


class _Cursor(aiosqlite.Cursor):
    async def close(self) -> None:
        self._cursor.close()


class _Connection(aiosqlite.Connection):
    @contextmanager
    async def cursor(self) -> aiosqlite.Cursor:
        return _Cursor(self, self._conn.cursor())

    async def rollback(self) -> None:
        """SQLAlchemy rolls back whatever it gives back to its pool, also after a commit.

        A connection whose caller was cancelled, so that a call may still be going on, it closes instead.
        """
        if self._conn.in_transaction:
            await super().rollback()
