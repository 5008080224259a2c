"""Event enrichment and joins: registrations and locations by package, and the package as a whole."""

from fastapi import APIRouter, Response
from pydantic import TypeAdapter

from api.gateway import Gateway, PatternRoutes
from api.http.problems import STATE_PROBLEMS, Problem
from api.routes.entities import add_entity_routes
from api.routes.parameters import Key
from api.routes.states import query
from api.security.access import CurrentCaller, needs
from domain.access import Role
from domain.package_tracker import PACKAGE_TRACKER, PackageInfo

INFO: TypeAdapter[PackageInfo | None] = TypeAdapter(PackageInfo | None)


def routes(gateway: Gateway) -> PatternRoutes:
    invoker = gateway.entity_invoker(PACKAGE_TRACKER)
    router = APIRouter(tags=[PACKAGE_TRACKER.service])
    add_entity_routes(router, gateway, invoker)

    async def info(response: Response, key: Key, caller: CurrentCaller) -> PackageInfo:
        """The destination of the package, and its locations in the order of event time."""
        found = await query(gateway, PACKAGE_TRACKER.of(caller.tenant), key, "info", INFO, response=response)
        if found is None:
            detail = f"Package {key} is not registered: its locations wait for the registration."
            raise Problem(404, "package-not-registered", detail)
        return found

    access = needs(Role.CALLER, PACKAGE_TRACKER.service)
    for method, operation_id in (("GET", "getPackageInfo"), ("POST", "callGetPackageInfo")):
        router.add_api_route(
            f"/{PACKAGE_TRACKER.service}/{{key}}/getPackageInfo",
            info,
            methods=[method],
            dependencies=access,
            responses=STATE_PROBLEMS,
            operation_id=operation_id,
        )

    return PatternRoutes(router, invoker)
