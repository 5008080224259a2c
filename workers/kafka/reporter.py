"""Reports a consumer's progress, also while a call to Kafka does not return."""

import asyncio
import time
from collections.abc import Callable, Mapping

from domain.subscription import ConsumerSnapshot, ConsumerTask, Stall
from workers.kafka.decisions.partition import Partition
from workers.kafka.decisions.progress import consumer_progress
from workers.kafka.decisions.stalls import Signs, StallMonitor
from workers.kafka.delivery import Delivery
from workers.kafka.positions import Positions
from workers.kafka.topic_watch import TopicWatch

REPORT_SECONDS = 1.0


class Reporter:
    """Reports what one consumer has done, and what keeps it from moving."""

    def __init__(
        self,
        task: ConsumerTask,
        report: Callable[[ConsumerSnapshot], None],
        *,
        watch: TopicWatch,
        delivery: Delivery,
        positions: Positions,
        partitions: Mapping[int, Partition],
        signs: Signs,
    ) -> None:
        """The others change while the consumer runs, and are read for each report."""
        self._watch = watch
        self._delivery = delivery
        self._positions = positions
        self._partitions = partitions
        self._signs = signs
        self._report = report
        self._stalls = StallMonitor(task.subscription.cluster, task.stall, time.monotonic())

    async def run(self) -> None:
        """Report once a second."""
        while True:
            self.report()
            await asyncio.sleep(REPORT_SECONDS)

    def report(self) -> None:
        """Report now. A consumer that has not begun to read has nothing to report but its stall."""
        now = time.monotonic()
        stall = self._stall(now)
        if stall is not None and self._watch.trouble is None:
            self._watch.look_now()
        if stall is not None or self._signs.began_at is not None:
            self._report(
                consumer_progress(
                    self._partitions,
                    self._signs.committed,
                    self._positions.ends(),
                    in_flight=self._delivery.in_flight,
                    now=now,
                    stall=stall,
                    incarnation=self._signs.incarnation,
                )
            )

    def _stall(self, now: float) -> Stall | None:
        fetches = self._positions.fetches(self._signs.reading)
        return self._stalls.stall(self._signs, self._partitions, fetches, self._watch.trouble, now)
