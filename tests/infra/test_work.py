from datetime import timedelta

import pytest
from pydantic import JsonValue

from domain.fan_out import SubtaskFailed
from domain.payload import fingerprint
from infra.database import Database
from infra.tables import CompletedWork
from infra.work import SLOW, SimulatedSubtasks, SimulatedWork, WorkFailed
from tests.infra.rows import rows

NO_TIME = timedelta(0)


class TestWork:
    @pytest.mark.parametrize("payload", [None, 1, "fail", ["fail"], {"orderId": 7}])
    async def test_is_done(self, database: Database, payload: JsonValue) -> None:
        assert await SimulatedWork(NO_TIME, database).do("task", payload) == "DONE"

    async def test_leaves_its_effect_once_per_key(self, database: Database) -> None:
        work = SimulatedWork(NO_TIME, database)
        for key in ("a", "b", "a"):
            await work.do(key, {"orderId": 7})
        done = await rows(database, CompletedWork)
        assert [(row.key, row.fingerprint) for row in done] == [(key, fingerprint({"orderId": 7})) for key in "ab"]

    async def test_fails_with_the_reason_that_its_payload_asks_for_and_leaves_nothing(self, database: Database) -> None:
        with pytest.raises(WorkFailed, match="no disk"):
            await SimulatedWork(NO_TIME, database).do("task", {"fail": "no disk"})
        assert await rows(database, CompletedWork) == []


class TestSubtasks:
    async def test_are_done(self) -> None:
        assert await SimulatedSubtasks(NO_TIME).run("job:0", "shower") == "DONE"

    async def test_take_longer_if_they_begin_with_slow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[timedelta] = []

        async def take_time(longest: timedelta) -> None:
            asked.append(longest)

        monkeypatch.setattr("infra.work._take_time", take_time)
        subtasks = SimulatedSubtasks(timedelta(seconds=1))
        for text in ("shower", "slow shower"):
            assert await subtasks.run("job:0", text) == "DONE"
        assert asked == [timedelta(seconds=1), timedelta(seconds=SLOW)]

    async def test_fail_for_good_if_they_begin_with_fail(self) -> None:
        with pytest.raises(SubtaskFailed, match="fail to wake up"):
            await SimulatedSubtasks(NO_TIME).run("job:0", "fail to wake up")
