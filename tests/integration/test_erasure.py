"""Erasure of one person's data, for each pattern: nothing of it is left where a call can reach it."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from temporalio.client import Client

from devstack.stack import Stack
from infra.database import Database
from infra.tables import (
    CarReservations,
    CompletedWork,
    FeedEntries,
    FlightReservations,
    ModerationCases,
    Payments,
    Posts,
    Reminders,
    Table,
    Tickets,
)
from tests.api.routes.test_webhooks import event, send
from tests.eventually import eventually
from tests.infra.rows import rows
from tests.integration.test_tenants import POST, TRIP, Tenants, database, key, ok, tenants

__all__ = ["database", "tenants"]


@pytest.fixture
async def temporal(stack: Stack) -> Client:
    return await Client.connect(stack.temporal_address)


class Eraser:
    """Erases over HTTP, and reads what is left."""

    def __init__(self, http: httpx2.AsyncClient, temporal: Client, database: Database) -> None:
        self.http = http
        self.temporal = temporal
        self.database = database

    async def erase(self, **request: Any) -> dict[str, Any]:
        report: dict[str, Any] = await ok(self.http.post("/erasures", json=request))
        return report

    async def erase_all(self, **request: Any) -> dict[str, int]:
        """What was erased, by store, once a repeated call finds nothing.

        An execution counts in each call until Temporal has carried out its deletion.
        """
        counts: dict[str, int] = {}

        async def nothing_is_left() -> bool:
            report = await self.erase(**request)
            for each in report["stores"]:
                if each["outcome"] == "ERASED":
                    counts[each["store"]] = counts.get(each["store"], 0) + each["count"]
            ours = [each for each in report["stores"] if each["service"]]
            return bool(report["complete"]) and {each["outcome"] for each in ours} == {"NOT_FOUND"}

        await eventually(nothing_is_left, timeout_seconds=120)
        return counts

    async def texts(self, *tables: type[Table]) -> str:
        return "\n".join([str(tuple(row)) for table in tables for row in await rows(self.database, table)])

    async def runs(self, key: str) -> list[str]:
        query = f"PatternKey = '{key}'"
        return [
            *[each.id async for each in self.temporal.list_workflows(query)],
            *[each.activity_id async for each in self.temporal.list_activities(query)],
        ]

    async def has_no_runs(self, key: str) -> bool:
        return not await self.runs(key)


@pytest.fixture
async def eraser(http: httpx2.AsyncClient, temporal: Client, database: Database) -> Eraser:
    return Eraser(http, temporal, database)


async def test_a_feed_loses_its_state_its_posts_and_the_messages_that_wait(eraser: Eraser) -> None:
    user, other = key(), key()
    for each in (user, other):
        await ok(eraser.http.post(f"/UserFeed/{each}/processPost", json={"content": f"by {each}", "metadata": ""}))
        await ok(eraser.http.post(f"/UserFeed/{each}/processPost/send?delay=1h", json=POST), 202)

    async def are_indexed() -> bool:
        return len(await eraser.runs(user)) == len(await eraser.runs(other)) == 2

    await eventually(are_indexed)
    counts = await eraser.erase_all(keys={"UserFeed": [user]})
    assert {"posts": 1, "feed_entries": 1, "moderation_cases": 1}.items() <= counts.items()
    await eventually(lambda: eraser.has_no_runs(user))
    left = await eraser.texts(Posts, FeedEntries, ModerationCases)
    assert user not in left
    assert other in left
    assert (await eraser.http.get(f"/UserFeed/{user}")).status_code == 404
    assert (await ok(eraser.http.get(f"/UserFeed/{other}")))["published"] == 1
    assert len(await eraser.runs(other)) == 2
    await ok(eraser.http.post(f"/UserFeed/{user}/processPost", json=POST))
    assert (await ok(eraser.http.get(f"/UserFeed/{user}")))["published"] == 1


async def test_a_trip_that_has_ended_loses_passenger_places_and_card(eraser: Eraser) -> None:
    trip, passenger, place = key(), f"Passenger {key()}", f"Station {key()}"
    body = {**TRIP, "flights": {"flightId": "1", "passengerName": passenger}}
    body["car"] = {"pickupLocation": place, "rentalDate": "2024-12-16"}
    await ok(eraser.http.post(f"/BookingWorkflow/{trip}/run", json=body))
    counts = await eraser.erase_all(keys={"BookingWorkflow": [trip]})
    assert {"flight_reservations": 1, "car_reservations": 1, "payments": 1}.items() <= counts.items()
    await eventually(lambda: eraser.has_no_runs(trip))
    left = await eraser.texts(FlightReservations, CarReservations)
    assert passenger not in left
    assert place not in left
    [payment] = [row for row in await rows(eraser.database, Payments) if trip in row.key]
    assert (payment.card_token, payment.amount_cents, payment.status) == (None, 1500, "CHARGED")


async def test_a_trip_that_has_not_ended_is_kept_until_it_has(eraser: Eraser) -> None:
    trip = key()
    sent = await ok(eraser.http.post(f"/BookingWorkflow/{trip}/run/send?delay=1h", json=TRIP), 202)
    report = await eraser.erase(keys={"BookingWorkflow": [trip]})
    assert not report["complete"]
    [kept] = [each for each in report["stores"] if each["outcome"] == "KEPT" and each["key"] == trip]
    assert "has not ended" in kept["reason"]
    assert (await ok(eraser.http.get(f"/invocations/{sent['invocationId']}")))["status"] == "SCHEDULED"
    assert (await eraser.http.delete(f"/invocations/{sent['invocationId']}")).status_code < 300
    await eraser.erase_all(invocations=[sent["invocationId"]])
    assert (await eraser.http.get(f"/invocations/{sent['invocationId']}")).status_code == 404


async def test_a_customers_invoices_are_found_and_their_dunning_ends(eraser: Eraser) -> None:
    customer, invoice, other = key(), key(), key()
    for each, name in ((invoice, customer), (other, key())):
        await ok(send(eraser.http, event("invoice.payment_failed", each, customer=name)))

        async def has_a_reminder(each: str = each) -> bool:
            return each in await eraser.texts(Reminders)

        await eventually(has_a_reminder)
    counts = await eraser.erase_all(customers=[customer])
    assert counts["reminders"] >= 1
    await eventually(lambda: eraser.has_no_runs(invoice))
    left = await eraser.texts(Reminders, Tickets)
    assert customer not in left
    assert invoice not in left
    assert other in left


async def test_a_package_loses_destination_and_locations_of_all_its_runs(eraser: Eraser) -> None:
    package = key()
    for _ in range(3):
        await ok(eraser.http.post(f"/PackageTracker/{package}/registerPackage", json={"finalDestination": "Elm St 1"}))
        await eraser.temporal.get_workflow_handle(f"package-tracker:{package}").terminate()
    await ok(eraser.http.post(f"/PackageTracker/{package}/registerPackage", json={"finalDestination": "Elm St 1"}))

    async def are_indexed() -> bool:
        return len(await eraser.runs(package)) == 4

    await eventually(are_indexed)
    assert (await eraser.erase_all(keys={"PackageTracker": [package]}))["Temporal"] >= 4
    await eventually(lambda: eraser.has_no_runs(package))
    assert (await eraser.http.get(f"/PackageTracker/{package}")).status_code == 404


async def test_tasks_and_jobs_are_erased_by_their_invocations_failed_ones_too(eraser: Eraser) -> None:
    failing = {"kind": "heavy_work", "payload": {"fail": "of a person"}, "maxAttempts": 1}
    task = await ok(eraser.http.post("/AsyncTaskWorker/runTask/send", json={"kind": "heavy_work", "payload": 1}), 202)
    failed = await ok(eraser.http.post("/AsyncTaskWorker/runTask/send", json=failing), 202)
    job = await ok(eraser.http.post("/FanOutWorker/run/send", json={"description": "a,b"}), 202)
    invocations = [each["invocationId"] for each in (task, failed, job)]
    for each in invocations:
        await eraser.http.get(f"/invocations/{each}/attach")
    counts = await eraser.erase_all(invocations=invocations)
    assert counts["Temporal"] >= 3
    assert counts["completed_work"] == 1
    for each in invocations:
        assert (await eraser.http.get(f"/invocations/{each}")).status_code == 404
    assert task["invocationId"] not in await eraser.texts(CompletedWork)

    async def is_no_dead_letter() -> bool:
        return failed["invocationId"] not in (await eraser.http.get("/AsyncTaskWorker/deadLetters?limit=200")).text

    await eventually(is_no_dead_letter)


async def test_a_repeated_call_finds_nothing_and_the_report_names_what_stays(eraser: Eraser) -> None:
    package = key()
    await ok(eraser.http.post(f"/PackageTracker/{package}/registerPackage", json={"finalDestination": "Elm St 1"}))
    keys = {"PackageTracker": [package], "BookingWorkflow": [key()], "PaymentTracker": [key()]}
    names: dict[str, Any] = {"keys": keys, "customers": [key()]}
    first = await eraser.erase(**names)
    assert ("ERASED", 1) in [(each["outcome"], each["count"]) for each in first["stores"] if each["key"] == package]
    await eraser.erase_all(**names)
    second = await eraser.erase(**names)
    assert second["complete"]
    for report in (first, second):
        kept = {each["store"]: each for each in report["stores"] if each["outcome"] == "KEPT"}
        assert {"log files", "backups", "sent mail", "closed_invoices", "payments", "card_tokens"} <= kept.keys()
        assert all(each["reason"] and each["until"] for each in kept.values())
    assert {each["outcome"] for each in second["stores"] if each["service"]} == {"NOT_FOUND"}


async def test_a_hundred_keys_are_erased_within_a_few_calls(eraser: Eraser) -> None:
    packages = [key() for _ in range(100)]
    for each in packages:
        await ok(eraser.http.post(f"/PackageTracker/{each}/registerPackage", json={"finalDestination": "Elm St 1"}))
    report = await eraser.erase(keys={"PackageTracker": packages})
    assert {each["key"] for each in report["stores"] if each["service"]} == set(packages)
    counts = await eraser.erase_all(keys={"PackageTracker": packages})
    assert counts.get("Temporal", 0) <= 2 * len(packages), "deletions of one call wait for each other"


async def test_the_topics_that_records_came_from_are_kept_and_named(eraser: Eraser) -> None:
    source = "kafka://my-cluster/package-location-updates"
    subscribed = {"source": source, "sink": "service://PackageTracker/updateLocation"}
    assert (await eraser.http.post("/subscriptions", json=subscribed)).status_code == 201
    stores = (await eraser.erase(keys={"PackageTracker": [key()]}))["stores"]
    kept = {each["store"]: each for each in stores if each["outcome"] == "KEPT"}
    assert "retention" in kept[source]["until"]
    assert "/deadLetters" in kept[f"{source}.dead-letter"]["reason"]
    stores = (await eraser.erase(keys={"UserFeed": [key()]}))["stores"]
    assert source not in {each["store"] for each in stores}


ODD_KEYS = ["a'b", 'a"b', "a\\", 'a\\"b', 'a%b"c', "a'b\"c", 'a_b"', '"', "\\", "a_b", "~", "ä 🚀"]


async def test_keys_of_any_form_are_erased_and_none_that_is_like_them(eraser: Eraser) -> None:
    """Temporal's index finds `a\\"b` when it is asked for `a"b`, and nothing for `a\\`."""
    erased = [f"{key()}{name}" if len(name) > 1 else f"{name}{key()}" for name in ODD_KEYS]
    alike = [
        other for each in erased for other in (f"{each}~c", f"{each}%", f'{each}"', f"x{each}", _written_alike(each))
    ]

    async def register(package: str) -> None:
        path = f"/PackageTracker/{quote(package, safe='')}/registerPackage"
        await ok(eraser.http.post(path, json={"finalDestination": "Elm St 1"}))
        await ok(eraser.http.post(f"{path}/send?delay=1h", json={"finalDestination": "Elm St 1"}), 202)

    for each in (*erased, *alike):
        await register(each)

    async def are_indexed() -> bool:
        found = [each.activity_id async for each in eraser.temporal.list_activities("Pattern = 'package_tracker'")]
        return all(any(name.startswith(f"package-tracker:{each}~") for name in found) for each in erased)

    await eventually(are_indexed)
    counts = await eraser.erase_all(keys={"PackageTracker": erased})
    assert counts["Temporal"] >= 2 * len(erased)
    for status, packages in ((404, erased), (200, alike)):
        for each in packages:
            answer = await eraser.http.get(f"/PackageTracker/{quote(each, safe='')}")
            assert answer.status_code == status, each


def _written_alike(package: str) -> str:
    return package.replace("_", "x").replace('"', '\\"') + "."


async def test_a_tenants_data_is_erased_by_its_own_operator_only(tenants: Tenants, database: Database) -> None:
    user, trip, customer, invoice = key(), key(), key(), key()
    for client in (tenants.acme, tenants.globex, tenants.default):
        await ok(client.post(f"/UserFeed/{user}/processPost", json=POST))
        await ok(client.post(f"/BookingWorkflow/{trip}/run", json=TRIP))
    await ok(send(tenants.acme, event("invoice.payment_failed", invoice, customer=customer)))

    async def has_a_reminder() -> bool:
        return f"acme/{invoice}" in [row.invoice for row in await rows(database, Reminders)]

    await eventually(has_a_reminder)
    names = {"keys": {"UserFeed": [user], "BookingWorkflow": [trip]}, "customers": [customer]}
    for stranger in (tenants.globex, tenants.default):
        [of_customer] = [
            each for each in (await ok(stranger.post("/erasures", json=names)))["stores"] if each["key"] == customer
        ]
        assert of_customer["outcome"] == "NOT_FOUND"
    assert await has_a_reminder()
    assert (await ok(tenants.acme.get(f"/UserFeed/{user}")))["published"] == 1
    assert {row.user for row in await rows(database, Posts) if user in row.user} == {f"acme/{user}"}
    task = await ok(
        tenants.globex.post("/AsyncTaskWorker/runTask/send", json={"kind": "heavy_work", "payload": 1}), 202
    )
    answer = await tenants.acme.post("/erasures", json={"invocations": [task["invocationId"]]})
    assert answer.status_code == 422
    report = await ok(tenants.acme.post("/erasures", json=names))
    assert [each["count"] for each in report["stores"] if each["store"] == "posts"] == [1]
    assert [each["outcome"] for each in report["stores"] if each["store"] == "reminders"] == ["ERASED"]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"keys": {"NoService": ["a"]}}, 422),
        ({"keys": {"UserFeed": ["a/b"]}}, 400),
        ({"keys": {"UserFeed": [""]}}, 422),
        ({"keys": {"UserFeed": "a"}}, 422),
        ({"keys": {"UserFeed": ["a"] * 101}}, 422),
        ({"keys": {"UserFeed": ["a"] * 60}, "customers": ["a"] * 60}, 422),
        ({"invocations": ["user-feed:a~b"]}, 422),
        ({"invocations": ["nonsense"]}, 422),
        ({"users": ["a"]}, 422),
    ],
)
async def test_a_request_that_is_wrong_in_part_erases_nothing(
    eraser: Eraser, wrong: dict[str, Any], status: int
) -> None:
    package = key()
    await ok(eraser.http.post(f"/PackageTracker/{package}/registerPackage", json={"finalDestination": "Elm St 1"}))
    request = {**wrong, "keys": {"PackageTracker": [package], **wrong.get("keys", {})}}
    answer = await eraser.http.post("/erasures", json=request)
    assert answer.status_code == status, answer.text
    assert (await eraser.http.get(f"/PackageTracker/{package}")).status_code == 200


@pytest.mark.parametrize("empty", [{}, {"keys": {}}, {"keys": {"UserFeed": []}}, {"customers": []}])
async def test_a_request_that_names_nothing_is_refused(eraser: Eraser, empty: dict[str, Any]) -> None:
    answer = await eraser.http.post("/erasures", json=empty)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:problem:invalid-body")
