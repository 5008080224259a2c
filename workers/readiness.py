"""Whether a worker process can do its work."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from temporalio.client import Client

from clients.polls import ACTIVITIES, WORKFLOWS, Polled, check_polls
from clients.temporal_setup import check_temporal
from infra.readiness import Readiness
from workers.pools import Pool
from workers.resources import Resources


def worker_readiness(
    client: Client, resources: Resources, pools: Sequence[Pool], is_draining: Callable[[], bool]
) -> Readiness:
    """Temporal is set up and has seen this process poll, the database can be used, and consumers move records."""

    async def check_own_polls(patience: timedelta) -> None:
        await check_polls(client, _polled(pools, resources), patience)

    return Readiness(
        {
            "temporal": lambda patience: check_temporal(client, patience),
            "polls": check_own_polls,
            "database": lambda _: resources.database.check(),
            "kafka": lambda _: resources.consumers.check(),
        },
        is_draining,
    )


def _polled(pools: Sequence[Pool], resources: Resources) -> Iterator[Polled]:
    """What the pools poll now: for activities only if there is a slot for another one."""
    for pool in pools:
        if pool.workflow:
            yield Polled(pool.task_queue, WORKFLOWS)
        if pool.activities and not resources.slots_of(pool.task_queue, pool.concurrent_activities).are_in_use():
            yield Polled(pool.task_queue, ACTIVITIES)
