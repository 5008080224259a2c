"""`python -m benchmarks stuck-key`: whether one key whose handler is stuck delays the others on its partition.

User feeds on one partition: every user's posts are moderated and published one after the other. One more user's
moderation is held from before the first post to the end. The others should not notice: the time they take is compared
with the time they take without that user.
"""

import argparse
import asyncio
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2
from rich.console import Console
from rich.table import Table

from benchmarks.harness.bodies import post
from benchmarks.harness.options import options_parser, positive
from benchmarks.harness.results import figures_table, open_console
from benchmarks.harness.stack import BenchmarkStack, benchmark_stack
from benchmarks.harness.topics import Record, make_topic, write_records
from benchmarks.harness.waiting import wait_until
from domain.user_feed import USER_FEED
from infra.database import Database
from infra.moderation import SimulatedModeration

SETTINGS = {"MODERATION_POLL_INTERVAL": "PT0.2S"}


def main(arguments: list[str]) -> int:
    parser = options_parser("stuck-key", f"{__doc__}")
    parser.add_argument("--users", type=positive, default=20, help="users besides the stuck one")
    parser.add_argument("--posts", type=positive, default=10, help="posts of each user")
    parser.add_argument("--rounds", type=positive, default=3, help="pairs of runs, without and with the stuck user")
    asyncio.run(_run(parser.parse_args(arguments), open_console()))
    return 0


async def _run(options: argparse.Namespace, console: Console) -> None:
    """Measure with and without the stuck user in turn, and print the ratios."""
    async with benchmark_stack(SETTINGS) as bench:
        database = Database(bench.stack.database_url)
        feeds = Feeds(bench, SimulatedModeration(database), options.users, options.posts)
        await feeds.seconds_until_published(stuck=False)  # warm-up
        pairs = []
        for number in range(1, options.rounds + 1):
            console.print(f"round {number} of {options.rounds}")
            alone = await feeds.seconds_until_published(stuck=False)
            pairs.append((alone, await feeds.seconds_until_published(stuck=True)))
        await database.close()
    console.print(_table(f"{options.users} users, {options.posts} posts each, one partition", pairs))


def _table(title: str, pairs: Sequence[tuple[float, float]]) -> Table:
    table = figures_table(title, ("round", "without a stuck user", "with one", "ratio"))
    for number, (alone, together) in enumerate(pairs, 1):
        table.add_row(str(number), f"{alone:.2f} s", f"{together:.2f} s", f"{together / alone:.2f}")
    return table


@dataclass(frozen=True)
class Feeds:
    """New users for each run, on one stack."""

    bench: BenchmarkStack
    moderation: SimulatedModeration
    users: int
    posts: int

    async def seconds_until_published(self, *, stuck: bool) -> float:
        """Seconds from the first record written until every user but the stuck one has all posts published."""
        run = uuid.uuid4().hex[:8]
        users, stuck_user = [f"{run}-{number}" for number in range(self.users)], f"{run}-stuck"
        await make_topic(self.bench.bootstrap, run, partitions=1)
        if stuck:
            await self.moderation.hold(stuck_user)
        async with self.bench.subscription(run, f"{USER_FEED.service}/processPost"):
            began = time.perf_counter()
            await self._write(run, [stuck_user, *users] if stuck else users)
            for user in users:
                await self._wait_until_published(user)
            seconds = time.perf_counter() - began
            if stuck:
                await self._release(stuck_user)
        return seconds

    async def _release(self, user: str) -> None:
        """Check that none of the user's posts went on, then let them."""
        state = (await self.bench.http.get(f"/UserFeed/{user}")).raise_for_status().json()
        assert (state["published"], state["queued"]) == (0, self.posts), state
        await self.moderation.release(user)
        await self._wait_until_published(user)

    async def _write(self, topic: str, users: Sequence[str]) -> None:
        records = (Record(user, post(number)) for number in range(self.posts) for user in users)
        await write_records(self.bench.bootstrap, topic, records)

    async def _wait_until_published(self, user: str) -> None:
        async def all_are_published() -> bool:
            answer = await self.bench.http.get(f"/UserFeed/{user}")
            return answer.status_code == httpx2.codes.OK and bool(answer.json()["published"] == self.posts)

        await wait_until(all_are_published, f"{user} has its posts published", pause_seconds=0.1)
