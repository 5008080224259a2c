"""What the end of a consumer says of how far it came."""

from temporalio.exceptions import ApplicationError, TimeoutError

from domain.checkpoint import Checkpoint
from domain.subscription import ConsumerSnapshot


def checkpoint_of(outcome: Checkpoint | BaseException | None) -> Checkpoint | None:
    """Return the consumer's last checkpoint: what it returned, what its error or, if it was lost, its heartbeat has.

    None if it did not begin, and if it was cancelled between two attempts: Temporal then drops the heartbeats.
    """
    if not isinstance(outcome, BaseException):
        return outcome
    cause = outcome.__cause__
    if isinstance(cause, ApplicationError) and any(cause.details):
        return Checkpoint.model_validate(cause.details[0])
    if isinstance(cause, TimeoutError) and any(cause.last_heartbeat_details):
        return ConsumerSnapshot.model_validate(cause.last_heartbeat_details[0]).checkpoint
    return None
