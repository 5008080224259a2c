"""The gateway does what the OpenAPI document says, also for requests that no real client would send.

schemathesis makes requests from the document, right ones and wrong ones, and compares each answer with it.
"""

import asyncio
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case
from schemathesis.generation.modes import GenerationMode
from schemathesis.generation.stateful.state_machine import APIStateMachine
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from devstack.stack import Stack
from tests.brokers.fixtures import make_topic

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
WALKS = 6
SELECTING = ("/invocations/cancel", "/AsyncTaskWorker/deadLetters/redrive", "/resolveCompensations")
"""Operations that mean what other tests have left, unless it is a dry run."""
LINKED = {"readInvocation", "cancelInvocation", "readSubscription", "deleteSubscription"}
TRIES = 5
REQUEST_SECONDS = 30
"""Waiting calls end much sooner on this stack, or they do not end."""


def bounded(examples: int, **more: Any) -> settings:
    """Send the same requests every time, without shrinking: a failing request is shown as it was sent."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        **more,
    )


def made_sensible(case: Case[Any]) -> None:
    """Give the values that the document describes in words, which no generator hits."""
    if "key" in case.path_parameters:
        case.path_parameters["key"] = hashlib.sha256(str(case.path_parameters["key"]).encode()).hexdigest()[:8]
    if "delay" in case.query:
        case.query["delay"] = f"{len(str(case.query['delay']))}s"
    if isinstance(case.body, dict) and isinstance(payment := case.body.get("paymentInfo"), dict):
        payment["cardNumber"] = "4242424242424242"


def made_harmless(case: Case[Any], topic: str) -> None:
    """Keep a request within the test: no consumer of a topic that others use, known kinds of tasks, no selections."""
    if not isinstance(case.body, dict):
        return
    if isinstance(case.body.get("source"), str):
        case.body |= {"source": f"kafka://my-cluster/{topic}", "sink": "service://UserFeed/processPost"}
        case.body.pop("options", None)
    if isinstance(case.body.get("kind"), str):
        case.body |= {"kind": "heavy_work"}
    if case.path.endswith(SELECTING) and isinstance(case.body.get("dryRun", True), bool):
        case.body |= {"dryRun": True}


@pytest.fixture(scope="module")
async def topic(stack: Stack, http: httpx2.AsyncClient) -> AsyncIterator[str]:
    """The one topic that the requests may subscribe to."""
    name = f"openapi-{uuid.uuid4().hex}"
    await make_topic(stack.bootstrap, name)
    yield name
    await http.delete(f"/subscriptions/my-cluster.{name}-UserFeed.processPost")


@pytest.fixture(scope="module")
async def document(http: httpx2.AsyncClient) -> dict[str, Any]:
    read: dict[str, Any] = (await http.get("/openapi.json")).json()
    for operations in read["paths"].values():
        for operation in operations.values():
            operation.pop("security", None)  # this gateway is open: tests/api/security has others
        if "get" in operations:
            operations["head"] = as_head(operations["get"])
            if is_stream(operations["get"]):
                del operations["get"]
    return read


def is_stream(get: dict[str, Any]) -> bool:
    """An answer that does not end: tests/api/routes/test_events.py reads those."""
    return "text/event-stream" in get["responses"]["200"].get("content", {})


def as_head(get: dict[str, Any]) -> dict[str, Any]:
    """What the document says of every HEAD: it is as GET, without the body."""
    answers = {
        status: {name: value for name, value in answer.items() if name in ("description", "headers")}
        for status, answer in get["responses"].items()
    }
    return {**get, "operationId": f"{get['operationId']}_head", "responses": answers}


def schema_of(document: dict[str, Any], base_url: str) -> OpenApiSchema:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=base_url)
    return schema


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_every_operation_answers_as_documented(
    stack: Stack, document: dict[str, Any], topic: str, mode: GenerationMode
) -> None:
    operations = [
        found.ok() for found in schema_of(document, stack.gateway_url).get_all_operations() if isinstance(found, Ok)
    ]

    def fuzz() -> list[str]:
        return [report for operation in operations if (report := failure(operation, mode, topic))]

    reports = await asyncio.to_thread(fuzz)
    assert not reports, "\n\n".join(reports)


def failure(operation: Any, mode: GenerationMode, topic: str) -> str | None:
    """The first failure of the operation, if there was one."""

    @bounded(examples=6 if mode is GenerationMode.POSITIVE else 9)
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Case[Any]) -> None:
        made_harmless(case, topic)
        if mode is GenerationMode.POSITIVE:
            made_sensible(case)
        checked(case, answered(case))

    return failure_of(call)


def answered(case: Case[Any]) -> Response:
    """The answer after the retries that a 503 asks for: on a busy machine Temporal may be late."""
    for _ in range(TRIES):
        response = case.call(timeout=REQUEST_SECONDS)
        if response.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(int(response.headers["retry-after"][0]))
    return response


def checked(case: Case[Any], response: Response) -> None:
    if response.status_code == httpx2.codes.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return  # the path has more than 16 KiB: the request has reached no operation
    try:
        case.validate_response(response, checks=CHECKS)
    except FailureGroup as failures:
        why = "; ".join(f"{failure.title}: {failure.message}" for failure in failures.exceptions)
        raise AssertionError(f"{case.as_curl_command()}\n{response.status_code} {response.text}\n{why}") from None


def failure_of(test: Callable[[], None]) -> str | None:
    try:
        test()
    except Unsatisfiable:  # every request to it is valid
        return None
    except Exception as error:
        within = error.exceptions if isinstance(error, ExceptionGroup) else ()
        return "\n".join(f"{type(each).__name__}: {each}" for each in (error, *within))
    return None


async def test_what_was_accepted_can_be_followed_by_the_links(
    stack: Stack, document: dict[str, Any], topic: str
) -> None:
    # Attaching to a message that is delayed by a year would wait for a year.
    schema = schema_of(document, stack.gateway_url).exclude(operation_id="attach")
    visited: set[str] = set()

    class Following(schema.as_state_machine()):  # type: ignore[misc]
        def before_call(self, case: Case[Any]) -> None:
            made_harmless(case, topic)
            made_sensible(case)

        def call(self, case: Case[Any], **_: Any) -> Response:
            return answered(case)

        def validate_response(self, response: Response, case: Case[Any], **_: Any) -> None:
            if response.status_code < 300:
                visited.add(case.operation.definition.raw["operationId"])
            checked(case, response)

    machine: type[APIStateMachine] = Following

    def walk(repeatable: bool) -> str | None:
        plan = settings(bounded(30, stateful_step_count=8), derandomize=repeatable)
        return failure_of(lambda: machine.run(settings=plan))

    for number in range(WALKS):
        report = await asyncio.to_thread(walk, number == 0)
        # Where a walk goes depends on answers, and those on what else goes on: one that could not be walked again the
        # same way has ended early, and what it saw was right.
        assert report is None or report.startswith("FlakyStrategyDefinition"), report
        if visited >= LINKED:
            break
    assert visited >= LINKED
