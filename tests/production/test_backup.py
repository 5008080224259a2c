"""PostgreSQL is lost under load and restored to a point in time (docs/backup.md)."""

import sys
from dataclasses import replace

import httpx2
import pytest

from tests.chaos.faults import Injector
from tests.production.drill import CHARGES, Drill
from tests.production.outside import Outside
from tests.production.stack import ProductionStack
from tests.production.test_storms import SIZE


async def test_after_a_restore_all_before_the_point_is_right_and_all_after_it_once_its_callers_repeat_it(
    production: ProductionStack, http: httpx2.AsyncClient, outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    size = replace(SIZE, seconds=20)
    drill = Drill(production, outside, http, size, Injector((), _nothing), prefix="drill-", idempotent=True)
    wrong = await drill.run()
    with capsys.disabled():
        sys.stdout.write(f"\n{drill.report(wrong)}\n{chr(10).join(drill.losses())}\n")
        sys.stdout.write(f"{await drill.explain({**drill.unrepeated, **wrong})}\n")
    assert not drill.unrepeated, "nothing of these was lost"
    assert drill.wrongly_known == []
    assert drill.lost, "the drill proves nothing"
    assert drill.read_again, "the groups were not ahead of what was restored: the drill proves nothing"
    assert not wrong
    assert len(drill.charges) == CHARGES, "a task sends the same key each time"
    again = drill.mailed_twice
    assert not {mail for mail in again if mail.startswith(tuple(drill.sent_before_the_point))}
    assert await drill.dead_records() == []


async def _nothing(_: object) -> None:
    """The drill has no other faults."""
