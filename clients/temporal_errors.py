"""The meaning of Temporal's errors, read from their texts where the status does not show it.

Neither the server nor the SDK has a code for these cases. All of the texts that this application depends on are here.
"""

import re

from temporalio.service import RPCError, RPCStatusCode

_NOT_STARTED = ("task is not scheduled yet", "at least one workflow task")
_TOO_MANY_SIGNALS = "signal events"
_NOT_THE_BATCHS_FAULT = (_TOO_MANY_SIGNALS, "search attribute", "namespace")
"""Words in errors about the workflow or the set-up. A retry succeeds once those change."""
_ALREADY_REQUESTED = "already requested"
_NO_NAMESPACE = re.compile(r"Namespace .* is not found", re.DOTALL)
_NO_SEARCH_ATTRIBUTE = re.compile(r"no mapping defined for search attribute|search attribute .* is not defined")
_UNAVAILABLE_STATUSES = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.CANCELLED,  # the SDK's own timeout: this application cancels no call
}
_UNAVAILABLE_TEXTS = (
    "no poller",
    "unexpected workflow task failure",  # an update met another event at the same moment: nothing came of it
    "Workflow Task in failed state",  # Temporal retries it: the worker hung, or cannot replay until its code is fixed
    "transport error",  # a broken connection, with status UNKNOWN
)


def is_not_found(error: RPCError) -> bool:
    """Whether there is no such execution, in a namespace that exists."""
    return error.status is RPCStatusCode.NOT_FOUND and not is_without_namespace(error)


def is_without_namespace(error: RPCError) -> bool:
    """Whether the namespace does not exist."""
    return error.status is RPCStatusCode.NOT_FOUND and bool(_NO_NAMESPACE.match(error.message))


def is_not_started(error: RPCError) -> bool:
    """Whether a workflow was queried before its first workflow task: it is delayed, or no worker has taken it."""
    return any(text in error.message for text in _NOT_STARTED)


def has_too_many_signals(error: RPCError) -> bool:
    """Whether a run has as many signals as Temporal allows; the run that follows it accepts more."""
    return error.status is RPCStatusCode.INVALID_ARGUMENT and _TOO_MANY_SIGNALS in error.message.lower()


def is_refusal(error: RPCError) -> bool:
    """Whether Temporal would refuse the same batch of messages each time."""
    message = error.message.lower()
    return error.status is RPCStatusCode.INVALID_ARGUMENT and not any(text in message for text in _NOT_THE_BATCHS_FAULT)


def is_unavailable(error: RPCError) -> bool:
    """Whether Temporal, or the worker that must answer, cannot be reached, or lacks its set-up.

    Retrying the same call may succeed.
    """
    lacks_set_up = is_without_namespace(error) or bool(_NO_SEARCH_ATTRIBUTE.search(error.message))
    return (
        lacks_set_up
        or error.status in _UNAVAILABLE_STATUSES
        or any(text in error.message for text in _UNAVAILABLE_TEXTS)
    )


def is_cancelled_already(error: RPCError) -> bool:
    """Whether the cancellation of an activity was refused because it had been requested before."""
    return error.status is RPCStatusCode.FAILED_PRECONDITION and _ALREADY_REQUESTED in error.message
