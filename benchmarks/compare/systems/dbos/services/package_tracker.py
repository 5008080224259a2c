"""Packages and their locations, in tables of the application's own: DBOS keeps workflows, not the state of objects."""

from http import HTTPStatus
from typing import cast

from dbos import DBOS, AsyncSQLAlchemyDatasource, SetWorkflowID
from fastapi import APIRouter, HTTPException
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select

from benchmarks.compare.systems.dbos.consumer import Handle
from domain.package_tracker import LOCATIONS_KEPT, LocationReceipt, LocationUpdate, PackageInfo, PackageRegistration

TABLES = MetaData()
_PACKAGES = Table("packages", TABLES, Column("package", String, primary_key=True), Column("destination", String))
_LOCATIONS = Table(
    "locations",
    TABLES,
    Column("number", Integer, primary_key=True),
    Column("package", String, index=True),
    Column("timestamp", String),
    Column("location", String),
)


def package_tracker(tables: AsyncSQLAlchemyDatasource) -> tuple[APIRouter, Handle]:
    """A record is a workflow of one transaction, which also holds that it was done: so each counts once."""
    routes = APIRouter()
    isolation = "READ COMMITTED" if tables.engine.dialect.name == "postgresql" else "SERIALIZABLE"

    @tables.transaction(name="locate", isolation_level=isolation)
    async def locate(package: str, update: LocationUpdate) -> None:
        values = {"package": package, "timestamp": update.timestamp, "location": update.location}
        await tables.sql_session().execute(insert(_LOCATIONS).values(values))

    @tables.transaction(name="register", isolation_level=isolation)
    async def register(package: str, registration: PackageRegistration) -> None:
        values = {"package": package, "destination": registration.final_destination}
        await tables.sql_session().execute(insert(_PACKAGES).values(values))

    @tables.transaction(name="info", isolation_level=isolation)
    async def info(package: str) -> PackageInfo | None:
        session = tables.sql_session()
        destination = await session.scalar(select(_PACKAGES.c.destination).where(_PACKAGES.c.package == package))
        latest = select(_LOCATIONS.c.timestamp, _LOCATIONS.c.location).where(_LOCATIONS.c.package == package)
        latest = latest.order_by(_LOCATIONS.c.timestamp.desc(), _LOCATIONS.c.number.desc()).limit(LOCATIONS_KEPT)
        rows = (await session.execute(latest)).all()
        if destination is None:
            return None
        locations = [LocationUpdate(timestamp=row.timestamp, location=row.location) for row in reversed(rows)]
        return PackageInfo(final_destination=destination, locations=locations)

    @DBOS.workflow(name="updateLocation")
    async def update_location(package: str, update: LocationUpdate) -> None:
        await locate(package, update)

    async def handle(record_id: str, package: str, value: bytes) -> None:
        with SetWorkflowID(record_id):
            await update_location(package, LocationUpdate.model_validate_json(value))

    @routes.post("/PackageTracker/{package}/registerPackage")
    async def register_package(package: str, registration: PackageRegistration) -> LocationReceipt:
        await register(package, registration)
        return LocationReceipt(registered=True, locations=0)

    @routes.get("/PackageTracker/{package}/getPackageInfo")
    async def get_package_info(package: str) -> PackageInfo:
        found = cast("PackageInfo | None", await info(package))
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"Package {package} is not registered.")
        return found

    return routes, handle
