"""All six patterns under faults: `make chaos` runs the long form."""

import random
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.chaos.faults import Injector, inject, plan
from tests.chaos.storm import Storm
from tests.chaos.stormy_stack import FULL, SEED, stormy_stack
from tests.chaos.units import FULL_SIZE, SHORT

SETTINGS = {
    "REMINDER_INTERVAL": "PT1S",
    "MODERATION_POLL_INTERVAL": "PT0.2S",
    "SIMULATED_WORK": "PT0.3S" if FULL else "PT0.05S",
}


@pytest.mark.timeout(1200)
async def test_every_unit_ends_as_its_model_says_whatever_is_killed_paused_or_locked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stormy_stack(tmp_path, worker_processes=2, **SETTINGS) as (stack, http):
        size = FULL_SIZE if FULL else SHORT
        faults = plan(random.Random(SEED + 1), size.faults, size.seconds)
        storm = Storm(stack, http, size, Injector(faults, partial(inject, stack)))
        wrong = await storm.run()
        with capsys.disabled():
            sys.stdout.write(f"\n{storm.report(wrong)}\n{await storm.explain(wrong)}\n")
        assert not wrong
        assert await storm.dead_records() == []
