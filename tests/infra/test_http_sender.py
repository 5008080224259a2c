import asyncio
import contextlib
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from devstack.ports import HOST
from domain.message_queue import HttpRequest, TaskRejected, TryAgainLater
from infra.http_answers import MAX_RETRY_AFTER
from infra.http_sender import MAX_BODY_CHARACTERS, HttpSender
from tests.receiver import Receiver, receiving, reply
from tests.serving import serving

MEBIBYTE = 1024 * 1024


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def sender(receiver: Receiver) -> AsyncIterator[HttpSender]:
    sender = HttpSender([f"{HOST}:{receiver.port}"])
    yield sender
    await sender.aclose()


def request(url: str, **values: object) -> HttpRequest:
    return HttpRequest.model_validate({"url": url, **values})


class TestRequest:
    async def test_arrives_with_its_method_headers_body_and_idempotency_key(
        self, sender: HttpSender, receiver: Receiver
    ) -> None:
        order = request(f"{receiver.url}/hook?a=1", method="PUT", headers={"X-Shop": "7"}, body={"order": "ö"})
        answer = await sender.send(order, "message-queue:order 100%")
        ((first, headers, body),) = receiver.requests
        assert (answer.status, answer.body) == (200, "ok")
        assert first == "PUT /hook?a=1 HTTP/1.1"
        assert (headers["x-shop"], headers["content-type"]) == ("7", "application/json")
        assert headers["idempotency-key"] == "message-queue:order 100%25"
        assert body.decode() == '{"order":"ö"}'

    async def test_has_an_idempotency_key_that_fits_a_header_whatever_the_task_is_called(
        self, sender: HttpSender, receiver: Receiver
    ) -> None:
        await sender.send(request(receiver.url), "message-queue:Größe")
        assert receiver.requests[0][1]["idempotency-key"] == "message-queue:Gr%C3%B6%C3%9Fe"

    async def test_without_a_body_has_none(self, sender: HttpSender, receiver: Receiver) -> None:
        await sender.send(request(receiver.url, method="GET"), "key")
        first, _, body = receiver.requests[0]
        assert (first, body) == ("GET / HTTP/1.1", b"")

    async def test_keeps_the_headers_that_are_ours(self, sender: HttpSender, receiver: Receiver) -> None:
        theirs = {"HOST": "evil", "content-length": "1", "Transfer-Encoding": "chunked", "idempotency-key": "theirs"}
        await sender.send(request(receiver.url, headers=theirs, body=[1]), "ours")
        _, headers, body = receiver.requests[0]
        assert headers["host"] == f"{HOST}:{receiver.port}"
        assert headers["content-length"] == str(len(body))
        assert "transfer-encoding" not in headers
        assert headers["idempotency-key"] == "ours"

    async def test_carries_no_cookie_from_one_task_to_another(self, sender: HttpSender, receiver: Receiver) -> None:
        receiver.answer = reply(200, Set_Cookie="session=1; Path=/")
        await sender.send(request(receiver.url), "one")
        await sender.send(request(receiver.url), "another")
        assert "cookie" not in receiver.requests[1][1]

    @pytest.mark.parametrize(
        "headers",
        [{"X": "ö"}, {"X": "a\r\nHost: evil"}, {"a name": "x"}, {"": "x"}],
        ids=["not ASCII", "two lines", "space in its name", "no name"],
    )
    async def test_that_http_cannot_express_is_rejected(
        self, sender: HttpSender, receiver: Receiver, headers: dict[str, str]
    ) -> None:
        with pytest.raises(TaskRejected, match="cannot express") as rejected:
            await sender.send(request(receiver.url, headers=headers), "key")
        assert "evil" not in str(rejected.value)
        assert receiver.requests == []


class TestAllowedHosts:
    @pytest.mark.parametrize(
        "url",
        [
            "http://localhost:{port}/",
            "http://127.0.0.2:{port}/",
            "http://127.0.0.1.evil.example:{port}/",
            "http://127.0.0.1@localhost:{port}/",
            "http://localhost:{port}\\@127.0.0.1/",
            "http://[::1]:{port}/",
        ],
    )
    async def test_leave_out_every_other(self, sender: HttpSender, receiver: Receiver, url: str) -> None:
        with pytest.raises(TaskRejected, match="HTTP_TASK_ALLOWED_HOSTS"):
            await sender.send(request(url.format(port=receiver.port)), "key")
        assert receiver.requests == []

    async def test_are_none_by_default(self, receiver: Receiver) -> None:
        sender = HttpSender([])
        with pytest.raises(TaskRejected):
            await sender.send(request(receiver.url), "key")
        await sender.aclose()

    async def test_with_a_port_allow_that_port_only(self, receiver: Receiver) -> None:
        sender = HttpSender([f"{HOST}:{receiver.port}"])
        assert (await sender.send(request(receiver.url), "key")).status == 200
        with pytest.raises(TaskRejected):
            await sender.send(request(f"http://{HOST}:{receiver.port - 1}"), "key")
        await sender.aclose()

    async def test_are_matched_whatever_their_capitals(self) -> None:
        sender = HttpSender(["Nobody.Invalid"])
        with pytest.raises(TryAgainLater, match="ConnectError"):
            await sender.send(request("http://nobody.INVALID/"), "key")
        await sender.aclose()

    async def test_are_not_left_by_a_redirect(self, sender: HttpSender, receiver: Receiver) -> None:
        receiver.answer = reply(307, Location=f"http://localhost:{receiver.port}/")
        with pytest.raises(TaskRejected):
            await sender.send(request(receiver.url), "key")
        assert len(receiver.requests) == 1


class TestAnswer:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
    async def test_of_success_is_the_outcome(self, sender: HttpSender, receiver: Receiver, status: int) -> None:
        receiver.answer = reply(status)
        assert (await sender.send(request(receiver.url), "key")).status == status

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 503, 600, 999])
    async def test_that_may_change_is_tried_again(self, sender: HttpSender, receiver: Receiver, status: int) -> None:
        receiver.answer = reply(status)
        with pytest.raises(TryAgainLater, match=str(status)):
            await sender.send(request(receiver.url), "key")

    @pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
    async def test_that_will_not_change_is_a_rejection(
        self, sender: HttpSender, receiver: Receiver, status: int
    ) -> None:
        receiver.answer = reply(status, b"no such order")
        with pytest.raises(TaskRejected, match=f"{status}: no such order"):
            await sender.send(request(receiver.url), "key")

    @pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
    async def test_that_redirects_is_a_rejection_with_the_target(
        self, sender: HttpSender, receiver: Receiver, status: int
    ) -> None:
        receiver.answer = reply(status, Location="/hook/")
        with pytest.raises(TaskRejected) as rejected:
            await sender.send(request(f"{receiver.url}/hook"), "key")
        assert f"{receiver.url}/hook answered {status}" in str(rejected.value)
        assert f"redirects to {receiver.url}/hook/. " in str(rejected.value)
        assert len(receiver.requests) == 1

    async def test_that_redirects_nowhere_is_a_rejection(self, sender: HttpSender, receiver: Receiver) -> None:
        receiver.answer = reply(302)
        with pytest.raises(TaskRejected, match="no Location"):
            await sender.send(request(receiver.url), "key")

    @pytest.mark.parametrize(
        ("values", "is_delivered"),
        [
            ({"method": "GET", "headers": {"If-None-Match": '"1"'}}, True),
            ({"method": "GET", "headers": {"if-modified-since": "Sun, 06 Nov 1994 08:49:37 GMT"}}, True),
            ({"method": "GET"}, False),
            ({"method": "PUT", "headers": {"If-None-Match": '"1"'}}, False),
            ({}, False),
        ],
    )
    async def test_of_no_change_is_the_outcome_if_the_request_asked_for_it(
        self, sender: HttpSender, receiver: Receiver, values: dict[str, object], is_delivered: bool
    ) -> None:
        receiver.answer = reply(304, Location="/elsewhere")
        if is_delivered:
            assert (await sender.send(request(receiver.url, **values), "key")).status == 304
        else:
            with pytest.raises(TaskRejected, match="304, although the request was not conditional"):
                await sender.send(request(receiver.url, **values), "key")

    async def test_before_the_final_one_is_no_answer(self, sender: HttpSender, receiver: Receiver) -> None:
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n"
        receiver.answer = early + reply(204)
        assert (await sender.send(request(receiver.url), "key")).status == 204
        receiver.answer = early
        with pytest.raises(TryAgainLater, match="RemoteProtocolError"):
            await sender.send(request(receiver.url), "key")

    @pytest.mark.parametrize("status", [302, 404, 503])
    async def test_is_reported_without_the_secrets_in_urls(
        self, sender: HttpSender, receiver: Receiver, status: int
    ) -> None:
        receiver.answer = reply(status, Location="https://ann:pw@example.com/login?session=pw#pw")
        with pytest.raises((TaskRejected, TryAgainLater)) as failed:
            await sender.send(request(f"http://bob:pw@{HOST}:{receiver.port}/hook?token=pw"), "key")
        assert f"http://***@{HOST}:{receiver.port}/hook?*** answered {status}" in str(failed.value)
        assert "pw" not in str(failed.value)

    @pytest.mark.parametrize(
        "location", ["http://[nowhere", "//", "", "?", "mailto:ann@example.com", "a" * 5_000, "ö", "https://a@b@c/"]
    )
    async def test_that_redirects_to_nonsense_is_a_rejection(
        self, sender: HttpSender, receiver: Receiver, location: str
    ) -> None:
        receiver.answer = reply(302, Location=location)
        with pytest.raises(TaskRejected, match="answered 302") as rejected:
            await sender.send(request(receiver.url), "key")
        assert len(str(rejected.value)) < 1_000

    @pytest.mark.parametrize("status", [408, 429, 500, 503])
    async def test_may_ask_for_a_pause(self, sender: HttpSender, receiver: Receiver, status: int) -> None:
        for header, after in (("60", timedelta(minutes=1)), ("9" * 400, MAX_RETRY_AFTER), ("soon", None)):
            receiver.answer = reply(status, Retry_After=header)
            with pytest.raises(TryAgainLater) as later:
                await sender.send(request(receiver.url), "key")
            assert later.value.after == after

    async def test_is_cut_off_at_its_longest(self, sender: HttpSender, receiver: Receiver) -> None:
        receiver.answer = reply(200, "ö".encode() * (MAX_BODY_CHARACTERS + 1), Content_Type="text/plain; charset=utf-8")
        assert (await sender.send(request(receiver.url), "key")).body == "ö" * MAX_BODY_CHARACTERS

    async def test_that_never_ends_is_read_no_further_than_needed(self, sender: HttpSender, receiver: Receiver) -> None:
        endless = reply(200, b"x" * MAX_BODY_CHARACTERS).replace(b"Content-Length: 10000", b"Content-Length: 99999999")
        receiver.answer = endless
        assert (await sender.send(request(receiver.url), "key")).body == "x" * MAX_BODY_CHARACTERS

    async def test_that_breaks_off_is_tried_again(self, sender: HttpSender, receiver: Receiver) -> None:
        receiver.answer = reply(200, b"half").replace(b"Content-Length: 4", b"Content-Length: 8")
        with pytest.raises(TryAgainLater, match="RemoteProtocolError"):
            await sender.send(request(receiver.url), "key")

    async def test_may_be_compressed(self, sender: HttpSender, receiver: Receiver) -> None:
        receiver.answer = reply(200, gzip.compress(b"short"), Content_Encoding="gzip")
        assert (await sender.send(request(receiver.url), "key")).body == "short"

    @pytest.mark.parametrize(
        ("encodings", "is_read"),
        [
            (["gzip"], True),
            (["deflate"], True),
            (["x-gzip"], True),
            (["gzip", "gzip"], False),
            (["gzip", "deflate"], False),
            (["gzip"] * 5, False),
        ],
    )
    async def test_that_is_compressed_is_inflated_no_further_than_needed_and_only_once(
        self, sender: HttpSender, receiver: Receiver, encodings: list[str], is_read: bool
    ) -> None:
        receiver.answer = bomb(encodings)
        tracemalloc.start()
        try:
            answer = await sender.send(request(receiver.url), "key")
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        if is_read:
            assert (answer.body, answer.unread) == ("x" * MAX_BODY_CHARACTERS, None)
        else:
            assert answer.unread == f"it has {len(encodings)} encodings, one inside the other"
            assert (answer.status, answer.body) == (200, "")
        assert peak_bytes < MEBIBYTE

    async def test_whose_two_encodings_are_in_two_headers_is_not_inflated(
        self, sender: HttpSender, receiver: Receiver
    ) -> None:
        twice = gzip.compress(gzip.compress(b"x"))
        receiver.answer = reply(200, twice, Content_Encoding="gzip\r\nContent-Encoding: gzip")
        assert (await sender.send(request(receiver.url), "key")).unread == "it has 2 encodings, one inside the other"

    async def test_in_another_encoding_is_delivered_and_not_read(self, sender: HttpSender, receiver: Receiver) -> None:
        receiver.answer = reply(201, b"?", Content_Encoding="br")
        answer = await sender.send(request(receiver.url), "key")
        assert (answer.status, answer.body, answer.unread) == (201, "", "its encoding is neither gzip nor deflate")

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    @pytest.mark.parametrize("data", [b"plain", gzip.compress(b"x" * 99, mtime=0)[:-9], zlib.compress(b"x" * 99)[:-5]])
    async def test_whose_data_are_broken_is_delivered_once(
        self, sender: HttpSender, receiver: Receiver, encoding: str, data: bytes
    ) -> None:
        receiver.answer = reply(200, data, Content_Encoding=encoding)
        answer = await sender.send(request(receiver.url), "key")
        assert (answer.status, answer.body) == (200, "")
        assert answer.unread is not None
        assert encoding in answer.unread

    async def test_that_inflates_to_nothing_without_end_is_read_up_to_a_bound(
        self, sender: HttpSender, receiver: Receiver
    ) -> None:
        header = gzip.compress(b"")[:10]
        receiver.answer = reply(200, header + b"\x00\x00\x00\xff\xff" * MEBIBYTE, Content_Encoding="gzip")
        assert (await sender.send(request(receiver.url), "key")).body == ""

    @pytest.mark.parametrize("charset", ["zip", "zlib", "bz2", "hex", "base64", "punycode", "idna", "unicode_escape"])
    async def test_in_a_character_set_that_is_none_is_read_as_utf_8(
        self, sender: HttpSender, receiver: Receiver, charset: str
    ) -> None:
        receiver.answer = reply(200, "é\\n-1".encode(), Content_Type=f"text/plain; charset={charset}")
        assert (await sender.send(request(receiver.url), "key")).body == "é\\n-1"

    @pytest.mark.parametrize("charset", ["latin-1", "windows-1252", "utf-16", "utf-8"])
    async def test_is_read_in_its_character_set(self, sender: HttpSender, receiver: Receiver, charset: str) -> None:
        receiver.answer = reply(200, "é".encode(charset), Content_Type=f"text/plain; charset={charset}")
        assert (await sender.send(request(receiver.url), "key")).body == "é"


def bomb(encodings: list[str]) -> bytes:
    """An answer of 100 MiB in the encodings."""
    body = b"x" * 100 * MEBIBYTE
    for encoding in encodings:
        body = zlib.compress(body) if encoding == "deflate" else gzip.compress(body)
    return reply(200, body, Content_Encoding=", ".join(encodings))


class TestTime:
    async def test_is_limited_for_the_whole_answer_however_it_trickles(self) -> None:
        async with trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n") as port:
            await stopped_in_time(port)

    async def test_is_limited_for_headers_that_trickle(self) -> None:
        async with trickling(b"HTTP/1.1 200 OK\r\nX: ") as port:
            await stopped_in_time(port)

    async def test_is_limited_for_early_answers_without_a_last_one(self) -> None:
        async with trickling(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n") as port:
            await stopped_in_time(port)

    async def test_is_limited_for_the_resolution_of_a_name(self) -> None:
        async def never(host: str, port: int) -> list[str]:
            await asyncio.Event().wait()
            return []

        sender = HttpSender(["example.com"], timeout=SHORT, resolve=never)
        with pytest.raises(TryAgainLater, match="HTTP_TASK_TIMEOUT"):
            await sender.send(request("https://example.com/"), "key")
        await sender.aclose()


SHORT = timedelta(milliseconds=200)


async def stopped_in_time(port: int) -> None:
    sender = HttpSender([f"{HOST}:{port}"], timeout=SHORT)
    async with asyncio.timeout(10):
        with pytest.raises(TryAgainLater, match=r"did not answer completely within 0.2 s \(HTTP_TASK_TIMEOUT\)"):
            await sender.send(request(f"http://{HOST}:{port}/"), "key")
    await sender.aclose()


@asynccontextmanager
async def trickling(beginning: bytes, each: bytes = b"x") -> AsyncIterator[int]:
    """A receiver that never stops and never waits long: no limit of one read ends it. Yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        with contextlib.suppress(OSError):
            while not reader.at_eof():
                writer.write(each)
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()

    async with serving(serve) as port:
        yield port
