from datetime import timedelta

import pytest
from pydantic import JsonValue

from domain.errors import SubtaskFailed
from infra.work import SimulatedSubtasks, SimulatedWork, WorkFailed

NO_TIME = timedelta(0)


class TestWork:
    @pytest.mark.parametrize("payload", [None, 1, "fail", ["fail"], {"orderId": 7}])
    async def test_is_done(self, payload: JsonValue) -> None:
        assert await SimulatedWork(NO_TIME).do("task", payload) == "DONE"

    async def test_fails_with_the_reason_that_its_payload_asks_for(self) -> None:
        with pytest.raises(WorkFailed, match="no disk"):
            await SimulatedWork(NO_TIME).do("task", {"fail": "no disk"})


class TestSubtasks:
    async def test_are_done(self) -> None:
        assert await SimulatedSubtasks(NO_TIME).run("job:0", "shower") == "DONE"

    async def test_fail_for_good_if_they_begin_with_fail(self) -> None:
        with pytest.raises(SubtaskFailed, match="fail to wake up"):
            await SimulatedSubtasks(NO_TIME).run("job:0", "fail to wake up")
