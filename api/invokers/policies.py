"""Timeouts and retries of what the gateway asks of Temporal and starts there, each with its reason."""

from datetime import timedelta

from temporalio.common import RetryPolicy

from workflows.policies import HeartbeatPolicy, Policy

RPC_TIMEOUT = timedelta(seconds=5)
"""For one call to Temporal, which takes milliseconds. After this the client gets a 503 and should try again."""
QUERY_TIMEOUT = timedelta(seconds=2)
"""For a question that the gateway can do without: who is asked needs a worker, and there may be none."""

FIRST_POLL = timedelta(milliseconds=20)
"""The first pause of a call that waits for a message's receipt. Each pause is half as long again as the last."""
MAX_POLL = timedelta(milliseconds=500)
"""The longest pause between two looks at a receipt."""

DELAYED_DELIVERY = Policy(
    # One signal to an entity. Without limit: an accepted message is delivered, however long Temporal's own calls fail.
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=1)),
)


def task(max_attempts: int) -> HeartbeatPolicy:
    """For a task of the queue, whose sender chooses how often it is attempted."""
    return HeartbeatPolicy(
        # The longest that one attempt may take, and how soon a lost worker is noticed.
        start_to_close_timeout=timedelta(minutes=10),
        heartbeat_timeout=timedelta(seconds=30),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            maximum_interval=timedelta(minutes=5),
            maximum_attempts=max_attempts,
        ),
    )
