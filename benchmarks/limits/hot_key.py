"""`python -m benchmarks hot-key`: messages to one key of each entity service, as fast as they come.

Once over HTTP, and once from Kafka. Each message must be counted, and only once. The gateway holds senders back while
the key has much to do; how often it did so is printed.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue
from temporalio.client import Client

from benchmarks.harness.bodies import event_id, location, payment_failure, post
from benchmarks.harness.histories import history_sizes
from benchmarks.harness.in_flight import call_for_each
from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.stack import BenchmarkStack
from benchmarks.harness.topics import Record, make_topic, write_records
from benchmarks.harness.waiting import comes_true, wait_until
from benchmarks.limits.trial import Outcome, Trial, run_trials, works
from domain.package_tracker import PACKAGE_TRACKER
from domain.pattern import Pattern
from domain.payment_tracker import PAYMENT_TRACKER
from domain.user_feed import USER_FEED

MAX_IN_FLIGHT = 50
"""Calls over HTTP."""
FEED_SHARE = 10
"""A feed gets this many times fewer messages: each of its posts takes several activities."""
HANDLERS: dict[Pattern, tuple[str, Callable[[int], dict[str, JsonValue]]]] = {
    PACKAGE_TRACKER: ("updateLocation", location),
    PAYMENT_TRACKER: ("onPaymentFailure", payment_failure),
    USER_FEED: ("processPost", post),
}
"""A handler of each entity service, and its messages by number; no two are equal."""


def main(arguments: list[str]) -> int:
    """Return the exit code: 1 if a message is missing or counted twice."""
    parser = options_parser("hot-key", f"{__doc__}")
    parser.add_argument(
        "--messages", type=positive, default=10_000, help="messages to a key; a tenth of them to a feed"
    )
    messages = parser.parse_args(arguments).messages
    return asyncio.run(run_trials(lambda bench, client, _: list(hot_key_trials(bench, client, messages))))


def hot_key_trials(bench: BenchmarkStack, client: Client, messages: int) -> Iterator[Trial]:
    """Two trials for each entity service, with a new key each."""
    for pattern in HANDLERS:
        count = max(1, messages // FEED_SHARE) if pattern is USER_FEED else messages
        by_http, by_kafka = (HotKey(bench, client, pattern, count) for _ in range(2))
        yield Trial(f"hot {pattern.service}, HTTP", f"{count:,} messages", by_http.over_http)
        yield Trial(f"hot {pattern.service}, Kafka", f"{count:,} messages", by_kafka.from_kafka)


@dataclass
class HotKey:
    """One key, which gets all the messages."""

    bench: BenchmarkStack
    client: Client
    pattern: Pattern
    messages: int
    name: str = field(default_factory=lambda: f"hot-{uuid.uuid4().hex[:8]}")
    times_held_back: int = 0
    """Answers of the gateway that the key is busy."""

    async def over_http(self) -> Outcome:
        """Post each message until it is accepted."""
        await call_for_each(range(self.messages), MAX_IN_FLIGHT, self._post)
        return await self._outcome()

    async def from_kafka(self) -> Outcome:
        """Write all messages to one partition, subscribe, and wait until the last is delivered."""
        handler, message = HANDLERS[self.pattern]
        await make_topic(self.bench.bootstrap, self.name, partitions=1)
        records = (Record(self.name, message(number)) for number in range(self.messages))
        await write_records(self.bench.bootstrap, self.name, records)
        async with self.bench.subscription(self.name, f"{self.pattern.service}/{handler}") as path:

            async def is_delivered() -> bool:
                consumers = (await self.bench.http.get(path)).json()["consumers"]
                return bool(sum(consumer["delivered"] for consumer in consumers) >= self.messages)

            await wait_until(is_delivered, f"{path} has delivered all", pause_seconds=0.2)
        return await self._outcome()

    async def _post(self, number: int) -> None:
        handler, message = HANDLERS[self.pattern]
        path = f"/{self.pattern.service}/{self.name}/{handler}/send"
        while (answer := await self.bench.http.post(path, json=message(number))).is_error:
            if "Retry-After" not in answer.headers:
                answer.raise_for_status()
            self.times_held_back += answer.json()["type"] == "urn:problem:key-busy"
            await asyncio.sleep(int(answer.headers["Retry-After"]))

    async def _outcome(self) -> Outcome:
        is_complete = await comes_true(self._has_counted_all)
        histories = await history_sizes(self.client, self.pattern.execution_id(self.name))
        held_back = f", held back {self.times_held_back} times" if self.times_held_back else ""
        return works(is_complete, "messages are missing, or counted twice", histories, held_back)

    async def _has_counted_all(self) -> bool:
        """Whether the workflow has counted every message, once."""
        state = await self.client.get_workflow_handle(self.pattern.execution_id(self.name)).query("state")
        if self.pattern is PACKAGE_TRACKER:
            return bool(state["waiting"]["received"] == self.messages)
        if self.pattern is USER_FEED:
            return bool(state["published"] + state["rejected"] == self.messages and not state["queued"])
        # Sent in order, the last message is the latest event. Sent concurrently, enough of them end in escalation.
        return bool(state["lastEventId"] == event_id(self.messages - 1) or state["status"] == "ESCALATED")
