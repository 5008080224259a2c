"""What all routes share: the settings, the connections, and what runs an invocation."""

from dataclasses import dataclass

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from temporalio.client import Client

from api.invokers.entity import EntityInvoker
from api.invokers.invocation import Invoker, WebUi
from domain.patterns import Pattern
from infra.card_network import CardVault
from infra.database import Database
from infra.settings import Settings
from workflows.entity import Entity


@dataclass(frozen=True)
class Gateway:
    """The composition of one gateway process."""

    settings: Settings
    client: Client
    database: Database
    vault: CardVault
    entities: dict[str, Entity]
    metrics: CollectorRegistry

    @property
    def web_ui(self) -> WebUi:
        return WebUi(self.settings.web_ui_url.rstrip("/"), self.client.namespace)

    def entity_invoker(self, pattern: Pattern) -> EntityInvoker:
        """The invoker of an entity service."""
        return EntityInvoker(self.client, self.web_ui, self.entities[pattern.service])


@dataclass(frozen=True)
class PatternRoutes:
    """What a pattern adds to the gateway: its routes, and the invoker that looks its invocations up."""

    router: APIRouter
    invoker: Invoker
