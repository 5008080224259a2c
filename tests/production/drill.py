"""A storm in which PostgreSQL is destroyed, and restored to a point before that, while callers go on."""

import asyncio
import hashlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infra.database import Database
from tests.chaos.client import PatientClient
from tests.chaos.model import Answer, Booking, Invoice, Job, Task, Unit
from tests.chaos.storm import Storm
from tests.eventually import eventually
from tests.production.backups import Point, back_up, destroy, now_at, restore, start_the_rest, wait_until_archived
from tests.production.outside import Outside
from tests.production.stack import ProductionStack

CHARGES = 30
"""Tasks that call a system outside, as a charge does."""
_READ_AGAIN = re.compile(r"begins at (\d+): the group has committed (\d+)")


@dataclass(frozen=True)
class Accepted:
    """A request that changes something, and was answered with a success or a final refusal."""

    sent: float
    answered: float
    method: str
    path: str
    key: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}{f' ({self.key})' if self.key else ''}"


class NotingClient(PatientClient):
    """Notes when each request was accepted."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.accepted: list[Accepted] = []

    async def _once(self, method: str, path: str, json: Any, headers: dict[str, str]) -> tuple[Answer, float]:
        sent = time.monotonic()
        answer, pause_seconds = await super()._once(method, path, json, headers)
        if method != "GET" and answer.status in (200, 202, 409):
            key = headers.get("Idempotency-Key")
            self.accepted.append(Accepted(sent, time.monotonic(), method, path, key))
        return answer, pause_seconds


class Drill(Storm):
    """A backup is taken under load, later all data is lost and restored to `point`, and the load goes on to its end.

    Then callers whose requests were accepted after the point repeat them.
    """

    _client: NotingClient
    _stack: ProductionStack
    point: Point

    def __init__(self, stack: ProductionStack, outside: Outside, *arguments: Any, **options: Any) -> None:
        super().__init__(stack, *arguments, client=NotingClient, **options)
        self._outside = outside
        self._charges = [f"{self.units[0].name}-charge-{number}" for number in range(CHARGES)]
        self._names = {name: unit for unit in self.units for name in (unit.name, unit.execution_id)}
        self.lost: list[Accepted] = []
        """Accepted after the point, and not in what was restored."""
        self.in_doubt: list[Accepted] = []
        """Sent before the point and answered after it."""
        self.sent_before_the_point: set[str] = set()
        """The mails of which the restored database says that they were sent, as their Message-IDs begin."""
        self.mails_before: list[str] = []
        """Those that had arrived when the data was lost."""
        self.unrepeated: dict[Unit, list[str]] = {}
        """What is wrong although nothing of it was lost, before any caller repeats a request."""
        self.wrongly_known: list[str] = []
        """Executions that should be unknown after the restore, or the other way round."""

    async def _disturb(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._charge_all(self._charges[::2]))
            backup = await back_up(self._stack)
            await self._accepted(0.35)
            self.point = await now_at(self._stack)
            group.create_task(self._charge_all(self._charges[1::2]))
            await self._accepted(0.25, after=self.point.before)
            await wait_until_archived(self._stack)
            await destroy(self._stack)
            self.mails_before = self._outside.mails
            self._log_before = self._stack.log_file.stat().st_size
            await restore(self._stack, backup, self.point)
            await self._read_mails()
            self._note_losses(before=time.monotonic())
            await start_the_rest(self._stack)

    def _note_losses(self, before: float) -> None:
        for each in self._client.accepted:
            if self.point.after < each.answered < before:
                (self.lost if each.sent > self.point.before else self.in_doubt).append(each)

    async def _charge_all(self, names: Sequence[str]) -> None:
        await asyncio.gather(*map(self._charge, names))

    async def _charge(self, name: str) -> None:
        """Call the outside by a task. Until it gets an outcome, the caller repeats its request with the same key."""
        body = {"kind": "http_request", "payload": {"url": f"{self._outside.url}/charge", "body": {"charge": name}}}
        await self._client.send("POST", "/AsyncTaskWorker/runTask", json=body, key=name)

    async def _accepted(self, share: float, after: float = 0.0) -> None:
        """Wait until so much of what the callers request was sent `after` a moment, and accepted."""
        requests = sum(len(unit.events) if isinstance(unit, Invoice) else 1 for unit in self.units)

        def accepted() -> bool:
            return sum(each.sent > after for each in self._client.accepted) > share * requests

        await eventually(accepted, timeout_seconds=300)

    async def _read_mails(self) -> None:
        rows = await self._stack.postgres.run("SELECT invoice, number FROM reminders WHERE status = 'SENT'", "patterns")
        self.sent_before_the_point = {_message_id(row["invoice"], row["number"]) for row in rows}

    async def _settle(self, database: Database, units: Sequence[Unit]) -> dict[Unit, list[str]]:
        affected = {unit for each in (*self.lost, *self.in_doubt) if (unit := self._unit(each))}
        self.unrepeated = await super()._settle(database, [unit for unit in units if unit not in affected])
        self.wrongly_known = [each async for each in self._wrongly_known()]
        await self._load.call([unit for unit in units if unit in affected])
        await self._charge_all(self._charges)
        return await super()._settle(database, units)

    async def _wrongly_known(self) -> AsyncIterator[str]:
        """What was accepted before the point is known, what was accepted after it is not."""
        lost = {unit for each in self.lost if (unit := self._unit(each)) and self._starts(each, unit)}
        in_doubt = {self._unit(each) for each in self.in_doubt}
        for each in self._client.accepted:
            unit = self._unit(each)
            if unit is None or unit in in_doubt or not self._starts(each, unit):
                continue
            status = (await self._client.send("GET", f"/invocations/{unit.execution_id}")).status
            if status != (404 if unit in lost else 200):
                yield f"{each}: {status}"

    def _starts(self, each: Accepted, unit: Unit) -> bool:
        return each.method == "POST" and isinstance(unit, Task | Booking | Job)

    def _unit(self, each: Accepted) -> Unit | None:
        parts = (each.key or "", *each.path.partition("?")[0].split("/"))
        return next((self._names[part] for part in parts if part in self._names), None)

    @property
    def mailed_twice(self) -> set[str]:
        """Mails that arrived before the data was lost and again after it."""
        return set(self.mails_before) & set(self._outside.mails[len(self.mails_before) :])

    @property
    def charges(self) -> Counter[str]:
        """How often each key of a charge arrived."""
        return self._outside.keys_of_requests("/charge")

    @property
    def read_again(self) -> int:
        """Records between what Temporal knew and what the groups had committed."""
        found = _READ_AGAIN.findall(self._stack.log_file.read_text()[self._log_before :])
        return sum(int(committed) - int(begins) for begins, committed in found)

    def losses(self) -> Iterator[str]:
        """The report's lines about what was lost and what was done twice."""
        requests = len(self._client.accepted)
        yield f"  restored to {self.point.time}: of {requests} requests {len(self.lost)} were accepted later and lost"
        yield from (f"    {each}" for each in self.lost)
        yield f"  in doubt, since they were on their way at that time: {len(self.in_doubt)}"
        yield f"  mails sent twice: {len(self.mailed_twice)} of {len(set(self._outside.mails))}"
        yield f"  charges called twice with one key: {sum(count > 1 for count in self.charges.values())} of {CHARGES}"
        yield f"  records delivered again: {self.read_again}"


def _message_id(invoice: str, number: int) -> str:
    return f"<reminder-{number}.{hashlib.sha256(invoice.encode()).hexdigest()[:32]}@"
