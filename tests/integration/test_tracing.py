"""What a running stack sends to a collector: one trace for a call or a record, and nothing that a person entered."""

import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from devstack.ports import HOST
from devstack.stack import Stack
from domain.traces import read_trace, trace_id
from tests.collector import Collector, Span, collecting
from tests.conftest import STACK_SETTINGS
from tests.eventually import eventually
from tests.every_pattern import CONTENT, KEY, SECRETS, play
from tests.receiver import Receiver, receiving

DOCUMENTED = Path(__file__).parents[2] / "docs" / "tracing.md"
TRIP = {
    "flights": {"flightId": "12345", "passengerName": "John Doe"},
    "car": {"pickupLocation": "Airport", "rentalDate": "2024-12-16"},
    "paymentInfo": {"cardNumber": "4242424242424242", "amount": 1500},
}
POST = b'{"content": "Hi", "metadata": ""}'


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traced") / "log.txt"


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest.fixture(scope="module")
async def traced(log_file: Path, collector: Collector, receiver: Receiver) -> AsyncIterator[Stack]:
    settings = STACK_SETTINGS | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "LOG_FORMAT": "json",
        "HTTP_TASK_ALLOWED_HOSTS": json.dumps(["127.0.0.1:9", f"{HOST}:{receiver.port}"]),
    }
    with log_file.open("w") as log:
        running = Stack.on_free_ports(
            log_file.parent / "data", settings, lambda _, line: print(line, file=log, flush=True)
        )
        async with running:
            yield running


@pytest.fixture(scope="module")
async def gateway(traced: Stack) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=traced.gateway_url, timeout=60) as client:
        yield client


def new_trace() -> tuple[str, dict[str, str]]:
    """A trace of a caller's, and the header that says so."""
    trace = uuid.uuid4().hex
    return trace, {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}


def documented(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\n(.*?)\n```", DOCUMENTED.read_text(), re.DOTALL)
    assert found, f"docs/tracing.md has no tree of a {name}"
    return found[1]


async def spans_with(collector: Collector, trace: str, *names: str) -> list[Span]:
    """The trace's spans, once there is one of each of these names."""
    await eventually(lambda: set(names) <= {span.name for span in collector.of(trace)})
    return collector.of(trace)


def lines_of(file: Path, trace: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines() if trace in line]


def succeeded(collector: Collector, trace: str, name: str) -> list[Span]:
    return [span for span in collector.of(trace) if span.name == name and not span.failed]


async def test_a_trip_is_one_trace(gateway: httpx2.AsyncClient, collector: Collector) -> None:
    trace, header = new_trace()
    answer = await gateway.post(f"/BookingWorkflow/{uuid.uuid4()}/run", json=TRIP, headers=header)
    assert answer.status_code == 200
    spans = await spans_with(collector, trace, "RunWorkflow:BookingWorkflow", "POST /BookingWorkflow/{key}/run")
    assert collector.tree(trace) == documented("trip")
    run = next(span for span in spans if span.name == "RunWorkflow:BookingWorkflow")
    steps = [span for span in spans if span.parent == run.id]
    assert all(run.start <= step.start and step.end <= run.end for step in steps)


async def test_a_trip_that_fails_says_so_by_the_names_of_errors(
    gateway: httpx2.AsyncClient, collector: Collector
) -> None:
    trace, header = new_trace()
    declined = TRIP | {"paymentInfo": {"cardNumber": "4111111111111111", "amount": 1500}}
    answer = await gateway.post(f"/BookingWorkflow/{uuid.uuid4()}/run", json=declined, headers=header)
    assert answer.status_code == 409
    await spans_with(collector, trace, "RunWorkflow:BookingWorkflow")
    errors = {s.name: s.attributes["error.type"] for s in collector.of(trace) if "error.type" in s.attributes}
    assert errors == {"RunActivity:charge": "CardDeclined", "RunWorkflow:BookingWorkflow": "TripFailed"}


async def test_a_record_is_one_trace(traced: Stack, gateway: httpx2.AsyncClient, collector: Collector) -> None:
    traces = [new_trace() for _ in range(30)]
    subscription = {"source": "kafka://my-cluster/social-media-posts", "sink": "service://UserFeed/processPost"}
    assert (await gateway.post("/subscriptions", json=subscription)).status_code == 201
    async with AIOKafkaProducer(bootstrap_servers=traced.bootstrap) as producer:
        for _, header in traces:
            headers = [(name, text.encode()) for name, text in header.items()]
            await producer.send_and_wait("social-media-posts", POST, key=uuid.uuid4().hex.encode(), headers=headers)

    def trees() -> list[str] | None:
        finished = [
            trace for trace, _ in traces if any(s.name == "RunActivity:finish_posts" for s in collector.of(trace))
        ]
        return [collector.tree(trace) for trace in finished] if len(finished) == len(traces) else None

    # The simulated moderation decides with the first to the third question; the documented record needed two.
    asked_twice = [tree for tree in await eventually(trees) if tree.count("RunActivity:await_verdicts") == 2]
    assert asked_twice
    assert set(asked_twice) == {documented("record")}


async def test_messages_to_one_entity_keep_their_own_traces(gateway: httpx2.AsyncClient, collector: Collector) -> None:
    user, traces = uuid.uuid4().hex, [new_trace() for _ in range(2)]
    for _, header in traces:
        await gateway.post(f"/UserFeed/{user}/processPost", json=json.loads(POST), headers=header)
    for trace, _ in traces:
        names = [s.name for s in await spans_with(collector, trace, "RunActivity:finish_posts")]
        assert names.count("HandleSignal:posts_received") == names.count("RunActivity:create_posts") == 1
        assert not any(name.startswith("RunWorkflow") for name in names), "an entity belongs to no trace"


async def test_a_reminder_belongs_to_its_event_and_later_ones_link_it(
    gateway: httpx2.AsyncClient, collector: Collector
) -> None:
    trace, header = new_trace()
    event = {"type": "payment_failed", "created": 1633025000, "data": {"id": uuid.uuid4().hex, "customer": "c"}}
    await gateway.post(f"/PaymentTracker/{uuid.uuid4()}/onPaymentFailure", json=event, headers=header)

    def later() -> list[Span] | None:
        linked = [span for span in collector.spans if any(link == trace for link, _ in span.links)]
        return linked if "RunActivity:escalate" in {span.name for span in linked} else None

    assert {span.name for span in await eventually(later)} == {"RunActivity:send_reminder", "RunActivity:escalate"}
    names = [span.name for span in collector.of(trace)]
    assert names.count("RunActivity:send_reminder") == names.count("send mail") == 1
    assert "RunActivity:escalate" not in names


async def test_an_outgoing_request_carries_the_trace_on(
    gateway: httpx2.AsyncClient, collector: Collector, receiver: Receiver
) -> None:
    trace, header = new_trace()
    payload = {"url": receiver.url, "headers": {"Traceparent": "00-of-the-task"}, "body": {}}
    task = {"kind": "http_request", "payload": payload}
    answer = await gateway.post("/AsyncTaskWorker/runTask", json=task, headers=header)
    assert answer.status_code == 200, answer.text
    (_, sent, _) = receiver.requests[0]
    (call,) = [span for span in await spans_with(collector, trace, "POST") if span.name == "POST"]
    assert sent["traceparent"] == f"00-{trace}-{call.id}-01"
    assert call.attributes["http.response.status_code"] == 200


async def test_a_dead_letter_and_its_redrive_continue_the_trace_of_their_record(
    traced: Stack, gateway: httpx2.AsyncClient, collector: Collector
) -> None:
    topic, (trace, header) = f"t-{uuid.uuid4().hex}", new_trace()
    own = [(name, text.encode()) for name, text in header.items()]
    admin = AIOKafkaAdminClient(bootstrap_servers=traced.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=traced.bootstrap) as producer:
        await producer.send_and_wait(topic, b"{", key=b"k", headers=own)
    subscription = {"source": f"kafka://my-cluster/{topic}", "sink": "service://UserFeed/processPost"}
    created = (await gateway.post("/subscriptions", json=subscription)).json()
    written, redriven = f"send {topic}.dead-letter", f"send {topic}"
    (first,) = await eventually(lambda: succeeded(collector, trace, written))

    consumer = AIOKafkaConsumer(
        f"{topic}.dead-letter", bootstrap_servers=traced.bootstrap, auto_offset_reset="earliest", group_id=None
    )
    async with consumer:
        letter = await consumer.getone()
    assert letter.headers[: len(own)] == tuple(own), "the record's own headers are unchanged"
    carried = read_trace(letter.headers)
    assert carried == f"00-{trace}-{first.id}-01"

    redrive = f"/subscriptions/{created['id']}/deadLetters/redrive"
    answer = await gateway.post(redrive, json={"all": True}, headers=(operator := new_trace())[1])
    assert answer.json()["redriven"] == 1, answer.text
    (again,) = await eventually(lambda: succeeded(collector, trace, redriven))
    await eventually(lambda: len(succeeded(collector, trace, written)) == 2)
    second = succeeded(collector, trace, written)[1]
    assert (again.parent, second.parent) == (first.id, again.id)
    assert [link for link, _ in again.links] == [operator[0]], "the operator's call is linked"
    assert trace_id(carried) == trace


async def test_log_lines_name_their_span(gateway: httpx2.AsyncClient, collector: Collector, log_file: Path) -> None:
    trace, header = new_trace()
    job = {"description": "a,b"}
    assert (await gateway.post("/FanOutWorker/run", json=job, headers=header)).status_code == 200
    spans = await spans_with(collector, trace, "RunWorkflow:FanOutWorker", "POST /FanOutWorker/run")
    loggers = {"api.access", "temporalio.activity", "temporalio.workflow"}
    await eventually(lambda: loggers <= {line["logger"] for line in lines_of(log_file, trace)})
    lines = lines_of(log_file, trace)
    assert {line["trace_id"] for line in lines} == {trace}
    assert {line["span_id"] for line in lines} <= {span.id for span in spans}


async def test_probes_are_no_traces(gateway: httpx2.AsyncClient, collector: Collector) -> None:
    for path in ("/health", "/ready", "/metrics"):
        await gateway.get(path)
    trace, header = new_trace()
    await gateway.get("/AsyncTaskWorker/deadLetters", headers=header)
    await spans_with(collector, trace, "GET /AsyncTaskWorker/deadLetters")
    assert not {span.attributes.get("http.route") for span in collector.spans} & {"/health", "/ready", "/metrics"}


async def test_nothing_that_a_person_entered_is_in_a_span(
    traced: Stack, gateway: httpx2.AsyncClient, collector: Collector
) -> None:
    await play(gateway, traced)
    await gateway.get(f"/UserFeed/{KEY}?note=Sphinx")
    trace, header = new_trace()
    await gateway.get(f"/PackageTracker/{KEY}", headers=header)
    await spans_with(collector, trace, "GET /PackageTracker/{key}")
    played = {
        "RunWorkflow:BookingWorkflow",
        "HandleUpdate:resolve_compensation",
        "RunWorkflow:FanOutWorker",
        "RunActivity:heavy_work",
        "RunActivity:http_request",
        "RunActivity:send_reminder",
        "HandleSignal:locations_received",
        "process package-location-updates",
        "send package-location-updates.dead-letter",
    }
    await eventually(lambda: played <= {span.name for span in collector.spans})
    sent = b"".join(collector.raw)
    assert b"TripFailed" in sent, "names of errors are there"
    assert [term for term in (KEY, *SECRETS, *CONTENT) if term.encode() in sent] == []
    assert not [span for span in collector.spans if span.events or span.status_text]
