"""One row of the comparison."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

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
    not_measured: Mapping[str, str] = field(default_factory=dict)
    """The systems that the row leaves out, each with the reason."""
