"""Python's garbage collector, set for processes that live long and make many objects that do not."""

import gc

# Objects between two looks at the young ones, and how many of those between two at the older ones. A full look walks
# whatever is there: by default it comes so often that it took half of a worker's CPU while records flowed. But a
# workflow that leaves the worker's cache is some 500 objects in circles, which only a look frees, at 2 us each. Rarer
# looks than these let a worker grow by 100 KiB with each workflow it has seen, and then stand still for seconds.
_THRESHOLDS = (20_000, 3, 2)


def apply() -> None:
    """Exempt what is loaded by now, modules and classes that stay to the end, and look at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
