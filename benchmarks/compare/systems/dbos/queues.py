"""The queues, and how often they are looked at."""

from dbos import DBOS

TASKS, SUBTASKS, POSTS = "tasks", "subtasks", "posts"
POLL_SECONDS = 0.05
"""Instead of 1, for what has a caller who waits: a task's start, and the results of all."""
_BULK_POLL_SECONDS = 0.1
"""For what comes in numbers. Each look costs a few milliseconds of CPU, also at an empty queue."""


async def register_queues() -> None:
    """Posts wait by user and run one at a time; the others run as they come."""
    await DBOS.register_queue_async(TASKS, polling_interval_sec=POLL_SECONDS)
    await DBOS.register_queue_async(SUBTASKS, polling_interval_sec=_BULK_POLL_SECONDS)
    await DBOS.register_queue_async(POSTS, polling_interval_sec=_BULK_POLL_SECONDS, partition_concurrency=1)
