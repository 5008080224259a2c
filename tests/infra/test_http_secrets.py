"""Secrets of `http_request` tasks: taken by name, sent to their hosts only, shown nowhere."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from devstack.ports import HOST
from domain.message_queue import HttpRequest, TaskRejected, TryAgainLater
from infra.http_secrets import MAX_SECRET_CHARACTERS, HttpSecret
from infra.http_sender import MAX_BODY_CHARACTERS, HttpSender
from tests.receiver import Receiver, receiving, reply

TOKEN = 'tok/en"8f14e45f=ceea+167a'


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def send(receiver: Receiver, secrets: Mapping[str, object], headers: Mapping[str, object]) -> str:
    """Send a request; returns the body of the answer."""
    entry = f"{HOST}:{receiver.port}"
    known = {name: HttpSecret.model_validate({"hosts": [entry], **value}) for name, value in secrets.items()}  # type: ignore[dict-item]
    sender = HttpSender([entry], secrets=known)
    try:
        request = HttpRequest.model_validate({"url": receiver.url, "headers": headers})
        return (await sender.send(request, "key")).body
    finally:
        await sender.aclose()


BY_NAME = {"Authorization": {"secret": "PARTNER_TOKEN"}}


async def test_a_secret_is_sent_by_its_name(receiver: Receiver) -> None:
    await send(receiver, {"PARTNER_TOKEN": {"value": f"Bearer {TOKEN}"}}, BY_NAME)
    assert receiver.requests[0][1]["authorization"] == f"Bearer {TOKEN}"


async def test_a_secret_of_a_file_is_read_for_each_request(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "token"
    for token in ("first-token", "second-token"):
        file.write_text(f"{token}\n")
        await send(receiver, {"PARTNER_TOKEN": {"file": str(file)}}, BY_NAME)
    assert [headers["authorization"] for _, headers, _ in receiver.requests] == ["first-token", "second-token"]


async def test_an_unknown_secret_is_a_rejection_that_names_it(receiver: Receiver) -> None:
    with pytest.raises(TaskRejected, match="no secret PARTNER_TOKEN in HTTP_TASK_SECRETS"):
        await send(receiver, {"OTHER": {"value": TOKEN}}, BY_NAME)
    assert receiver.requests == []


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * (MAX_SECRET_CHARACTERS + 1)])
async def test_a_file_that_cannot_be_used_is_a_rejection_that_names_the_secret(
    receiver: Receiver, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TaskRejected, match="file of the secret PARTNER_TOKEN cannot be used"):
        await send(receiver, {"PARTNER_TOKEN": {"file": str(file)}}, BY_NAME)
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("hosts", "url", "is_sent"),
    [
        (["other.example"], "http://127.0.0.1:{port}/", False),
        (["127.0.0.1:1"], "http://127.0.0.1:{port}/", False),
        (["127.0.0.1"], "http://127.0.0.1:{port}/", False),
        (["other.example", "127.0.0.1:{port}"], "http://127.0.0.1:{port}/", True),
    ],
)
async def test_a_secret_is_sent_to_its_own_hosts_only(
    receiver: Receiver, hosts: list[str], url: str, is_sent: bool
) -> None:
    own = [host.format(port=receiver.port) for host in hosts]
    if is_sent:
        await send(receiver, {"PARTNER_TOKEN": {"hosts": own, "value": TOKEN}}, BY_NAME)
    else:
        with pytest.raises(TaskRejected, match="The secret PARTNER_TOKEN is not for this URL"):
            await send(receiver, {"PARTNER_TOKEN": {"hosts": own, "value": TOKEN}}, BY_NAME)
    assert bool(receiver.requests) is is_sent


@pytest.mark.parametrize(("url", "may"), [("https://a.example/", True), ("http://a.example/", False)])
def test_a_secret_of_a_host_without_a_port_is_sent_over_https_only(url: str, may: bool) -> None:
    secret = HttpSecret.model_validate({"hosts": ["a.example"], "value": TOKEN})
    assert secret.may_go_to(HttpRequest.model_validate({"url": url}).url) is may


@pytest.mark.parametrize(
    "setting",
    [{}, {"value": "v"}, {"hosts": []}, {"hosts": [], "value": "v"}, {"hosts": ["a"], "value": "v", "file": "f"}],
)
def test_a_secret_needs_hosts_and_either_a_value_or_a_file(setting: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HttpSecret.model_validate(setting)


@pytest.mark.parametrize("name", ["", "a b", "../token", "a/b", "x" * 101, "-x", "é", "a\n"])
def test_a_name_that_no_secret_has_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        HttpRequest.model_validate({"url": "https://example.com", "headers": {"A": {"secret": name}}})


@pytest.mark.parametrize("broken", [f"{TOKEN}\r\nHost: evil", f"{TOKEN}\n", f"{TOKEN}\0", f"{TOKEN}ö", f"\x1b{TOKEN}"])
@pytest.mark.parametrize("by_name", [True, False])
async def test_a_value_that_http_cannot_express_is_not_repeated(receiver: Receiver, broken: str, by_name: bool) -> None:
    headers = BY_NAME if by_name else {"Authorization": broken}
    with pytest.raises(TaskRejected, match="the value of the header Authorization has a character") as rejected:
        await send(receiver, {"PARTNER_TOKEN": {"value": broken}}, headers)
    assert TOKEN not in str(rejected.value)
    assert "evil" not in str(rejected.value)
    assert rejected.value.__cause__ is None
    assert receiver.requests == []


ECHOES = [
    f"invalid token {TOKEN}",
    json.dumps({"token": TOKEN}),
    json.dumps({"token": TOKEN}).replace("/", "\\/"),
    quote(TOKEN, safe=""),
    f"Authorization: Bearer {TOKEN}",
]


@pytest.mark.parametrize("status", [400, 401, 404])
@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("echo", ECHOES)
async def test_a_receiver_that_repeats_a_secret_does_not_bring_it_into_the_reason(
    receiver: Receiver, status: int, by_name: bool, echo: str
) -> None:
    receiver.answer = reply(status, echo.encode())
    headers = BY_NAME if by_name else {"Authorization": f"Bearer {TOKEN}"}
    with pytest.raises(TaskRejected, match=str(status)) as rejected:
        await send(receiver, {"PARTNER_TOKEN": {"value": f"Bearer {TOKEN}"}}, headers)
    assert "8f14e45f" not in str(rejected.value)


@pytest.mark.parametrize("echo", ECHOES)
async def test_a_receiver_that_repeats_a_secret_does_not_bring_it_into_the_result(
    receiver: Receiver, echo: str
) -> None:
    receiver.answer = reply(200, f"before {echo} after".encode())
    body = await send(receiver, {"PARTNER_TOKEN": {"value": f"Bearer {TOKEN}"}}, BY_NAME)
    assert "8f14e45f" not in body
    assert body.startswith("before ")
    assert body.endswith(" after")


@pytest.mark.parametrize("missing", [1, 10, len(TOKEN) - 1, len(TOKEN)])
@pytest.mark.parametrize("many", [1, 50])
async def test_a_secret_at_the_end_of_a_body_that_is_cut_is_left_out(
    receiver: Receiver, missing: int, many: int
) -> None:
    padding = "-" * (MAX_BODY_CHARACTERS - len(TOKEN) * many + missing)
    receiver.answer = reply(200, (padding + TOKEN * many + "-" * 99).encode())
    body = await send(receiver, {"PARTNER_TOKEN": {"value": TOKEN}}, BY_NAME)
    assert "tok" not in body
    assert len(body) <= MAX_BODY_CHARACTERS


async def test_what_a_receiver_sends_instead_of_http_is_not_repeated(receiver: Receiver) -> None:
    receiver.answer = f"{TOKEN}\r\n\r\n".encode()
    with pytest.raises(TryAgainLater, match="gave no answer: RemoteProtocolError") as later:
        await send(receiver, {}, {})
    assert TOKEN not in str(later.value)
