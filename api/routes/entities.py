"""The routes of an entity's handlers, from the entity's own table."""

from fastapi import APIRouter

from api.invokers.entity import EntityInvoker
from api.routes.handlers import Handler, add_routes


def add_entity_routes(router: APIRouter, invoker: EntityInvoker) -> None:
    """Give `router` two routes for each of the entity's handlers."""
    for name, handler in invoker.entity.handlers.items():
        add_routes(router, invoker.entity.pattern, Handler(name, handler.body, handler.outcome, invoker), keyed=True)
