"""Event enrichment and joins: registrations and locations by package, and what they add up to."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import TypeAdapter

from api.gateway import Gateway, PatternRoutes
from api.http.problems import STATE_PROBLEMS, Problem
from api.routes.entities import add_entity_routes
from api.routes.handlers import path_key
from domain.package_tracker import PackageInfo, PackageState
from domain.patterns import PACKAGE_TRACKER

KNOWN: TypeAdapter[PackageInfo | None] = TypeAdapter(PackageInfo | None)


def routes(gateway: Gateway) -> PatternRoutes:
    invoker = gateway.entity(PACKAGE_TRACKER.service)
    router = APIRouter(tags=[PACKAGE_TRACKER.service])
    add_entity_routes(router, invoker)

    async def info(response: Response, key: Annotated[str, Depends(path_key)]) -> PackageInfo:
        """Where the package goes, and where it was, in the order of event time."""
        response.headers.update(invoker.execution_headers(key))
        found = await invoker.query(key, "info", KNOWN)
        if found is None:
            raise Problem(404, "package-not-registered", f"Package {key} is not registered; its locations wait for it.")
        return found

    path = f"/{PACKAGE_TRACKER.service}/{{key}}/getPackageInfo"
    router.add_api_route(path, info, methods=["GET"], responses=STATE_PROBLEMS, operation_id="getPackageInfo")
    router.add_api_route(path, info, methods=["POST"], responses=STATE_PROBLEMS, operation_id="callGetPackageInfo")

    @router.get(f"/{PACKAGE_TRACKER.service}/{{key}}", operation_id="readPackage", responses=STATE_PROBLEMS)
    async def state(package_info: Annotated[PackageInfo, Depends(info)]) -> PackageState:
        """The package's state by key, as a key-value view of the service shows it."""
        return PackageState(package_info=package_info)

    return PatternRoutes(router, invoker)
