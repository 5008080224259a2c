"""Restarts while a run goes on: of every node and worker process in turn, or of single nodes at random moments."""

import asyncio
import random
from collections.abc import Callable
from signal import SIGKILL

from devstack.apache_kafka.cluster import KafkaCluster
from devstack.stack import Stack

Note = Callable[[str], None]
"""Takes what has just happened."""


async def rolling_restart(cluster: KafkaCluster, stack: Stack, note: Note) -> None:
    """Restart one node after the other, each when all replicas are in sync again, then each worker process."""
    for name in cluster.names:
        note(f"{name} gets SIGTERM")
        note(f"{name} is in sync again after {await cluster.restart(name):.1f} s")
    for name in [each for each in stack.processes.pids() if each.startswith("workers")]:
        note(f"{name} gets SIGTERM")
        exit_code = await stack.processes.stop(name)
        note(f"{name} ended with exit code {exit_code}{' (it had to be killed)' if exit_code == -SIGKILL else ''}")
        await stack.processes.start(name)
        note(f"{name} runs again")


async def single_restarts(cluster: KafkaCluster, count: int, seconds: float, seed: int, note: Note) -> None:
    """Restart one of the three nodes `count` times, spread over `seconds`, half of the times after SIGKILL.

    On a slow machine they take longer: the next one waits for the replicas of the one before.
    """
    chance = random.Random(seed)  # noqa: S311
    for number in range(count):
        name, crash = chance.choice(cluster.names), number % 2 == 1
        note(f"{name} gets {'SIGKILL' if crash else 'SIGTERM'}, restart {number + 1} of {count}")
        took = await cluster.restart(name, crash=crash)
        note(f"{name} is in sync again after {took:.1f} s")
        await asyncio.sleep(max(0.0, seconds / count - took) * chance.uniform(0.5, 1))
