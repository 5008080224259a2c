"""The join of a registration and its locations."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.package_tracker import (
    LOCATIONS_KEPT,
    LocationUpdate,
    Package,
    PackageRegistration,
    PackageState,
    event_time,
)


def at(timestamp: str, location: str = "here") -> LocationUpdate:
    return LocationUpdate(timestamp=timestamp, location=location)


@pytest.mark.parametrize(
    ("timestamp", "moment"),
    [
        ("2024-10-10 13:00", datetime(2024, 10, 10, 13, tzinfo=UTC)),
        ("2024-10-10T13:00:05", datetime(2024, 10, 10, 13, 0, 5, tzinfo=UTC)),
        ("2024-10-10T13:00Z", datetime(2024, 10, 10, 13, tzinfo=UTC)),
        ("2024-10-10T13:00+02:00", datetime(2024, 10, 10, 11, tzinfo=UTC)),
        ("2024-10-10", datetime(2024, 10, 10, tzinfo=UTC)),
    ],
)
def test_an_event_time_is_utc_unless_it_has_a_zone(timestamp: str, moment: datetime) -> None:
    assert event_time(timestamp) == moment


@pytest.mark.parametrize("timestamp", ["", "yesterday", "2024-13-01 00:00", "2024-10-10 25:00", "1728565200"])
def test_an_update_without_a_time_is_refused(timestamp: str) -> None:
    with pytest.raises(ValidationError):
        at(timestamp)


@given(st.lists(st.datetimes(timezones=st.just(UTC) | st.timezones()), max_size=30))
def test_locations_are_in_event_time_order_in_whatever_order_they_arrive(moments: list[datetime]) -> None:
    package = Package()
    for moment in moments:
        package.locate(at(moment.isoformat()))
    assert [event_time(known.timestamp) for known in package.locations] == sorted(
        event_time(moment.isoformat()) for moment in moments
    )


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
