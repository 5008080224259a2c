"""One row of the comparison."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.compare.session import Measured, Session

Measure = Callable[[Session], Awaitable[Measured]]


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    unit: str
    measure: Measure
    by_temporal_client: bool = False
    """Also measured with a bare Temporal client, which shows the gateway's share."""
    by_latency: bool = False
    """Systems are compared by the median latency instead of by throughput."""
