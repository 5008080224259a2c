"""The connections that the activities of a worker process share, opened once and closed once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from temporalio.client import Client
from temporalio.common import MetricMeter

from clients.entities import EntityClient
from infra.database import Database
from infra.http_sender import HttpSender
from infra.settings import Settings
from workers.activity_slots import ActivitySlots
from workers.kafka.running import RunningConsumers


@dataclass(frozen=True)
class Resources:
    """The connections of one process, its settings, and what its readiness looks at."""

    settings: Settings
    temporal: Client
    database: Database
    http: HttpSender
    entities: EntityClient
    meter: MetricMeter
    """For the metrics of this process."""
    consumers: RunningConsumers = field(default_factory=RunningConsumers)
    _slots: dict[str, ActivitySlots] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, client: Client, meter: MetricMeter = MetricMeter.noop
    ) -> AsyncIterator[Self]:
        """Open what the settings name. `client` stays open."""
        database = Database(settings.database_url, settings.database_limits, meter)
        http = HttpSender(
            settings.http_task_allowed_hosts,
            settings.http_task_allowed_networks,
            settings.http_task_secrets,
            settings.http_task_timeout,
        )
        try:
            yield cls(settings, client, database, http, EntityClient(client, settings.plans), meter)
        finally:
            await http.aclose()
            await database.close()

    def slots_of(self, task_queue: str, slots: int) -> ActivitySlots:
        """The slots of the pool that serves `task_queue`."""
        return self._slots.setdefault(task_queue, ActivitySlots(slots))
