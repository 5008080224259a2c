"""A person's decision for a key: `POST /{Service}/{key}/{name}`, an update of the key's workflow."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError
from temporalio.workflow import UpdateMethodMultiParam

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


@dataclass(frozen=True)
class Decision:
    """What a person decides for keys of `pattern`: `update` is how their workflows take it."""

    client: Client
    pattern: Pattern
    update: UpdateMethodMultiParam[[Any, Any], Any]
    refused: str
    """The type of the 409 if the workflow refuses it."""

    def of(self, tenant: str) -> "Decision":
        """The same, for the keys of `tenant`."""
        return replace(self, pattern=self.pattern.of(tenant))

    async def take(self, key: str, request: Payload) -> Any:
        """Return the update's answer. Raises `Problem` 409, and `RPCError`, also if the key does not exist."""
        handle = self.client.get_workflow_handle(self.pattern.execution_id(key))
        service = self.pattern.service
        if has_not_started(await handle.describe(rpc_timeout=RPC_TIMEOUT)):  # an update would end its delay
            detail = f"{service} {key} has not started: its delay is not over, and it waits for no decision."
            raise Problem(409, "not-started", detail)
        try:
            return await handle.execute_update(self.update, request, rpc_timeout=RPC_TIMEOUT)
        except WorkflowUpdateFailedError as error:
            raise Problem(409, self.refused, _reason(error)) from None
        except RPCError as error:
            if not is_not_found(error):
                raise
            raise Problem(409, self.refused, f"{service} {key} has ended: it waits for no decision.") from None


def add_update_route(
    router: APIRouter, decision: Decision, name: str, *, body: type[Payload], answer: type[Payload], description: str
) -> None:
    """Give `router` a route on which a person takes `decision` for one key."""
    service = decision.pattern.service

    async def route(key: Key, request: Annotated[Any, Depends(StrictBody(body))], caller: CurrentCaller) -> Any:
        return await decision.of(caller.tenant).take(key, request)

    router.add_api_route(
        f"/{service}/{{key}}/{name}",
        route,
        methods=["POST"],
        dependencies=needs(Role.OPERATOR, service),
        response_model=answer,
        responses=responses(*BODY_STATUSES, 404, 409, 503),
        operation_id=name,
        summary=name,
        description=description,
    )


def _reason(error: WorkflowUpdateFailedError) -> str:
    """Why a workflow refused an update, in its own words."""
    return error.cause.message if isinstance(error.cause, ApplicationError) else "The workflow refused."
