"""The end of a process that drains, whatever hangs."""

import logging
import os
import threading
from datetime import timedelta

log = logging.getLogger(__name__)

LEAVING = timedelta(seconds=1)
"""After `GRACEFUL_SHUTDOWN`, for activities that were cancelled then to say so, and for connections to close."""


def leave_within(graceful_shutdown: timedelta) -> None:
    """End the process with exit code 1 when `graceful_shutdown` and a second have passed, unless it has ended by then.

    A thread of its own does it, since the event loop may be what hangs. Nothing is lost: Temporal repeats what the
    process had not finished, once its time is over.
    """
    timer = threading.Timer((graceful_shutdown + LEAVING).total_seconds(), _leave, [graceful_shutdown])
    timer.daemon = True
    timer.start()


def _leave(graceful_shutdown: timedelta) -> None:
    seconds = (graceful_shutdown + LEAVING).total_seconds()
    log.error("still draining %g s after the signal to stop: the process ends, and Temporal repeats the rest", seconds)
    os._exit(1)
