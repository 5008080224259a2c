"""Transactional event processing: posts by user, and the user's feed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import TypeAdapter
from temporalio.client import WorkflowUpdateFailedError

from api.gateway import Gateway, PatternRoutes
from api.http.body import StrictBody
from api.http.failures import refusal_of
from api.http.problems import BODY_STATUSES, STATE_PROBLEMS, Problem, responses
from api.invokers.invocation import RPC_TIMEOUT
from api.routes.entities import add_entity_routes
from api.routes.handlers import path_key
from domain.patterns import USER_FEED
from domain.user_feed import FeedState, PostOutcome, Review
from workflows.user_feed import UserFeed


def routes(gateway: Gateway) -> PatternRoutes:
    invoker = gateway.entity(USER_FEED.service)
    router = APIRouter(tags=[USER_FEED.service])
    add_entity_routes(router, invoker)

    @router.get(f"/{USER_FEED.service}/{{key}}", operation_id="readFeed", responses=STATE_PROBLEMS)
    async def state(response: Response, key: Annotated[str, Depends(path_key)]) -> FeedState:
        """The user's most recent posts, and what is queued or in review."""
        response.headers.update(invoker.execution_headers(key))
        return await invoker.query(key, "state", TypeAdapter(FeedState))

    @router.post(
        f"/{USER_FEED.service}/{{key}}/reviewPost",
        operation_id="reviewPost",
        responses=responses(*BODY_STATUSES, 404, 409, 503),
    )
    async def review_post(
        key: Annotated[str, Depends(path_key)], review: Annotated[Review, Depends(StrictBody(Review))]
    ) -> PostOutcome:
        """For a person: decide on a post that moderation did not decide in time."""
        handle = gateway.client.get_workflow_handle_for(UserFeed.run, USER_FEED.execution_id(key))
        try:
            return await handle.execute_update(UserFeed.review_post, review, rpc_timeout=RPC_TIMEOUT)
        except WorkflowUpdateFailedError as error:
            raise Problem(409, "not-in-review", refusal_of(error)) from None

    return PatternRoutes(router, invoker)
