"""A person's decision for a key: `POST /{Service}/{key}/{name}`, an update of the key's workflow."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.workflow import UpdateMethodMultiParam

from api.gateway import Gateway
from api.http.body import StrictBody
from api.http.problems import BODY_STATUSES, Problem, responses
from api.invokers.invocation import has_not_started
from api.invokers.policies import RPC_TIMEOUT
from api.routes.parameters import Key
from api.security.access import CurrentCaller, needs
from clients.temporal_errors import is_not_found
from domain.access import Role
from domain.pattern import Pattern
from domain.payload import Payload


def add_update_route(
    router: APIRouter,
    gateway: Gateway,
    pattern: Pattern,
    name: str,
    update: UpdateMethodMultiParam[[Any, Any], Any],
    *,
    body: type[Payload],
    answer: type[Payload],
    refused: str,
    description: str,
) -> None:
    """Give `router` a route that executes `update`. `refused` is the type of the 409 if the workflow refuses it."""

    async def route(key: Key, request: Annotated[Any, Depends(StrictBody(body))], caller: CurrentCaller) -> Any:
        handle = gateway.client.get_workflow_handle(pattern.of(caller.tenant).execution_id(key))
        if has_not_started(await handle.describe(rpc_timeout=RPC_TIMEOUT)):  # an update would end its delay
            detail = f"{pattern.service} {key} has not started: its delay is not over, and it waits for no decision."
            raise Problem(409, "not-started", detail)
        try:
            return await handle.execute_update(update, request, rpc_timeout=RPC_TIMEOUT)
        except WorkflowUpdateFailedError as error:
            raise Problem(409, refused, _reason(error)) from None
        except RPCError as error:
            if not is_not_found(error):
                raise
            raise Problem(409, refused, f"{pattern.service} {key} has ended: it waits for no decision.") from None

    router.add_api_route(
        f"/{pattern.service}/{{key}}/{name}",
        route,
        methods=["POST"],
        dependencies=needs(Role.OPERATOR, pattern.service),
        response_model=answer,
        responses=responses(*BODY_STATUSES, 404, 409, 503),
        operation_id=name,
        summary=name,
        description=description,
    )


def _reason(error: WorkflowUpdateFailedError) -> str:
    """Why a workflow refused an update, in its own words."""
    return error.cause.message if isinstance(error.cause, ApplicationError) else "The workflow refused."
