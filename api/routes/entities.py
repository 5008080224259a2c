"""The routes of an entity service: two for each handler, and the state of a key."""

from fastapi import APIRouter

from api.gateway import Gateway
from api.invokers.entity import EntityInvoker
from api.routes.handlers import HandlerRoute, add_handler_routes
from api.routes.states import add_state_route


def add_entity_routes(router: APIRouter, gateway: Gateway, invoker: EntityInvoker) -> None:
    """Give `router` the routes of `invoker`'s entity."""
    entity = invoker.entity
    for name, handler in entity.handlers.items():
        route = HandlerRoute(name, handler.body, handler.outcome, invoker)
        add_handler_routes(router, entity, route, keyed=True)
    add_state_route(router, gateway, entity, entity.state)
