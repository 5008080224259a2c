"""Gateways without servers, to see whom they let in: Temporal answers that it knows no execution."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
from fastapi import APIRouter, FastAPI
from temporalio.service import RPCError, RPCStatusCode

from api.app import all_routers, compose
from api.gateway import Gateway
from api.http.metrics import process_metrics
from api.security.authentication import authentication
from clients.entities import EntityClient
from domain.booking import CardToken
from infra.api_keys import new_key
from infra.payload_encryption import EncryptionCodec
from infra.payload_keys import KeyRing
from infra.settings import Settings


async def _unavailable(*_: Any, **__: Any) -> None:
    raise RPCError("unavailable", RPCStatusCode.UNAVAILABLE, b"")


class EmptyTemporal:
    """Has no executions, and starts none."""

    namespace = "default"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.workflow_service = SimpleNamespace(describe_task_queue=_unavailable)

    async def start_workflow(self, *_: Any, id: str, **__: Any) -> None:
        self.asked.append(id)
        raise RPCError("unavailable", RPCStatusCode.UNAVAILABLE, b"")

    async def start_activity(self, *_: Any, id: str, **__: Any) -> None:
        self.asked.append(id)
        raise RPCError("unavailable", RPCStatusCode.UNAVAILABLE, b"")

    def get_workflow_handle(self, id: str) -> Any:
        async def unknown(*_: Any, **__: Any) -> None:
            self.asked.append(id)
            raise RPCError("not found", RPCStatusCode.NOT_FOUND, b"")

        return SimpleNamespace(
            id=id,
            query=unknown,
            describe=unknown,
            execute_update=unknown,
            cancel=unknown,
            terminate=unknown,
            result=unknown,
        )

    get_activity_handle = get_workflow_handle

    def get_workflow_handle_for(self, _: Any, id: str) -> Any:
        return self.get_workflow_handle(id)

    async def list_workflows(self, query: str, **_: Any) -> AsyncIterator[Any]:
        self.asked.append(query)
        for execution in list[Any]():
            yield execution

    list_activities = list_workflows

    async def count_workflows(self, query: str, **_: Any) -> Any:
        self.asked.append(query)
        return SimpleNamespace(groups=[])

    count_activities = count_workflows


class EmptyVault:
    """Keeps no number."""

    async def tokenize(self, number: str) -> CardToken:
        return CardToken(token="tok", last4=number[-4:])


def application(
    settings: Settings,
    temporal: EmptyTemporal | None = None,
    routers: Callable[[Gateway], Sequence[APIRouter]] = all_routers,
) -> FastAPI:
    """A gateway with `routers`: one that tests need a few operations of is composed in a fraction of the time."""
    client, nothing = cast(Any, temporal or EmptyTemporal()), cast(Any, SimpleNamespace())
    entities = EntityClient(client, settings.plans)
    codec = EncryptionCodec(KeyRing())
    gateway = Gateway(
        settings,
        client,
        nothing,
        cast(Any, EmptyVault()),
        entities,
        process_metrics(),
        codec,
        authentication(settings),
    )
    return compose(gateway, routers(gateway))


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost")


def write_keys(file: Path, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Write entries by their names, and return the keys by the same names."""
    keys = {name: new_key() for name in entries}
    file.write_text(json.dumps([{"name": n, "sha256": keys[n][1], **entry} for n, entry in entries.items()]))
    return {name: key for name, (key, _) in keys.items()}


def bearing(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
