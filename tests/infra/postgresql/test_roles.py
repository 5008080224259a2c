"""deploy/postgres/roles.sql, as PostgreSQL's image runs it on an empty volume."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.eventually import eventually
from tests.infra.postgresql.server import MISSING, PostgresServer, find_programs, running_postgres

SCRIPT = Path(__file__).parents[3] / "deploy/postgres/roles.sql"
PASSWORDS = {"TEMPORAL_DB_PASSWORD": "of'temporal", "PATTERNS_DB_PASSWORD": "of-ours"}
OWNED = {"temporal": {"temporal", "temporal_visibility"}, "patterns": {"patterns"}}
DATABASES = {"temporal", "temporal_visibility", "patterns", "postgres"}


@pytest.fixture(scope="module")
async def prepared() -> AsyncIterator[PostgresServer]:
    """A server of its own: the roles are those of a whole server."""
    programs = find_programs()
    if programs is None:
        pytest.skip(MISSING)
    with running_postgres(programs) as server:

        def has_started() -> bool:
            ready = [f"{programs}/pg_isready", "--host=127.0.0.1", f"--port={server.port}"]
            return subprocess.run(ready, check=False, capture_output=True).returncode == 0

        await eventually(has_started)
        await asyncio.to_thread(server.run_script, SCRIPT, PASSWORDS)
        yield server


async def connect(server: PostgresServer, role: str, database: str) -> asyncpg.Connection:
    password = PASSWORDS[f"{role.upper()}_DB_PASSWORD"]
    return await asyncpg.connect(
        host="127.0.0.1", port=server.port, user=role, password=password, database=database, timeout=60
    )


@pytest.mark.parametrize("role", sorted(OWNED))
async def test_a_role_makes_tables_in_its_own_databases(prepared: PostgresServer, role: str) -> None:
    for database in OWNED[role]:
        connection = await connect(prepared, role, database)
        await connection.execute("CREATE TABLE made (a int)")
        if database == "temporal_visibility":
            await connection.execute("CREATE EXTENSION btree_gin")  # as Temporal's schema does
        await connection.close()


@pytest.mark.parametrize("role", sorted(OWNED))
async def test_a_role_reaches_no_other_database_and_makes_none(prepared: PostgresServer, role: str) -> None:
    for database in DATABASES - OWNED[role]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connect(prepared, role, database)
    connection = await connect(prepared, role, role)
    for statement in ("CREATE DATABASE another", "CREATE ROLE another", "ALTER ROLE postgres PASSWORD 'a'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()
