"""Backup and restore of the production stack, with the commands of docs/backup.md."""

import os
import shutil
import time
from dataclasses import dataclass

from tests.eventually import eventually
from tests.infra.postgresql.server import give_to_postgres
from tests.production.stack import ProductionStack

USER = "postgres" if os.geteuid() == 0 else None
"""Who runs PostgreSQL, and runs its programs."""
CALLERS_OF_POSTGRESQL = ("gateway", "workers", "workers-2", "temporal")
IN_TURN = ("temporal-schema", "temporal", "temporal-namespace", "gateway", "workers", "workers-2")
"""As `docker compose up` starts them."""


@dataclass(frozen=True)
class Point:
    """A time of the server's clock, and the moments (`time.monotonic`) between which it was."""

    time: str
    after: float
    before: float


async def back_up(stack: ProductionStack) -> str:
    """Return the backup's name."""
    return (await stack.execute("postgresql", ["sh", "/deploy/backup.sh"], user=USER)).split()[-1]


async def now_at(stack: ProductionStack) -> Point:
    after = time.monotonic()
    [row] = await stack.postgres.run("SELECT clock_timestamp()::text AS now")
    return Point(row["now"], after, time.monotonic())


async def wait_until_archived(stack: ProductionStack) -> None:
    """Do at once what `archive_timeout` does within a minute: all that is committed now is in the archive."""
    [row] = await stack.postgres.run("SELECT pg_walfile_name(pg_switch_wal()) AS name")

    async def is_archived() -> bool:
        [last] = await stack.postgres.run("SELECT last_archived_wal AS name FROM pg_stat_archiver")
        return bool(last["name"] and last["name"] >= row["name"])

    await eventually(is_archived, timeout_seconds=300)


async def destroy(stack: ProductionStack) -> None:
    """Lose PostgreSQL with all its data, and everything that uses it."""
    stack.postgres.kill()
    shutil.rmtree(stack.postgres.data)
    for name in CALLERS_OF_POSTGRESQL:
        await stack.processes.kill(name)


async def restore(stack: ProductionStack, backup: str, to: Point) -> None:
    """Bring the data back. PostgreSQL runs then, and nothing that uses it."""
    stack.postgres.data.mkdir()
    give_to_postgres(stack.postgres.data)
    await stack.execute("postgresql", ["sh", "/deploy/restore.sh", backup, to.time], user=USER)
    await stack.postgres_is_ready()


async def start_the_rest(stack: ProductionStack) -> None:
    for name in IN_TURN:
        await stack.processes.start(name)
