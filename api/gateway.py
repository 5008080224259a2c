"""What all routes share: the settings, the connections, and what runs an invocation."""

from dataclasses import dataclass, field
from functools import cached_property

from fastapi import APIRouter
from prometheus_client import CollectorRegistry
from temporalio.client import Client

from api.http.draining import Drain
from api.http.watches import Watches
from api.invokers.bulk import Bulk
from api.invokers.entity import EntityInvoker
from api.invokers.invocation import Invoker, WebUi
from api.invokers.receipts import Receipts
from api.security.authentication import Authentication
from clients.entities import EntityClient
from domain.pattern import Entity
from infra.card_network import CardVault
from infra.database import Database
from infra.payload_encryption import EncryptionCodec
from infra.settings import Settings


@dataclass(frozen=True)
class Gateway:
    """The composition of one gateway process."""

    settings: Settings
    client: Client
    database: Database
    vault: CardVault
    entities: EntityClient
    metrics: CollectorRegistry
    codec: EncryptionCodec
    authentication: Authentication
    drain: Drain = field(default_factory=Drain)
    watches: Watches = field(default_factory=Watches)
    bulk: Bulk = field(default_factory=Bulk)

    def __post_init__(self) -> None:
        self.drain.calls(self.watches.close)

    @property
    def web_ui(self) -> WebUi:
        return WebUi(self.settings.web_ui_url.rstrip("/"), self.client.namespace)

    @cached_property
    def receipts(self) -> Receipts:
        return Receipts(self.client, self.settings.query_timeout)

    def entity_invoker(self, entity: Entity) -> EntityInvoker:
        """The invoker of an entity service."""
        return EntityInvoker(self.client, self.web_ui, self.entities, entity, self.receipts)


@dataclass(frozen=True)
class PatternRoutes:
    """What a pattern adds to the gateway: its routes, and the invoker that looks its invocations up."""

    router: APIRouter
    invoker: Invoker
