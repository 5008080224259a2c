"""All six patterns under faults: `make chaos` runs the long form."""

import random
import sys
from functools import partial
from pathlib import Path

import pytest

from domain.booking import BOOKING
from domain.payment_tracker import PAYMENT_TRACKER
from domain.steps import StepMode
from domain.user_feed import USER_FEED
from tests.chaos.faults import Injector, inject, plan
from tests.chaos.storm import Storm
from tests.chaos.stormy_stack import FULL, SEED, stormy_stack
from tests.chaos.units import FULL_SIZE, SHORT

LOCAL = {BOOKING, PAYMENT_TRACKER, USER_FEED}
"""The patterns that have local steps if they are chosen."""
SETTINGS = {
    "REMINDER_INTERVAL": "PT1S",
    "MODERATION_POLL_INTERVAL": "PT0.2S",
    "SIMULATED_WORK": "PT0.3S" if FULL else "PT0.05S",
}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("steps", StepMode)
async def test_every_unit_ends_as_its_model_says_whatever_is_killed_paused_or_locked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], steps: StepMode
) -> None:
    async with stormy_stack(tmp_path, worker_processes=2, **SETTINGS, STEPS=steps) as (stack, http):
        size = FULL_SIZE if FULL else SHORT
        faults = plan(random.Random(SEED + 1), size.faults, size.seconds)
        storm = Storm(stack, http, size, Injector(faults, partial(inject, stack)))
        wrong = await storm.run()
        with capsys.disabled():
            sys.stdout.write(f"\n{storm.report(wrong)}\n{await storm.explain(wrong)}\n")
        assert not wrong
        assert await storm.dead_records() == []
        assert await storm.patterns_with_local_steps() == (LOCAL if steps is StepMode.LOCAL else set())
