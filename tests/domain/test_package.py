"""The join of a registration and its locations."""

from hypothesis import given
from hypothesis import strategies as st

from domain.formats import read_time
from domain.package_tracker import (
    LOCATIONS_KEPT,
    LocationUpdate,
    Package,
    PackageRegistration,
    PackageState,
)
from tests import written


def at(timestamp: str, location: str = "here") -> LocationUpdate:
    return LocationUpdate(timestamp=timestamp, location=location)


@given(st.lists(written.TIMES, max_size=30))
def test_locations_are_in_event_time_order_in_whatever_order_they_arrive(times: list[str]) -> None:
    package = Package()
    for time in times:
        package.locate(at(time))
    assert [read_time(known.timestamp) for known in package.locations] == sorted(map(read_time, times))


def test_with_equal_times_the_later_message_comes_later() -> None:
    package = Package()
    for location in ("first", "second"):
        package.locate(at("2024-10-10 13:00", location))
    assert [known.location for known in package.locations] == ["first", "second"]


def test_the_earliest_location_is_dropped_when_there_are_too_many() -> None:
    package = Package()
    for number in reversed(range(LOCATIONS_KEPT + 1)):
        package.locate(at(f"2024-10-10 {number // 60:02}:{number % 60:02}"))
    assert len(package.locations) == LOCATIONS_KEPT
    assert package.locations[0].timestamp == "2024-10-10 00:01"


def test_registering_again_changes_the_destination_and_keeps_the_history() -> None:
    package = Package()
    package.locate(at("2024-10-10 13:00"))
    assert package.info() is None
    package.register(PackageRegistration(final_destination="Bern"))
    package.register(PackageRegistration(final_destination="Basel"))
    info = package.info()
    assert info is not None
    assert (info.final_destination, len(info.locations)) == ("Basel", 1)


def test_the_state_has_the_package_under_package_info() -> None:
    package = Package(final_destination="Bern")
    info = package.info()
    assert info is not None
    assert PackageState.model_validate({"package-info": info}).model_dump(by_alias=True) == {
        "package-info": {"finalDestination": "Bern", "locations": []}
    }
