"""What the routers share: the connections, and who runs what."""

from dataclasses import dataclass

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from temporalio.client import Client

from api.invokers.entity import EntityInvoker
from api.invokers.invocation import Invoker, WebUi
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

    def entity(self, service: str) -> EntityInvoker:
        return EntityInvoker(self.client, self.web_ui, self.entities[service])


@dataclass(frozen=True)
class PatternRoutes:
    """What a pattern adds to the gateway: its routes, and its invoker for looking invocations up."""

    router: APIRouter
    invoker: Invoker
