"""Event enrichment and joins: a package's registration and its locations, whichever comes first."""

import bisect
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from domain.formats import Timestamp, read_time
from domain.inbox import Inbox
from domain.pattern import Entity, Handler
from domain.payload import Payload, encoded_bytes

LOCATIONS_KEPT = 1_000
"""How many locations a package keeps: the latest by event time."""
LOCATIONS_KEPT_BYTES = 1024 * 1024
"""The most bytes of locations that it keeps, so that a package fits into one payload."""


class PackageRegistration(Payload):
    final_destination: Annotated[str, Field(min_length=1, max_length=500)]


class LocationUpdate(Payload):
    """Where a package was, and when. The timestamp is kept as it was written."""

    timestamp: Timestamp
    location: Annotated[str, Field(min_length=1, max_length=500)]


class PackagePlan(Payload):
    registration_ttl: timedelta = timedelta(days=7)
    """How long locations wait for the registration of their package."""


class PackageInfo(Payload):
    final_destination: str
    locations: list[LocationUpdate]


class WaitingLocations(Payload):
    """Locations that came before the registration of their package."""

    locations: list[LocationUpdate]
    """In the order of event time, as far as they are kept."""
    received: int
    until: datetime
    """Without a registration the package is given up then."""


class PackageState(Payload):
    """The package's state by key, as a key-value view of the service shows it.

    `package-info` is null until the package is registered; then `waiting` has what waits for the registration.
    """

    package_info: Annotated[PackageInfo | None, Field(alias="package-info")]
    waiting: Annotated[WaitingLocations | None, Field(exclude_if=lambda value: value is None)] = None


class LocationReceipt(Payload):
    """What is known about a package after a message to it."""

    registered: bool
    locations: int
    """All locations received, including those that are no longer kept."""


@dataclass
class Package:
    """One package: the join of its registration and its locations, which are in event-time order.

    No model of pydantic: setting the fields of one would be half of the work for a location.
    """

    final_destination: str | None = None
    locations: list[LocationUpdate] = field(default_factory=list)
    received: int = 0

    def __post_init__(self) -> None:
        self._kept_bytes = sum(map(encoded_bytes, self.locations))

    def register(self, registration: PackageRegistration) -> None:
        """Set the destination. The locations stay."""
        self.final_destination = registration.final_destination

    def locate(self, update: LocationUpdate) -> None:
        """Insert by event time; with equal times, in the order of the messages."""
        self.received += 1
        if not self.locations or read_time(update.timestamp) >= read_time(self.locations[-1].timestamp):
            self.locations.append(update)
        else:
            bisect.insort_right(self.locations, update, key=lambda known: read_time(known.timestamp))
        self._kept_bytes += encoded_bytes(update)
        while len(self.locations) > LOCATIONS_KEPT or self._kept_bytes > LOCATIONS_KEPT_BYTES:
            self._kept_bytes -= encoded_bytes(self.locations.pop(0))

    def is_registered(self) -> bool:
        return self.final_destination is not None

    def info(self) -> PackageInfo | None:
        if self.final_destination is None:
            return None
        return PackageInfo(final_destination=self.final_destination, locations=list(self.locations))

    def state(self, give_up_at: datetime) -> PackageState:
        if info := self.info():
            return PackageState(package_info=info)
        waiting = WaitingLocations(locations=list(self.locations), received=self.received, until=give_up_at)
        return PackageState(package_info=None, waiting=waiting)

    def receipt(self) -> LocationReceipt:
        return LocationReceipt(registered=self.is_registered(), locations=self.received)


class PackageMemory(BaseModel):
    """What a package carries through continue-as-new."""

    package: Package = Field(default_factory=Package)
    inbox: Inbox = Inbox()
    give_up_at: datetime | None = None


class PackageInput(Payload):
    """The input of a package's run; the first run has no memory."""

    package_id: str
    plan: PackagePlan
    memory: PackageMemory | None = None


REGISTER_PACKAGE = "registerPackage"
UPDATE_LOCATION = "updateLocation"
PACKAGE_TRACKER = Entity(
    "package_tracker",
    "PackageTracker",
    handlers={
        REGISTER_PACKAGE: Handler("package_registered", PackageRegistration, LocationReceipt, "REGISTERED"),
        UPDATE_LOCATION: Handler("locations_received", LocationUpdate, LocationReceipt, "WAITING_FOR_REGISTRATION"),
    },
    state=PackageState,
    start_input=lambda package, plans: PackageInput(package_id=package, plan=plans.packages),
)
