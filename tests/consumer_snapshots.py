"""What a consumer that has only begun reports."""

from domain.subscription import ConsumerSnapshot

BEGUN = ConsumerSnapshot(
    partitions=[],
    received=0,
    delivered=0,
    dead_lettered=0,
    lag=0,
    stalled_keys=0,
    in_flight=0,
    rate=0,
    oldest_in_flight_seconds=0,
    last_error=None,
)
