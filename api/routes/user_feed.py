"""Transactional event processing: posts by user, and the user's feed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import TypeAdapter

from api.gateway import Gateway, PatternRoutes
from api.http.problems import STATE_PROBLEMS
from api.routes.entities import add_entity_routes
from api.routes.handlers import path_key
from api.routes.updates import add_update_route
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

    add_update_route(
        router,
        gateway.client,
        USER_FEED,
        "reviewPost",
        UserFeed.review_post,
        body=Review,
        answer=PostOutcome,
        refused="not-in-review",
        description="For a person: decide on a post that moderation did not decide in time.",
    )
    return PatternRoutes(router, invoker)
