"""A long-running process frees the workflows that it no longer uses."""

import subprocess
import sys

WORKER = """
import gc
from collections import deque
from infra import gc_tuning

def circle():
    members = [[] for _ in range(500)]
    for member in members:
        member.append(members)
    return members

gc_tuning.apply()
cache = deque(maxlen=200)
for _ in range(4_000):
    cache.append(circle())
print(len(gc.get_objects()))
"""


def test_workflows_that_have_left_the_cache_are_freed() -> None:
    """A workflow is a cycle of some 500 objects, in an old generation by the time it leaves the cache."""
    objects = int(subprocess.run([sys.executable, "-c", WORKER], check=True, capture_output=True, text=True).stdout)
    assert 200 * 500 <= objects < 1_000 * 500
