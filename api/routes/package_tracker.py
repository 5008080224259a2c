"""Event enrichment and joins: registrations and locations by package, and the package as a whole."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import TypeAdapter

from api.gateway import Gateway, PatternRoutes
from api.http.problems import STATE_PROBLEMS, Problem
from api.routes.entities import add_entity_routes
from api.routes.events import add_key_events
from api.routes.parameters import Key
from api.routes.states import ask, query
from api.security.access import CurrentCaller, needs
from domain.access import Role
from domain.package_tracker import PACKAGE_TRACKER, PackageInfo, PackageState
from domain.pattern import Pattern

INFO: TypeAdapter[PackageInfo | None] = TypeAdapter(PackageInfo | None)


def routes(gateway: Gateway) -> PatternRoutes:
    invoker = gateway.entity_invoker(PACKAGE_TRACKER)
    router = APIRouter(tags=[PACKAGE_TRACKER.service])
    add_entity_routes(router, gateway, invoker)

    async def info(response: Response, key: Key, caller: CurrentCaller) -> PackageInfo:
        """The destination of the package, and its locations in the order of event time."""
        found = await query(gateway, PACKAGE_TRACKER.of(caller.tenant), key, "info", INFO, response=response)
        return _registered(found, key)

    access = needs(Role.CALLER, PACKAGE_TRACKER.service)
    path = f"/{PACKAGE_TRACKER.service}/{{key}}"
    for method, operation_id in (("GET", "getPackageInfo"), ("POST", "callGetPackageInfo")):
        router.add_api_route(
            f"{path}/getPackageInfo",
            info,
            methods=[method],
            dependencies=access,
            responses=STATE_PROBLEMS,
            operation_id=operation_id,
        )

    @router.get(path, dependencies=access, operation_id=f"{PACKAGE_TRACKER.service}_state", responses=STATE_PROBLEMS)
    async def state(package_info: Annotated[PackageInfo, Depends(info)]) -> PackageState:
        """The package's state by key, as a key-value view of the service shows it."""
        return PackageState(package_info=package_info)

    async def current(owned: Pattern, key: str) -> PackageState:
        found = await ask(gateway, owned, key, "info", INFO)
        return PackageState(package_info=_registered(found, key))

    add_key_events(router, gateway, PACKAGE_TRACKER, current, TypeAdapter(PackageState))
    return PatternRoutes(router, invoker)


def _registered(found: PackageInfo | None, key: str) -> PackageInfo:
    """Raises `Problem` 404."""
    if found is None:
        detail = f"Package {key} is not registered: its locations wait for the registration."
        raise Problem(404, "package-not-registered", detail)
    return found
