"""Temporal's remote codec, as the Web UI and the `temporal` CLI use it."""

import asyncio
import base64
import json
import subprocess
from typing import Any

import httpx2
import pytest

from devstack.stack import Stack
from domain.payload import LARGEST_PAYLOAD_BYTES
from tests.api.test_bad_input import problem
from tests.conftest import executable

JSON = {"content-type": "application/json"}


def plain(value: Any) -> dict[str, Any]:
    return {
        "metadata": {"encoding": base64.b64encode(b"json/plain").decode()},
        "data": base64.b64encode(json.dumps(value).encode()).decode(),
    }


def encrypted_under(key_id: str) -> dict[str, Any]:
    metadata = {"encoding": b"binary/encrypted", "encryption-key-id": key_id.encode()}
    return {
        "metadata": {name: base64.b64encode(value).decode() for name, value in metadata.items()},
        "data": base64.b64encode(b"x" * 40).decode(),
    }


async def test_what_was_encrypted_comes_back_in_order(http: httpx2.AsyncClient) -> None:
    body = {"payloads": [plain("Mr. Secret"), plain(None), plain([1])]}
    encoded = await http.post("/codec/encode", json=body, headers={"X-Namespace": "default"})
    assert encoded.status_code == 200
    encodings = {base64.b64decode(each["metadata"]["encoding"]) for each in encoded.json()["payloads"]}
    assert encodings == {b"binary/encrypted"}
    assert (await http.post("/codec/decode", content=encoded.content, headers=JSON)).json() == body


async def test_what_is_in_clear_text_stays_as_it_is(http: httpx2.AsyncClient) -> None:
    for payloads in ([plain("x")], []):
        body = {"payloads": payloads}
        assert (await http.post("/codec/decode", json=body)).json() == body


async def test_parameters_of_the_web_ui_are_ignored(http: httpx2.AsyncClient) -> None:
    """It calls `decode?preserveStorageRefs=true`, and its next version may call with more."""
    body = {"payloads": [plain("x")]}
    for query in ("preserveStorageRefs=true", "another=1&another=2"):
        assert (await http.post(f"/codec/decode?{query}", json=body)).json() == body


async def test_a_key_that_is_missing_is_named(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/codec/decode", json={"payloads": [plain("x"), encrypted_under("lost-2025")]})
    assert "'lost-2025'" in problem(answer, 400, "unreadable-payload")["detail"]


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        *((body, 400, "malformed-json") for body in ("", "{", "{'payloads': []}", "\ufeff{}")),
        ('{"payloads":' + "[" * 100_000, 400, "malformed-json"),
        *((body, 422, "invalid-body") for body in ("[]", "null", '"x"', "{}", '{"payloads": {}}', '{"payloads": [1]}')),
        *(
            (f'{{"payloads": [{payload}]}}', 422, "invalid-body")
            for payload in ('{"data": "é"}', '{"data": 1}', '{"metadata": []}', '{"metadata": {"a": 1}}')
        ),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("path", ["/codec/decode", "/codec/encode"])
async def test_what_is_no_list_of_payloads_is_refused(
    http: httpx2.AsyncClient, path: str, body: str, status: int, kind: str
) -> None:
    problem(await http.post(path, content=body.encode(), headers=JSON), status, kind)


async def test_base64_is_read_in_each_of_its_spellings(http: httpx2.AsyncClient) -> None:
    metadata = {"encoding": base64.b64encode(b"binary/plain").decode()}
    for data in ("+/8=", "-_8=", "-_8"):
        answer = await http.post("/codec/decode", json={"payloads": [{"metadata": metadata, "data": data}]})
        assert answer.json() == {"payloads": [{"metadata": metadata, "data": "+/8="}]}, data
    for payload in ({"metadata": metadata}, {"metadata": metadata, "data": None}, {"metadata": metadata, "new": 1}):
        answer = await http.post("/codec/decode", json={"payloads": [payload]})
        assert answer.json() == {"payloads": [{"metadata": metadata}]}


async def test_another_namespace_is_refused(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/codec/decode", json={"payloads": []}, headers={"X-Namespace": "payroll"})
    problem(answer, 403, "forbidden")


async def test_the_largest_payload_fits_and_a_body_has_a_limit(http: httpx2.AsyncClient) -> None:
    largest = {"payloads": [plain("x" * (LARGEST_PAYLOAD_BYTES - 1_000))]}
    encoded = await http.post("/codec/encode", json=largest)
    assert (await http.post("/codec/decode", content=encoded.content, headers=JSON)).json() == largest
    too_large = b" " * (2 * LARGEST_PAYLOAD_BYTES + 1)
    problem(await http.post("/codec/decode", content=too_large, headers=JSON), 413, "body-too-large")


async def test_the_web_ui_knows_the_endpoint(stack: Stack) -> None:
    async with httpx2.AsyncClient(base_url=stack.web_ui_url, timeout=60) as web_ui:
        settings = (await web_ui.get("/api/v1/settings")).json()
    assert settings["Codec"]["Endpoint"] == f"{stack.gateway_url}/codec"


async def test_the_cli_shows_clear_text_with_the_endpoint_and_none_without(
    stack: Stack, http: httpx2.AsyncClient
) -> None:
    body = {"description": "Mr. Secret"}
    started = await http.post("/FanOutWorker/run", json=body)
    command = [executable("temporal"), "workflow", "show", "--address", stack.temporal_address, "--output", "json"]
    command += ["--workflow-id", started.headers["invocation-id"].replace("%3A", ":")]

    async def shown(*options: str) -> str:
        run = await asyncio.to_thread(
            subprocess.run, [*command, *options], check=True, capture_output=True, text=True, timeout=600
        )
        return run.stdout

    secret = base64.b64encode(json.dumps(body, separators=(",", ":")).encode()).decode()[:20]
    with_endpoint = await shown("--codec-endpoint", f"{stack.gateway_url}/codec", "--codec-auth", "Bearer any")
    assert secret in with_endpoint
    without = await shown()
    assert secret not in without
    assert base64.b64encode(b"binary/encrypted").decode() in without
