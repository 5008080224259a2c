"""Sets Python's garbage collector for long-running processes with many short-lived objects."""

import gc

# New objects before a collection of the youngest generation, and collections of each generation before one of the next.
# A full collection visits every object: at Python's defaults collections took half of a worker's CPU while records
# flowed. But a workflow that leaves the worker's cache is some 500 objects in cycles, which only a collection frees, at
# 2 us each. With rarer collections a worker grew by 100 KiB per workflow, and then stopped for seconds to collect them.
_THRESHOLDS = (20_000, 3, 2)


def apply() -> None:
    """Exempt the modules and classes loaded so far, which are never freed, and collect the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
