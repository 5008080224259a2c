"""The connections that the activities of a worker process share, opened once and closed once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from temporalio.client import Client

from clients.entities import EntityClient
from infra.database import Database
from infra.http_sender import HttpSender
from infra.settings import Settings


@dataclass(frozen=True)
class Resources:
    """The connections of one process, and its settings."""

    settings: Settings
    temporal: Client
    database: Database
    http: HttpSender
    entities: EntityClient

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings, client: Client) -> AsyncIterator[Self]:
        """Open what the settings name. `client` stays open."""
        database = Database(settings.database_url, settings.database_limits)
        http = HttpSender(
            settings.http_task_allowed_hosts,
            settings.http_task_allowed_networks,
            settings.http_task_secrets,
            settings.http_task_timeout,
        )
        try:
            yield cls(settings, client, database, http, EntityClient(client, settings.plans))
        finally:
            await http.aclose()
            await database.close()
