"""Failures of the database are described without the values that the driver's errors repeat."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import exc, insert
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, DefaultPayloadConverter

from api.http import failures, problems
from infra.database import Database
from infra.database_errors import DatabaseFault, DatabaseUnavailable, described
from infra.settings import Settings, load_settings
from infra.tables import ClosedInvoices
from tests.infra.rows import rows
from tests.infra.schema import upgrade

SECRET = "4242-a-secret"
UNAVAILABLE = {
    "08003": "cannot be reached",
    "08006": "cannot be reached",
    "25006": "is read-only",
    "28P01": "refuses the login",
    "28000": "refuses the login",
    "3D000": "does not exist",
    "40001": "is locked or too slow",
    "40P01": "is locked or too slow",
    "42501": "refuses access to a table",
    "42703": "is not migrated",
    "42P01": "is not migrated",
    "53100": "is out of resources",
    "53300": "has no connection left",
    "55P03": "is locked or too slow",
    "57014": "is locked or too slow",
    "57P01": "cannot be reached",
    "57P03": "cannot be reached",
    "58030": "cannot be reached",
    "XX000": "cannot be reached",
}
FAULTS = ["22001", "22P02", "23505", "42601", "54000", "P0001"]


def postgresql_error(code: str, message: str = "a message", detail: str | None = None) -> exc.DBAPIError:
    """An error as SQLAlchemy raises it for one of asyncpg's."""
    fields = {"C": code, "M": message} | ({"D": detail} if detail else {})
    return wrapped(asyncpg.PostgresError.new(fields))


def wrapped(cause: Exception) -> exc.DBAPIError:
    dbapi: Any = cast("type[Any]", AsyncAdapt_asyncpg_dbapi)(asyncpg)
    kind = next(
        dbapi._asyncpg_error_translate[each] for each in type(cause).__mro__ if each in dbapi._asyncpg_error_translate
    )
    original = kind(cause.args[0], cause)
    original.__cause__ = cause
    error = exc.DBAPIError.instance("INSERT INTO t VALUES ($1)", [SECRET], original, dbapi.Error, hide_parameters=True)
    assert isinstance(error, exc.DBAPIError)
    return error


class FailingTransactions(Database):
    """A database each of whose transactions fails with `error`."""

    error: Exception

    @contextmanager
    def failing(self) -> Iterator[None]:
        with self._describing_failures():
            raise self.error


@pytest.fixture
async def failing(tmp_path: Path) -> Any:
    opened = FailingTransactions(f"sqlite+aiosqlite:///{tmp_path}/patterns.db")
    yield opened
    await opened.close()


@pytest.mark.parametrize(("code", "state"), UNAVAILABLE.items())
def test_what_the_server_or_its_set_up_causes_is_an_unavailable_database(code: str, state: str) -> None:
    error = described(postgresql_error(code, detail=f"Key (invoice)=({SECRET}) already exists."))
    assert isinstance(error, DatabaseUnavailable)
    assert error.state == state
    assert code in str(error)
    assert SECRET not in str(error)


@pytest.mark.parametrize("code", FAULTS)
def test_what_a_statement_causes_is_a_fault_without_its_values(code: str) -> None:
    error = described(postgresql_error(code, f"invalid input syntax: {SECRET}", f"Key (invoice)=({SECRET}) exists."))
    assert isinstance(error, DatabaseFault)
    assert code in str(error)
    assert "INSERT INTO t VALUES ($1)" in str(error)
    assert SECRET not in str(error)


def test_an_argument_that_the_driver_cannot_encode_is_a_fault_without_the_argument() -> None:
    error = described(wrapped(asyncpg.DataError(f"invalid input for query argument $1: {SECRET!r}")))
    assert isinstance(error, DatabaseFault)
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionRefusedError(111, "refused"),
        OSError(-2, "Name or service not known"),
        exc.TimeoutError("QueuePool limit"),
        wrapped(asyncpg.InterfaceError("connection is closed")),
        wrapped(asyncpg.InternalClientError("unexpected state")),
    ],
)
def test_a_server_that_cannot_be_reached_is_an_unavailable_database(error: Exception) -> None:
    found = described(error)
    assert isinstance(found, DatabaseUnavailable)
    assert found.state == "cannot be reached"


@pytest.mark.parametrize("error", [postgresql_error("53300"), postgresql_error("23505", detail=SECRET), TimeoutError()])
def test_a_temporal_failure_has_no_error_of_the_driver(failing: FailingTransactions, error: Exception) -> None:
    failing.error = error
    with pytest.raises((DatabaseUnavailable, DatabaseFault)) as raised, failing.failing():
        pass
    failure = Failure()
    DefaultFailureConverter().to_failure(raised.value, DefaultPayloadConverter(), failure)
    assert not failure.HasField("cause")
    assert SECRET not in str(failure)
    assert not failure.application_failure_info.non_retryable


async def test_an_unavailable_database_is_a_503_however_the_driver_says_so(failing: FailingTransactions) -> None:
    app = FastAPI()
    problems.install(app)
    failures.install(app)

    @app.get("/")
    async def ask() -> None:
        with failing.failing():
            pass

    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        for code in UNAVAILABLE:
            failing.error = postgresql_error(code)
            answer = await client.get("/")
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem:database-unavailable"), code
            assert int(answer.headers["Retry-After"]) > 0
        failing.error = postgresql_error("23505", detail=SECRET)
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:problem:internal-error")


def test_an_outage_is_a_line_per_change(failing: FailingTransactions, caplog: pytest.LogCaptureFixture) -> None:
    for code in ["53300"] * 50 + ["25006"] * 50:
        failing.error = postgresql_error(code)
        with pytest.raises(DatabaseUnavailable), failing.failing():
            pass
    with failing._describing_failures():
        pass
    assert [line.split("database ")[-1].split(":")[0] for line in caplog.messages[:2]] == [
        "has no connection left",
        "is read-only",
    ]
    assert "works again" in caplog.messages[2]
    assert len(caplog.messages) == 3


async def test_parameters_are_in_no_error_of_a_real_statement(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/patterns.db"
    await upgrade(url)
    database = Database(url)

    async def close() -> None:
        async with database.transaction() as connection:
            values = {"invoice": SECRET, "status": "PAID"}
            await connection.execute(insert(ClosedInvoices).values(**values))

    await close()
    with pytest.raises(DatabaseFault) as raised:
        await close()
    logging.getLogger("test").error("failed", exc_info=raised.value)
    assert len(await rows(database, ClosedInvoices)) == 1
    assert SECRET not in caplog.text
    await database.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:a-password@host/name",
        "mysql+asyncmy://user:a-password@host/name",
        "postgresql+asyncpg://user:a-password@host/name?sslmode=require",
        "user:a-password@host",
        "postgresql+asyncpg://user:a-password@host:port/name",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_the_start_without_repeating_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(SystemExit) as ended:
        load_settings()
    assert str(ended.value).startswith("DATABASE_URL: ")
    assert "a-password" not in str(ended.value)


def test_no_password_is_in_the_text_of_the_settings() -> None:
    settings = Settings(
        database_url="postgresql+asyncpg://user:a-password@host/name", smtp_url="smtp://user:a-password@host"
    )
    assert "a-password" not in repr(settings)
