"""One key whose handler is stuck for the whole run, on one partition with all the others.

User feeds: every user's posts are moderated and published one after the other. The moderation of one user more is held
back from before its first post to the end. The others should not notice; their time is compared with the time they
take without that user.
"""

import asyncio
import json
import time
import uuid
from dataclasses import dataclass

import httpx2
from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.table import Table

from benchmarks.kafka import CLUSTER, GIVE_UP_AFTER_SECONDS, subscribe
from benchmarks.stack import benchmark_stack, make_topic
from devstack.stack import Stack
from infra.database import Database
from infra.moderation import SimulatedModeration

SETTINGS = {"MODERATION_POLL_INTERVAL": "PT0.2S"}


@dataclass(frozen=True)
class Plan:
    """How many users write how many posts each, and how often the pair of runs is repeated."""

    users: int
    posts: int
    rounds: int


async def run(plan: Plan) -> None:
    """Start a stack, measure in turn with and without the stuck user, and print the ratios."""
    console = Console()
    async with benchmark_stack(SETTINGS) as (stack, http):
        database = Database(stack.database_url)
        bench = StuckKey(stack, http, SimulatedModeration(database), plan)
        await bench.round(stuck=False)
        pairs = []
        for number in range(1, plan.rounds + 1):
            console.print(f"round {number} of {plan.rounds}")
            pairs.append((await bench.round(stuck=False), await bench.round(stuck=True)))
        await database.close()
    table = Table(title=f"{plan.users} users, {plan.posts} posts each, one partition")
    for column in ("round", "alone", "beside a stuck user", "ratio"):
        table.add_column(column, justify="right")
    for number, (alone, beside) in enumerate(pairs, 1):
        table.add_row(str(number), f"{alone:.2f} s", f"{beside:.2f} s", f"{beside / alone:.2f}")
    console.print(table)


class StuckKey:
    """Measures rounds on one stack."""

    def __init__(self, stack: Stack, http: httpx2.AsyncClient, moderation: SimulatedModeration, plan: Plan) -> None:
        self._stack = stack
        self._http = http
        self._moderation = moderation
        self._plan = plan

    async def round(self, *, stuck: bool) -> float:
        """Seconds from the first record written until every user but the stuck one has all posts published."""
        run = uuid.uuid4().hex[:8]
        users = [f"{run}-{number}" for number in range(self._plan.users)]
        writers = [f"{run}-stuck", *users] if stuck else users
        if stuck:
            await self._moderation.hold(writers[0])
        topic = f"bench-{run}"
        await make_topic(self._stack.bootstrap, topic, partitions=1)
        subscription_id = await subscribe(
            self._http, f"kafka://{CLUSTER}/{topic}", "service://UserFeed/processPost", {}
        )
        began = time.perf_counter()
        await self._write(topic, writers)
        for user in users:
            await self._until_published(user)
        seconds = time.perf_counter() - began
        if stuck:
            state = (await self._http.get(f"/UserFeed/{writers[0]}")).raise_for_status().json()
            assert (state["published"], state["queued"]) == (0, self._plan.posts), state
            await self._moderation.release(writers[0])
            await self._until_published(writers[0])
        await self._http.delete(f"/subscriptions/{subscription_id}")
        return seconds

    async def _write(self, topic: str, writers: list[str]) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self._stack.bootstrap, linger_ms=20) as producer:
            for number in range(self._plan.posts):
                for user in writers:
                    post = {"content": f"post {number}", "metadata": "public"}
                    await producer.send(topic, json.dumps(post).encode(), key=user.encode())
            await producer.flush()

    async def _until_published(self, user: str) -> None:
        deadline = time.perf_counter() + GIVE_UP_AFTER_SECONDS
        while time.perf_counter() < deadline:
            answer = await self._http.get(f"/UserFeed/{user}")
            if answer.status_code == httpx2.codes.OK and answer.json()["published"] == self._plan.posts:
                return
            await asyncio.sleep(0.1)
        raise TimeoutError(user)
