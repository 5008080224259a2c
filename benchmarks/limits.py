"""Limits: many executions, long ones, hot ones, large payloads. Each works, or is refused with its reason.

Temporal takes 51,200 events and 50 MiB in a history, and 10,000 signals in a run. Every row says how near its largest
history came to that.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from benchmarks.histories import Histories, histories_of
from benchmarks.hot_key import SIDE_BY_SIDE, HotKey
from benchmarks.kafka import GIVE_UP_AFTER_SECONDS
from benchmarks.records import location
from benchmarks.stack import benchmark_stack
from devstack.stack import Stack
from domain.inbox import Batch, Message
from domain.package_tracker import LOCATIONS_KEPT, LocationUpdate, PackagePlan
from domain.patterns import PACKAGE_TRACKER, PAYMENT_TRACKER, USER_FEED
from domain.payload import Payload
from domain.payment_tracker import EVENTS_KEPT, PaymentEvent, PaymentEventData, ReminderPlan
from domain.user_feed import ModerationPlan
from workflows.backpressure import KeyBusy
from workflows.entities import entities
from workflows.entity import Entity

TRACKERS_A_ROUND = 1_000
"""Opened, and waited for until each has its timer, before the next."""
MAX_EVENTS, MAX_BYTES, MAX_SIGNALS = 51_200, 50 * 1024 * 1024, 10_000
State = dict[str, Any]
SETTINGS = {"MODERATION_POLL_INTERVAL": "PT0.1S", "SIMULATED_WORK": "PT0.02S"}


@dataclass(frozen=True)
class Plan:
    """How many trackers are open at once, and messages to each hot key (a tenth of them for a feed)."""

    trackers: int
    hot: int


@dataclass(frozen=True)
class Row:
    what: str
    size: str
    outcome: str
    seconds: float
    histories: Histories


async def run(plan: Plan) -> None:
    """Start a stack, try each limit, check it, and print one table. Exits with 1 if one does not hold."""
    console = Console()
    async with benchmark_stack(SETTINGS, timeout_seconds=300) as (stack, http):
        client = await Client.connect(stack.temporal_address, data_converter=pydantic_data_converter)
        limits = Limits(stack, http, client, console)
        await limits.try_all(plan)
        console.print(table(limits.rows))
    if failed := [row.what for row in limits.rows if not row.outcome.startswith(("works", "refused"))]:
        raise SystemExit(f"does not hold: {', '.join(failed)}")


def table(rows: Iterable[Row]) -> Table:
    result = Table(title=f"Limits: of {MAX_EVENTS:,} events, 50 MiB, {MAX_SIGNALS:,} signals in a run")
    for column in ("", "size", "outcome", "s", "runs", "events", "%", "KiB", "%", "signals", "carried KiB"):
        result.add_column(column, justify="left" if column in ("", "outcome") else "right")
    for row in rows:
        h = row.histories
        result.add_row(
            row.what,
            row.size,
            row.outcome,
            f"{row.seconds:,.1f}",
            f"{h.runs:,}",
            f"{h.events:,}",
            f"{100 * h.events / MAX_EVENTS:.1f}",
            f"{h.bytes / 1024:,.0f}",
            f"{100 * h.bytes / MAX_BYTES:.1f}",
            f"{h.signals:,}",
            f"{h.carried_bytes / 1024:,.0f}",
        )
    return result


class Limits:
    """Tries one limit after the other, on one stack."""

    def __init__(self, stack: Stack, http: httpx2.AsyncClient, client: Client, console: Console) -> None:
        self._stack = stack
        self._http = http
        self._client = client
        self._console = console
        self._entities = entities(ReminderPlan(), ModerationPlan(poll_interval=timedelta(seconds=0.1)), PackagePlan())
        self.rows: list[Row] = []

    async def try_all(self, plan: Plan) -> None:
        await self._try("task delayed for a year", "365 days", self._delayed("365d", 202))
        await self._try("task delayed for longer", "367 days", self._delayed("367d", 400))
        await self._try("body of 1 MiB", "1,048,576 B", self._body(1024 * 1024, 202))
        await self._try("body of 1 MiB and a byte", "1,048,577 B", self._body(1024 * 1024 + 1, 413))
        await self._try("fan-out, a tenth fails", "10,000 subtasks", self._fan_out(10_000))
        await self._try("invoice, one event after the other", "1,000 events", self._invoice(1_000))
        await self._try(
            "invoice, all event IDs it remembers", f"{EVENTS_KEPT + 500:,} events", self._invoice(EVENTS_KEPT + 500)
        )
        await self._try("package, in batches", "100,000 locations", self._package(100_000))
        for pattern, hot in ((PACKAGE_TRACKER, plan.hot), (PAYMENT_TRACKER, plan.hot), (USER_FEED, plan.hot // 10)):
            key = HotKey(self._http, self._client, pattern, hot)
            await self._try(f"hot {pattern.service}, HTTP", f"{hot:,} messages", self._hot(key, key.over_http()))
            key = HotKey(self._http, self._client, pattern, hot)
            sending = key.from_kafka(self._stack.bootstrap)
            await self._try(f"hot {pattern.service}, Kafka", f"{hot:,} messages", self._hot(key, sending))
        await self._try("open payment trackers", f"{plan.trackers:,} with a timer", self._trackers(plan.trackers))

    async def _try(self, what: str, size: str, trying: Awaitable[tuple[str, Histories]]) -> None:
        began = time.perf_counter()
        outcome, histories = await trying
        self.rows.append(Row(what, size, outcome, time.perf_counter() - began, histories))
        self._console.print(f"{what} ({size}): {outcome}, {self.rows[-1].seconds:,.1f} s")

    async def _delayed(self, delay: str, status: int) -> tuple[str, Histories]:
        body = {"kind": "heavy_work", "payload": {}}
        answer = await self._http.post("/AsyncTaskWorker/runTask/send", params={"delay": delay}, json=body)
        if answer.status_code != status or answer.is_error:
            return refused(answer, status), Histories()
        invocation = (await self._http.get(f"/invocations/{answer.json()['invocationId']}")).json()
        return f"works: due {invocation['executionTime'][:10]}", Histories()

    async def _body(self, size: int, status: int) -> tuple[str, Histories]:
        empty = json.dumps({"kind": "heavy_work", "payload": ""})
        body = json.dumps({"kind": "heavy_work", "payload": "x" * (size - len(empty))})
        headers = {"Content-Type": "application/json"}
        answer = await self._http.post("/AsyncTaskWorker/runTask/send", content=body, headers=headers)
        if answer.status_code != status or answer.is_error:
            return refused(answer, status), Histories()
        result = await self._http.get(f"/invocations/{answer.json()['invocationId']}/attach")
        return check(result.is_success and len(result.content) > size - 100, result.text[:200]), Histories()

    async def _fan_out(self, size: int) -> tuple[str, Histories]:
        names = [f"{'fail' if number % 10 == 0 else 'step'} {number}" for number in range(size)]
        answer = await self._http.post("/FanOutWorker/run", json={"description": ",".join(names)})
        lines = answer.json().get("description", "").split(", ")
        right = [line.startswith(name) for line, name in zip(lines, names, strict=False)]
        failed = sum(": FAILED" in line for line in lines)
        job = answer.headers["Invocation-Id"]
        return check(len(right) == size and all(right) and failed == size // 10, answer.text[:200]), await self._of(job)

    async def _invoice(self, events: int) -> tuple[str, Histories]:
        entity, key = self._entities[PAYMENT_TRACKER.service], new_key()
        for number in range(events):
            await self._send(entity, key, "onPaymentFailure", [payment_event(number)])
        state = await self._until(f"/PaymentTracker/{key}", lambda state: state["status"] == "ESCALATED")
        return check(state["remindersSent"] == ReminderPlan().reminders, str(state)), await self._of(
            PAYMENT_TRACKER.execution_id(key)
        )

    async def _package(self, locations: int) -> tuple[str, Histories]:
        entity, key = self._entities[PACKAGE_TRACKER.service], new_key()
        (
            await self._http.post(f"/PackageTracker/{key}/registerPackage", json={"finalDestination": "A"})
        ).raise_for_status()
        for first in range(0, locations, 500):
            updates = [LocationUpdate.model_validate(location(n)) for n in range(first, min(first + 500, locations))]
            await self._send(entity, key, "updateLocation", updates)
        wanted = [location(number) for number in range(locations)][-LOCATIONS_KEPT:]
        shown = await self._until(
            f"/PackageTracker/{key}/getPackageInfo", lambda info: info["locations"][-1:] == wanted[-1:]
        )
        return check(shown["locations"] == wanted, "other locations"), await self._of(PACKAGE_TRACKER.execution_id(key))

    async def _hot(self, key: HotKey, sending: Awaitable[None]) -> tuple[str, Histories]:
        await sending
        complete = await eventually(key.has_all)
        held_back = f", held back {key.held_back} times" if key.held_back else ""
        return check(complete, "messages are missing, or counted twice") + held_back, await self._of(key.workflow_id)

    async def _trackers(self, trackers: int) -> tuple[str, Histories]:
        entity, run = self._entities[PAYMENT_TRACKER.service], uuid.uuid4().hex[:8]
        room = asyncio.Semaphore(SIDE_BY_SIDE)

        async def open_one(number: int) -> None:
            async with room:
                await self._send(entity, f"{run}-{number}", "onPaymentFailure", [payment_event(number)])

        query = f"PatternStatus = 'REMINDING' AND ExecutionStatus = 'Running' AND PatternKey STARTS_WITH '{run}-'"

        async def remind(wanted: int) -> bool:
            return (await self._client.count_workflows(query)).count == wanted

        counted, rates = True, list[float]()
        for first in range(0, trackers, TRACKERS_A_ROUND):
            following = min(first + TRACKERS_A_ROUND, trackers)
            began = time.perf_counter()
            await asyncio.gather(*map(open_one, range(first, following)))
            counted = await eventually(partial(remind, following))
            if not counted:
                break
            rates.append((following - first) / (time.perf_counter() - began))
            self._console.print(f"  {following:,} trackers are open, {rates[-1]:.0f}/s")
        sample = range(0, trackers, max(1, trackers // 20))
        states = [await self._until(f"/PaymentTracker/{run}-{n}", lambda s: s["remindersSent"] == 1) for n in sample]
        wait = all(state["nextActionAt"] for state in states)
        histories = await self._of(*(PAYMENT_TRACKER.execution_id(f"{run}-{number}") for number in sample))
        speed = f", {rates[0]:.0f}/s at first, {rates[-1]:.0f}/s at last" if rates else ""
        return check(counted and wait, "some are missing") + speed, histories

    async def _of(self, *workflow_ids: str) -> Histories:
        return await histories_of(self._client, *workflow_ids)

    async def _send(self, entity: Entity, key: str, handler: str, bodies: Iterable[Payload]) -> None:
        batch = Batch[Any](messages=[Message[Payload](id=uuid.uuid4().hex, body=body) for body in bodies])
        while True:
            try:
                return await entity.send(self._client, key, handler, batch)
            except (KeyBusy, RPCError):
                await asyncio.sleep(0.5)

    async def _until(self, path: str, condition: Callable[[State], bool]) -> State:
        """The first answer that fulfils the condition, or the last of all."""
        state: State = {}

        async def fulfilled() -> bool:
            nonlocal state
            answer = await self._http.get(path)
            state = answer.json()
            return answer.is_success and condition(state)

        await eventually(fulfilled)
        return state


async def eventually(condition: Callable[[], Awaitable[bool]]) -> bool:
    """Wait until the condition holds; False if it never does."""
    deadline = time.perf_counter() + GIVE_UP_AFTER_SECONDS
    while time.perf_counter() < deadline:
        if await condition():
            return True
        await asyncio.sleep(0.5)
    return False


def payment_event(number: int) -> PaymentEvent:
    data = PaymentEventData(id=f"evt_{number:024}", customer=f"cus_{number % 1_000:014}")
    return PaymentEvent(type="invoice.payment_failed", created=1_633_025_000 + number, data=data)


def new_key() -> str:
    return f"limit-{uuid.uuid4().hex[:8]}"


def check(right: bool, otherwise: str) -> str:
    return "works" if right else f"WRONG: {otherwise}"


def refused(answer: httpx2.Response, status: int) -> str:
    """The reason, if that is the answer that was expected."""
    kind = "refused" if answer.status_code == status else "WRONG"
    return f"{kind}: {answer.status_code} {answer.json().get('detail', answer.text[:200])}"
