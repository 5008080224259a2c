"""Timeouts and retries of the gateway's calls to Temporal and of what it starts there, each with its reason."""

from datetime import timedelta

from temporalio.common import RetryPolicy

from workflows.policies import HeartbeatPolicy, Policy

RPC_TIMEOUT = timedelta(seconds=5)
"""For one call to Temporal, which takes milliseconds. After this the client gets a 503 and should try again."""
QUERY_TIMEOUT = timedelta(seconds=2)
"""For a query whose answer the gateway can do without: it needs a worker, and there may be none."""

FIRST_POLL = timedelta(milliseconds=20)
"""The first pause between two queries for a message's receipt. Each pause is 1.5 times the previous one."""
MAX_POLL = timedelta(milliseconds=500)
"""The longest such pause."""

DELAYED_DELIVERY = Policy(
    # One signal to an entity. Retried without limit: an accepted message is delivered after any outage.
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
)


def task(max_attempts: int) -> HeartbeatPolicy:
    """For a task of the queue, whose sender chooses how often it is attempted."""
    return HeartbeatPolicy(
        # The longest that one attempt may take, and how soon a lost worker is noticed.
        start_to_close_timeout=timedelta(minutes=10),
        heartbeat_timeout=timedelta(seconds=10),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            maximum_interval=timedelta(minutes=5),
            maximum_attempts=max_attempts,
        ),
    )
