"""The join of a package's registration and its locations, in any order and at any time."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment

from domain.package_tracker import (
    LOCATIONS_KEPT,
    PACKAGE_TRACKER,
    LocationUpdate,
    PackageInfo,
    PackagePlan,
    PackageRegistration,
)
from domain.plans import Plans
from tests.eventually import eventually
from tests.histories import until_idle
from tests.workflows.conftest import EVENTS_BEFORE_CONTINUE_AS_NEW
from tests.workflows.entity_key import EntityKey, serving
from workflows.package_tracker import PackageTracker

TTL = timedelta(days=7)
SOURCE = "cluster/topic/epoch-1/0"


@pytest.fixture
async def package(time_skipping: WorkflowEnvironment) -> AsyncIterator[EntityKey]:
    async with serving(
        time_skipping.client,
        PACKAGE_TRACKER,
        PackageTracker,
        None,
        plans=Plans(packages=PackagePlan(registration_ttl=TTL)),
    ) as key:
        yield key


def at(time: str, location: str = "Paris") -> LocationUpdate:
    return LocationUpdate(timestamp=f"2024-10-10 {time}", location=location)


async def register(package: EntityKey, destination: str = "Bridge 6, Amsterdam") -> None:
    await package.send("registerPackage", PackageRegistration(final_destination=destination))


async def info(package: EntityKey) -> PackageInfo | None:
    return await package.handle.query(PackageTracker.info)


async def times(package: EntityKey) -> list[str]:
    """The times of the locations, as hours and minutes."""
    known = await info(package)
    return [each.timestamp.removeprefix("2024-10-10 ") for each in known.locations] if known else []


class TestJoin:
    async def test_locations_after_the_registration_are_added(self, package: EntityKey) -> None:
        await register(package)
        await package.send("updateLocation", at("13:00", "Paris"))
        await package.send("updateLocation", at("14:00", "Brussels"))
        assert await info(package) == PackageInfo(
            final_destination="Bridge 6, Amsterdam", locations=[at("13:00", "Paris"), at("14:00", "Brussels")]
        )

    async def test_locations_before_the_registration_wait_for_it(self, package: EntityKey) -> None:
        await package.send("updateLocation", at("13:00"))
        assert await info(package) is None
        await register(package)
        assert await times(package) == ["13:00"]

    async def test_the_state_shows_what_waits_and_then_the_join(self, package: EntityKey) -> None:
        await package.send("updateLocation", at("14:00"), at("13:00"))
        started = (await package.handle.describe()).start_time
        waiting = (await package.handle.query(PackageTracker.state)).waiting
        assert waiting is not None
        assert (waiting.locations, waiting.received) == ([at("13:00"), at("14:00")], 2)
        assert timedelta(0) <= waiting.until - started - TTL < timedelta(minutes=1)
        await register(package)
        state = await package.handle.query(PackageTracker.state)
        assert (state.package_info, state.waiting) == (await info(package), None)

    async def test_locations_are_in_the_order_of_event_time(self, package: EntityKey) -> None:
        await register(package)
        await package.send("updateLocation", at("15:00"), at("13:00"))
        await package.send("updateLocation", at("14:00"))
        assert await times(package) == ["13:00", "14:00", "15:00"]

    async def test_registering_again_changes_the_destination_and_keeps_the_history(self, package: EntityKey) -> None:
        await register(package)
        await package.send("updateLocation", at("13:00"))
        await register(package, "Lisbon")
        known = await info(package)
        assert known is not None
        assert known.final_destination == "Lisbon"
        assert await times(package) == ["13:00"]

    async def test_the_receipt_says_whether_the_package_is_registered(self, package: EntityKey) -> None:
        [early] = await package.send("updateLocation", at("13:00"))
        [registration] = await package.send("registerPackage", PackageRegistration(final_destination="Lisbon"))
        outcomes = [(await package.answered(message)).outcome for message in (early, registration)]
        assert outcomes == [{"registered": False, "locations": 1}, {"registered": True, "locations": 1}]


class TestRedelivery:
    async def test_a_record_counts_once_by_its_offset(self, package: EntityKey) -> None:
        await register(package)
        await package.deliver("updateLocation", {4: at("13:00"), 7: at("14:00")})
        await package.deliver("updateLocation", {4: at("13:00"), 7: at("14:00"), 8: at("15:00")})
        assert await times(package) == ["13:00", "14:00", "15:00"]

    async def test_a_recreated_topic_is_not_a_redelivery(self, package: EntityKey) -> None:
        await register(package)
        await package.deliver("updateLocation", {0: at("13:00")}, SOURCE)
        await package.deliver("updateLocation", {0: at("14:00")}, SOURCE.replace("epoch-1", "epoch-2"))
        assert await times(package) == ["13:00", "14:00"]


class TestTimeToLive:
    async def test_a_package_that_is_never_registered_is_given_up(
        self, package: EntityKey, time_skipping: WorkflowEnvironment
    ) -> None:
        await package.send("updateLocation", at("13:00"))
        await until_idle(package.handle)  # its timer runs
        await time_skipping.sleep(TTL + timedelta(minutes=1))
        await has_status(package, WorkflowExecutionStatus.COMPLETED)

    async def test_a_message_after_that_starts_a_new_package(
        self, package: EntityKey, time_skipping: WorkflowEnvironment
    ) -> None:
        await package.send("updateLocation", at("13:00"))
        await until_idle(package.handle)  # its timer runs
        await time_skipping.sleep(TTL + timedelta(minutes=1))
        await has_status(package, WorkflowExecutionStatus.COMPLETED)
        await package.send("updateLocation", at("14:00"))
        await register(package)
        assert await times(package) == ["14:00"]

    async def test_a_registered_package_is_kept(self, package: EntityKey, time_skipping: WorkflowEnvironment) -> None:
        await register(package)
        await time_skipping.sleep(10 * TTL)
        await has_status(package, WorkflowExecutionStatus.RUNNING)
        await package.send("updateLocation", at("13:00"))
        assert await times(package) == ["13:00"]


class TestGrowth:
    async def test_the_latest_locations_are_kept_and_all_are_counted(self, package: EntityKey) -> None:
        await register(package)
        days, minutes = zip(*(divmod(number, 1440) for number in range(LOCATIONS_KEPT + 10)), strict=True)
        updates = [
            LocationUpdate(timestamp=f"2024-10-{1 + day:02} {minute // 60:02}:{minute % 60:02}", location=f"{minute}")
            for day, minute in zip(days, minutes, strict=True)
        ]
        [*_, last] = await package.send("updateLocation", *updates)
        known = await info(package)
        assert known is not None
        assert known.locations == updates[10:]
        assert (await package.answered(last)).outcome == {"registered": True, "locations": LOCATIONS_KEPT + 10}

    async def test_a_long_stream_continues_in_a_new_run_with_all_locations(
        self, dev_server: WorkflowEnvironment
    ) -> None:
        updates = {n: at(f"{n // 60:02}:{n % 60:02}") for n in range(EVENTS_BEFORE_CONTINUE_AS_NEW)}
        async with serving(dev_server.client, PACKAGE_TRACKER, PackageTracker, None) as package:
            await register(package)
            first_run = await package.run_id()
            for offset, update in updates.items():
                await package.deliver("updateLocation", {offset: update})

            async def has_continued() -> bool:
                return await package.run_id() != first_run

            await eventually(has_continued)
            await package.deliver("updateLocation", updates)
            known = await info(package)
            assert known is not None
            assert known.locations == list(updates.values())


async def has_status(package: EntityKey, status: WorkflowExecutionStatus) -> None:
    async def reached() -> bool:
        return (await package.handle.describe()).status is status

    await eventually(reached)
