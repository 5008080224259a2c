"""One caller cannot use up what the others need."""

from contextlib import suppress
from pathlib import Path

import pytest

from api.http.problems import Problem
from api.security.limits import Admission, Limits, Rate
from domain.access import GRANTED, Caller
from infra.settings import Settings
from tests.api.http.running import ATTACH, JOB, SETTINGS, gateway_with, nothing_left, post
from tests.api.security.gateways import application, bearing, client_of, write_keys
from tests.eventually import eventually

ANN, BOB = Caller("ann", "default", GRANTED), Caller("bob", "default", GRANTED)
RUN, SEND = post("/FanOutWorker/run", JOB), post("/FanOutWorker/run/send", JOB)


class Clock:
    def __init__(self) -> None:
        self.now = 1e6

    def __call__(self) -> float:
        return self.now


def admitted(admission: Admission, caller: Caller, times: int = 1) -> int:
    """How many of `times` requests that follow each other are admitted."""
    count = 0
    for _ in range(times):
        with suppress(Problem), admission.admit(caller, waits=False):
            count += 1
    return count


class TestRate:
    @pytest.mark.parametrize("rate", [1, 3, 5, 7, 200, 999])
    def test_a_second_brings_as_many_requests_as_the_rate_says(self, rate: int) -> None:
        clock = Clock()
        admission = Admission(Limits(rate=rate), clock)
        for _ in range(3):
            assert admitted(admission, ANN, 2 * rate) == rate
            clock.now += 1

    def test_after_the_time_that_the_refusal_names_there_is_room(self) -> None:
        clock = Clock()
        rate = Rate(10, clock)
        for _ in range(100):
            while not (seconds := rate.take(("default", "ann"))):
                pass
            assert 0 < seconds <= 0.1 + 1e-6
            clock.now += seconds
            assert rate.take(("default", "ann")) == 0

    def test_a_pause_saves_no_more_than_a_second(self) -> None:
        clock = Clock()
        admission = Admission(Limits(rate=10), clock)
        admitted(admission, ANN, 20)
        clock.now += 3600
        assert admitted(admission, ANN, 30) == 10

    def test_each_caller_has_a_rate_of_its_own_and_so_has_the_same_name_in_another_tenant(self) -> None:
        admission = Admission(Limits(rate=2), Clock())
        for caller in (ANN, BOB, Caller("ann", "acme", GRANTED)):
            assert admitted(admission, caller, 5) == 2

    def test_callers_that_have_used_nothing_for_a_second_are_forgotten(self) -> None:
        clock = Clock()
        rate = Rate(10, clock)
        for number in range(30_000):
            clock.now += 0.001
            rate.take(("default", str(number)))
        assert len(rate._free_at) <= 10_001


class TestConcurrency:
    def test_a_request_counts_until_it_is_answered(self) -> None:
        admission = Admission(Limits(concurrency=2))
        with admission.admit(ANN, waits=False), admission.admit(ANN, waits=False):
            assert admitted(admission, ANN) == 0
            assert admitted(admission, BOB) == 1
            with admission.admit(ANN, waits=True):
                pass  # it has a limit of its own
        assert admitted(admission, ANN, 9) == 9

    def test_a_request_that_fails_counts_no_longer(self) -> None:
        admission = Admission(Limits(concurrency=1))
        for _ in range(3):
            with pytest.raises(KeyError), admission.admit(ANN, waits=False):
                raise KeyError

    def test_calls_that_wait_are_limited_for_each_caller_and_for_all(self) -> None:
        admission = Admission(Limits(waiting=1, all_waiting=2))
        with admission.admit(ANN, waits=True):
            with pytest.raises(Problem, match="CALLER_WAITING") as refused, admission.admit(ANN, waits=True):
                pass
            assert refused.value.status == 429
            with admission.admit(BOB, waits=True):
                eve = Caller("eve", "default", GRANTED)
                with pytest.raises(Problem, match="MAX_WAITING") as refused, admission.admit(eve, waits=True):
                    pass
                assert (refused.value.status, refused.value.type) == (503, "too-many-waiting")
                assert admitted(admission, eve) == 1


def test_a_gateway_with_credentials_has_limits_and_an_open_one_only_those_that_are_set() -> None:
    assert Limits.of(Settings(), is_open=False) == Limits(200, 100, 250, 1_000)
    assert Limits.of(Settings(), is_open=True) == Limits(0, 0, 0, 1_000)
    given = Settings(caller_rate=5, caller_concurrency=0, caller_waiting=7, max_connections=11)
    assert Limits.of(given, is_open=True) == Limits.of(given, is_open=False) == Limits(5, 0, 7, 6)


async def test_too_many_requests_of_one_caller_are_refused_and_another_is_served(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys.json", {name: {"roles": ["caller"]} for name in ("ann", "bob")})
    http = client_of(application(Settings(api_keys_file=tmp_path / "keys.json", caller_rate=3)))
    answers = [await http.get("/UserFeed/a", headers=bearing(keys["ann"])) for _ in range(20)]
    refused = [each for each in answers if each.status_code == 429]
    assert 10 < len(refused) < 18
    assert refused[0].json()["type"] == "urn:problem:too-many-requests"
    assert refused[0].headers["Retry-After"] == "1"
    assert refused[0].headers["Content-Type"] == "application/problem+json"
    assert (await http.get("/UserFeed/a", headers=bearing(keys["bob"]))).status_code == 404
    assert (await http.get("/health")).status_code == 200


async def test_a_call_that_may_not_wait_starts_nothing() -> None:
    async with gateway_with(SETTINGS.model_copy(update={"caller_waiting": 2})) as gateway:
        waiting = [await gateway.connect(ATTACH) for _ in range(2)]
        await eventually(lambda: gateway.temporal.long_polls == 2)
        for sent in (ATTACH, RUN):
            status, headers, document = await gateway.asks(sent)
            assert (status, document["type"]) == (429, "urn:problem:too-many-requests")
            assert int(headers["retry-after"]) > 0
        assert gateway.temporal.started == []
        assert (await gateway.asks(SEND))[0] == 202
        waiting.pop().leave()
        await eventually(lambda: gateway.temporal.long_polls == 1)
        client = await gateway.connect(RUN)
        await eventually(lambda: gateway.temporal.long_polls == 2)
        for each in (client, *waiting):
            each.leave()
        await nothing_left(gateway)
