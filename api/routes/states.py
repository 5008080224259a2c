"""The state of a key: `GET /{Service}/{key}`, a query to the key's workflow; and `/events`, its changes."""

from typing import Any, TypeVar

from fastapi import APIRouter, Response
from pydantic import TypeAdapter
from temporalio.service import RPCError

from api.gateway import Gateway
from api.http.problems import STATE_PROBLEMS, not_found
from api.invokers.invocation import execution_headers
from api.invokers.policies import RPC_TIMEOUT
from api.routes.events import add_key_events
from api.routes.parameters import Key
from api.security.access import CurrentCaller, needs
from clients.temporal_errors import is_not_found
from domain.access import Role
from domain.pattern import Pattern
from domain.payload import Payload

Answer = TypeVar("Answer")


def add_state_route(router: APIRouter, gateway: Gateway, pattern: Pattern, model: type[Payload]) -> None:
    """Give `router` the route that shows a key's state; the model's docstring describes it."""
    adapter: TypeAdapter[Any] = TypeAdapter(model)

    async def state(response: Response, key: Key, caller: CurrentCaller) -> Any:
        return await query(gateway, pattern.of(caller.tenant), key, "state", adapter, response=response)

    router.add_api_route(
        f"/{pattern.service}/{{key}}",
        state,
        methods=["GET"],
        dependencies=needs(Role.CALLER, pattern.service),
        response_model=model,
        responses=STATE_PROBLEMS,
        operation_id=f"{pattern.service}_state",
        description=model.__doc__,
    )

    async def current(owned: Pattern, key: str) -> Any:
        return await ask(gateway, owned, key, "state", adapter)

    add_key_events(router, gateway, pattern, current, adapter)


async def query(
    gateway: Gateway, pattern: Pattern, key: str, name: str, answer: TypeAdapter[Answer], *, response: Response
) -> Answer:
    """Ask the key's workflow, and name it in the headers of `response`. Raises `Problem` 404 if there is none."""
    workflow_id = pattern.execution_id(key)
    response.headers.update(execution_headers(workflow_id, gateway.web_ui.workflow(workflow_id)))
    return await ask(gateway, pattern, key, name, answer)


async def ask(gateway: Gateway, pattern: Pattern, key: str, name: str, answer: TypeAdapter[Answer]) -> Answer:
    """Ask the key's workflow. Raises `Problem` 404 if there is none, `RPCError`."""
    handle = gateway.client.get_workflow_handle(pattern.execution_id(key))
    try:
        return answer.validate_python(await handle.query(name, rpc_timeout=RPC_TIMEOUT))
    except RPCError as error:
        if is_not_found(error):
            raise not_found(f"{pattern.service} {key}") from None
        raise
