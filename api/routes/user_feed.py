"""Transactional event processing: posts by user, the user's feed, and a person's decision on a post in review."""

from fastapi import APIRouter

from api.gateway import Gateway, PatternRoutes
from api.routes.entities import add_entity_routes
from api.routes.updates import Decision, add_update_route
from domain.user_feed import USER_FEED, PostOutcome, Review
from workflows.user_feed import UserFeed


def routes(gateway: Gateway) -> PatternRoutes:
    invoker = gateway.entity_invoker(USER_FEED)
    router = APIRouter(tags=[USER_FEED.service])
    add_entity_routes(router, gateway, invoker)
    add_update_route(
        router,
        Decision(gateway.client, USER_FEED, UserFeed.review_post, refused="not-in-review"),
        "reviewPost",
        body=Review,
        answer=PostOutcome,
        description="For a person: decide on a post that moderation did not decide in time.",
    )
    return PatternRoutes(router, invoker)
