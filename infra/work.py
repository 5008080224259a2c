"""Simulated work, which takes a random time."""

import asyncio
import random
from datetime import timedelta

from pydantic import JsonValue

from domain.fan_out import SubtaskFailed
from domain.payload import fingerprint
from infra.database import Database
from infra.tables import CompletedWork


class WorkFailed(Exception):
    """The work failed, as its payload asked."""


class SimulatedWork:
    """Stands for heavy work: takes up to `longest`. The payload `{"fail": "reason"}` makes it fail.

    Finished work inserts one row per key, so that its effects can be counted: however often an attempt is repeated
    because its answer was lost, there is one row. Subtasks insert none: a job of 10,000 would need 10,000 transactions.
    """

    def __init__(self, longest: timedelta, database: Database) -> None:
        self._longest = longest
        self._database = database

    async def do(self, key: str, payload: JsonValue) -> str:
        """Raises `WorkFailed`, which may be retried."""
        await _take_time(self._longest)
        if isinstance(payload, dict) and "fail" in payload:
            raise WorkFailed(str(payload["fail"]))
        async with self._database.transaction() as connection:
            await self._database.insert_once(connection, CompletedWork, key=key, fingerprint=fingerprint(payload))
        return "DONE"


SLOW = 40
"""How many times longer a slow subtask takes: with the default of 200 ms, up to 8 s."""


class SimulatedSubtasks:
    """Stands for the work of subtasks: each takes up to `longest`.

    One whose text begins with `fail` fails; one that begins with `slow` takes up to `SLOW` times as long.
    """

    def __init__(self, longest: timedelta) -> None:
        self._longest = longest

    async def run(self, key: str, subtask: str) -> str:
        """Raises `SubtaskFailed`."""
        del key  # running it twice has no effect
        await _take_time(self._longest * SLOW if subtask.startswith("slow") else self._longest)
        if subtask.startswith("fail"):
            raise SubtaskFailed(f"Subtask {subtask[:100]!r} cannot be done.")
        return "DONE"


async def _take_time(longest: timedelta) -> None:
    await asyncio.sleep(random.uniform(0, longest.total_seconds()))  # noqa: S311 - no secret
