"""Many payment trackers at once, each with a timer that waits for its next reminder."""

import time
import uuid
from dataclasses import dataclass, field

from rich.console import Console

from benchmarks.harness.histories import history_sizes
from benchmarks.harness.in_flight import call_for_each
from benchmarks.harness.waiting import comes_true
from benchmarks.limits.messages import MessageSender
from benchmarks.limits.trial import Outcome, Trial, works
from domain.payment_tracker import PAYMENT_TRACKER

OPENED_TOGETHER = 1_000
"""Before the next ones are opened, each of these has its timer."""
MAX_IN_FLIGHT = 50
SAMPLE = 20
"""Trackers whose state and history are read in the end."""


def open_trackers_trial(sender: MessageSender, console: Console, trackers: int) -> Trial:
    return Trial(
        "open payment trackers", f"{trackers:,} with a timer", lambda: OpenTrackers(sender, console, trackers).attempt()
    )


@dataclass
class OpenTrackers:
    sender: MessageSender
    console: Console
    trackers: int
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    async def attempt(self) -> Outcome:
        rates = await self._open_all()
        sample = [f"{self.run}-{n}" for n in range(0, self.trackers, max(1, self.trackers // SAMPLE))]
        states = [
            await self.sender.state_when(f"/PaymentTracker/{key}", lambda state: state["remindersSent"] == 1)
            for key in sample
        ]
        are_waiting = all(state["nextActionAt"] for state in states)
        histories = await history_sizes(self.sender.client, *map(PAYMENT_TRACKER.execution_id, sample))
        speed = f", {rates[0]:.0f}/s at first, {rates[-1]:.0f}/s at last" if rates else ""
        is_complete = len(rates) == -(-self.trackers // OPENED_TOGETHER)
        return works(is_complete and are_waiting, "some are missing", histories, detail=speed)

    async def _open_all(self) -> list[float]:
        """Trackers per second, for each thousand. Ends early if some of a thousand do not open."""
        rates: list[float] = []
        for first in range(0, self.trackers, OPENED_TOGETHER):
            numbers = range(first, min(first + OPENED_TOGETHER, self.trackers))
            began = time.perf_counter()
            if not await self._open(numbers):
                break
            rates.append(len(numbers) / (time.perf_counter() - began))
            self.console.print(f"  {numbers.stop:,} trackers are open, {rates[-1]:.0f}/s")
        return rates

    async def _open(self, numbers: range) -> bool:
        """Open these trackers. False if the last of them never waits for its timer."""

        async def open_one(number: int) -> None:
            await self.sender.send_payment_failure(f"{self.run}-{number}", number)

        await call_for_each(numbers, MAX_IN_FLIGHT, open_one)
        return await comes_true(lambda: self._are_open(numbers.stop))

    async def _are_open(self, count: int) -> bool:
        query = f"PatternStatus = 'REMINDING' AND ExecutionStatus = 'Running' AND PatternKey STARTS_WITH '{self.run}-'"
        return (await self.sender.client.count_workflows(query)).count == count
