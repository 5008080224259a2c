"""Packages and their locations."""

from collections.abc import Callable
from http import HTTPStatus

import restate
from pydantic import BaseModel, Field
from restate.exceptions import TerminalError
from restate.serde import PydanticJsonSerde

from domain.package_tracker import LocationReceipt, LocationUpdate, Package, PackageInfo, PackageRegistration


class _Stored(BaseModel):
    package: Package = Field(default_factory=Package)


def package_tracker() -> restate.VirtualObject:
    """The package is the object's state."""
    tracker = restate.VirtualObject("PackageTracker")
    state = PydanticJsonSerde(_Stored)

    @tracker.handler("registerPackage")
    async def register(ctx: restate.ObjectContext, registration: PackageRegistration) -> LocationReceipt:
        return await change(ctx, lambda package: package.register(registration))

    @tracker.handler("updateLocation")
    async def update_location(ctx: restate.ObjectContext, update: LocationUpdate) -> LocationReceipt:
        return await change(ctx, lambda package: package.locate(update))

    @tracker.handler("getPackageInfo", kind="shared")
    async def get_package_info(ctx: restate.ObjectSharedContext) -> PackageInfo:
        info = (await stored(ctx)).info()
        if info is None:
            raise TerminalError(f"Package {ctx.key()} is not registered.", status_code=HTTPStatus.NOT_FOUND)
        return info

    async def change(ctx: restate.ObjectContext, apply: Callable[[Package], object]) -> LocationReceipt:
        package = await stored(ctx)
        apply(package)
        ctx.set("package", _Stored(package=package), serde=state)
        return package.receipt()

    async def stored(ctx: restate.ObjectContext | restate.ObjectSharedContext) -> Package:
        return (await ctx.get("package", serde=state) or _Stored()).package

    return tracker
