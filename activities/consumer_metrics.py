"""The metrics of a process's consumers. Those of one subscription are added up, without tenants and numbers."""

from collections import defaultdict

from temporalio.common import MetricMeter

from domain.metrics import (
    DEAD_LETTERED,
    DELIVERED,
    LAG,
    OLDEST_SECONDS,
    RECEIVED,
    RESTARTS,
    STALLED_KEYS,
    STALLED_SECONDS,
)
from domain.subscription import ConsumerProgress, Subscription


class IngressMetrics:
    """Belongs to one process."""

    def __init__(self, meter: MetricMeter) -> None:
        self._received, self._delivered = RECEIVED.on(meter), DELIVERED.on(meter)
        self._dead_lettered, self._restarts = DEAD_LETTERED.on(meter), RESTARTS.on(meter)
        self._lag, self._stalled_keys = LAG.on(meter), STALLED_KEYS.on(meter)
        self._oldest, self._stalled = OLDEST_SECONDS.on(meter), STALLED_SECONDS.on(meter)
        self._consumers: defaultdict[str, set[ConsumerMetrics]] = defaultdict(set)

    def consumer(self, subscription: Subscription) -> "ConsumerMetrics":
        """A consumer begins."""
        consumer = ConsumerMetrics(self, subscription.id)
        self._consumers[subscription.id].add(consumer)
        self.count(subscription.id, 0, 0, 0)  # a counter that begins with its first dead letter shows no increase
        self.show(subscription.id)
        return consumer

    def count(self, subscription: str, received: int, delivered: int, dead_lettered: int) -> None:
        labels = {"subscription": subscription}
        self._received.add(received, labels)
        self._delivered.add(delivered, labels)
        self._dead_lettered.add(dead_lettered, labels)

    def count_restart(self, subscription: str, cause: str) -> None:
        self._restarts.add(1, {"subscription": subscription, "cause": cause})

    def show(self, subscription: str) -> None:
        consumers, labels = self._consumers[subscription], {"subscription": subscription}
        self._lag.set(sum(each.lag for each in consumers), labels)
        self._stalled_keys.set(sum(each.stalled_keys for each in consumers), labels)
        self._oldest.set(max((each.oldest_seconds for each in consumers), default=0.0), labels)
        self._stalled.set(max((each.stalled_seconds for each in consumers), default=0.0), labels)

    def forget(self, subscription: str, consumer: "ConsumerMetrics") -> None:
        self._consumers[subscription].discard(consumer)
        self.show(subscription)


class ConsumerMetrics:
    """What one consumer adds, from its first progress until it ends."""

    def __init__(self, ingress: IngressMetrics, subscription: str) -> None:
        self._ingress = ingress
        self._subscription = subscription
        self._counted = (0, 0, 0)
        self.lag = self.stalled_keys = 0
        self.oldest_seconds = self.stalled_seconds = 0.0

    def report(self, progress: ConsumerProgress) -> None:
        """Its counts begin at 0."""
        counts = (progress.received, progress.delivered, progress.dead_lettered)
        rise = [max(0, new - old) for new, old in zip(counts, self._counted, strict=True)]
        self._counted = counts
        self._ingress.count(self._subscription, *rise)
        self.lag, self.stalled_keys = progress.lag, progress.stalled_keys
        self.oldest_seconds = progress.oldest_in_flight_seconds
        self._ingress.show(self._subscription)

    def stalls(self, seconds: float) -> None:
        """Its records have not moved for so long; 0 while they move."""
        self.stalled_seconds = seconds
        self._ingress.show(self._subscription)

    def restarts(self, cause: str) -> None:
        """It ends before the subscription does, because of `cause`."""
        self._ingress.count_restart(self._subscription, cause)

    def end(self) -> None:
        self._ingress.forget(self._subscription, self)
