"""The command line against a running stack."""

import json
import uuid
from pathlib import Path

import pytest

from cli.gateway import DEFAULT_URL
from devstack.stack import Stack
from tests.brokers.fixtures import make_topic
from tests.cli.running import Run
from tests.eventually import eventually

TRIP = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
}


async def test_a_call_prints_its_outcome(patterns: Run) -> None:
    ended = await patterns("--json", "call", "FanOutWorker/run", '{"description": "a,b"}')

    assert ended.value == {"description": "a: DONE, b: DONE"}


async def test_a_body_is_read_from_a_file(patterns: Run, tmp_path: Path) -> None:
    file = tmp_path / "trip.json"
    file.write_text(json.dumps(TRIP))

    ended = await patterns("--json", "call", f"BookingWorkflow/{uuid.uuid4().hex}/run", f"@{file}")

    assert ended.value["flightReservationId"]


async def test_a_refusal_is_a_line_and_exit_code_1(patterns: Run) -> None:
    ended = await patterns("call", f"BookingWorkflow/{uuid.uuid4().hex}/run", "{}")

    assert ended.code == 1
    assert ended.err.startswith("422 ")
    assert "flights" in ended.err
    assert "Traceback" not in ended.err


async def test_what_was_sent_with_a_delay_is_listed_watched_and_cancelled(patterns: Run) -> None:
    sent = await patterns("--json", "send", "AsyncTaskWorker/runTask", '{"kind": "heavy_work"}', "--delay", "1h")
    task = sent.value["invocationId"]

    async def is_listed() -> bool:
        listed = await patterns(
            "--json", "invocations", "list", "--service", "AsyncTaskWorker", "--status", "SCHEDULED"
        )
        return task in [each["invocationId"] for each in listed.value]

    await eventually(is_listed)
    assert (await patterns("--json", "invocations", "show", task)).value["status"] == "SCHEDULED"

    cancelled = await patterns("invocations", "cancel", task)
    assert (cancelled.code, cancelled.out.splitlines()[1].split()) == (0, [task, "DONE"])

    watched = await patterns("invocations", "watch", task)
    assert watched.code == 1
    assert watched.out.splitlines()[-1].startswith("outcome: ")
    assert f"{task} failed." in watched.err


async def test_the_state_of_a_key_and_the_keys_of_a_service(patterns: Run) -> None:
    package = uuid.uuid4().hex
    await patterns("call", f"PackageTracker/{package}/registerPackage", '{"finalDestination": "Paris"}')

    shown = await patterns("--json", "state", "PackageTracker", package)

    async def is_listed() -> bool:
        return package in [each["key"] for each in (await patterns("--json", "state", "PackageTracker")).value]

    assert shown.value["package-info"]["finalDestination"] == "Paris"
    await eventually(is_listed)
    assert package in (await patterns("state", "PackageTracker")).out


async def test_a_failed_task_is_listed_shown_and_redriven(patterns: Run) -> None:
    failing = '{"kind": "heavy_work", "payload": {"fail": "the disk is full"}, "maxAttempts": 1}'
    failed = await patterns("call", "AsyncTaskWorker/runTask", failing)
    assert failed.code == 1
    assert "the disk is full" in failed.err

    async def newest() -> str | None:
        letters = (await patterns("--json", "dead-letters", "list", "tasks")).value
        return letters[0]["invocationId"] if letters else None

    task = await eventually(newest)
    assert (await patterns("--json", "dead-letters", "show", "tasks", task)).value[
        "reason"
    ] == "WorkFailed: the disk is full"
    redriven = await patterns("dead-letters", "redrive", "tasks", task)
    assert (redriven.code, redriven.out.splitlines()[1].split()) == (0, [task, "DONE"])


async def test_a_gateway_that_does_not_answer_is_exit_code_3(
    patterns: Run, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("PATTERNS_URL", f"http://127.0.0.1:{unused_tcp_port}")

    ended = await patterns("invocations", "list")

    assert ended.code == 3
    assert f"http://127.0.0.1:{unused_tcp_port} does not answer" in ended.err
    assert "Errno" not in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("call", "FanOutWorker"),
        ("call", "FanOutWorker/run", "{"),
        ("call", "FanOutWorker/run", "@/nowhere.json"),
        ("dead-letters", "redrive", "tasks"),
        ("dead-letters", "redrive", "sub", "17"),
        ("dead-letters", "redrive", "sub", "0:17", "--all"),
        ("trips", "resolve", "trip"),
        ("trips", "resolve", "--retry"),
        ("trips", "resolve", "trip", "--retry", "--dry-run"),
        ("invocations", "cancel"),
        ("invocations", "cancel", "booking:trip", "--service", "BookingWorkflow"),
        ("invocations", "cancel", "booking:trip", "--dry-run"),
        ("invocations", "list", "--limit", "0"),
        ("nonsense",),
        ("--profile", "none", "invocations", "list"),
    ],
)
async def test_wrong_usage_is_a_line_and_exit_code_2(patterns: Run, words: tuple[str, ...]) -> None:
    ended = await patterns(*words)

    assert ended.code == 2
    assert ended.err.strip()
    assert "Traceback" not in ended.err


async def test_every_command_has_help(patterns: Run) -> None:
    for group in ("", "invocations", "subscriptions", "dead-letters", "trips", "posts"):
        ended = await patterns(*[group] if group else [], "--help")
        assert ended.code == 0
        assert "Usage" in ended.out


async def test_help_says_which_gateway_and_credentials_and_has_an_example(patterns: Run) -> None:
    words = " ".join((await patterns("--help")).out.replace("│", " ").split())
    assert f"{DEFAULT_URL} by default" in words
    assert "PATTERNS_KEY" in words
    call = (await patterns("call", "--help")).out
    assert "[[" not in call
    assert "Example: ./patterns call UserFeed/alice/processPost" in call


async def test_a_subscription_from_its_creation_to_its_end(patterns: Run, stack: Stack) -> None:
    topic = f"locations-{uuid.uuid4().hex[:8]}"
    await make_topic(stack.bootstrap, topic)
    source, sink = f"kafka://my-cluster/{topic}", "service://PackageTracker/updateLocation"
    created = await patterns("--json", "subscriptions", "create", source, sink, "-o", "maxBatch=10")
    subscription = created.value["id"]
    assert created.value["options"]["maxBatch"] == 10

    assert subscription in (await patterns("subscriptions", "list")).out
    assert (await patterns("subscriptions", "pause", subscription)).out == f"{subscription}: PAUSED\n"
    assert f"{source} -> {sink}: PAUSED" in (await patterns("subscriptions", "show", subscription)).out
    assert (await patterns("subscriptions", "resume", subscription)).out == f"{subscription}: RUNNING\n"
    assert (await patterns("dead-letters", "list", subscription)).out == "There are no dead letters.\n"
    assert (await patterns("subscriptions", "delete", subscription, "--yes")).code == 0
