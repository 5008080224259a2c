"""The seed decides a storm: its units and its faults."""

import random
from collections import defaultdict
from itertools import pairwise

import pytest

from tests.chaos.faults import DATABASE, MAX_SECONDS, PROCESSES, Fault, Kind, plan
from tests.chaos.units import FULL_SIZE, SHORT, Size, make_units


def planned(seed: int, size: Size) -> list[Fault]:
    return plan(random.Random(seed), size.faults, size.seconds)


@pytest.mark.parametrize("size", [SHORT, FULL_SIZE], ids=["short", "full"])
@pytest.mark.parametrize("seed", range(20))
class TestPlan:
    def test_is_decided_by_the_seed(self, seed: int, size: Size) -> None:
        assert planned(seed, size) == planned(seed, size) != planned(seed + 1, size)

    def test_hits_every_target_and_none_twice_at_the_same_time(self, seed: int, size: Size) -> None:
        by_target: defaultdict[str, list[Fault]] = defaultdict(list)
        for fault in planned(seed, size):
            by_target[fault.target].append(fault)
            assert 0 <= fault.at_seconds <= size.seconds
            assert 0 < fault.lasting_seconds <= MAX_SECONDS[fault.kind]
            assert (fault.kind is Kind.LOCK) is (fault.target == DATABASE)
        assert set(by_target) == {*PROCESSES, DATABASE}
        for faults in by_target.values():
            assert all(a.at_seconds + a.lasting_seconds < b.at_seconds for a, b in pairwise(faults))


def test_the_full_storm_has_ten_thousand_units_and_fifty_kills() -> None:
    units = make_units(random.Random(1), FULL_SIZE)
    assert units == make_units(random.Random(1), FULL_SIZE)
    assert sum(unit.size for unit in units) == 10_000
    assert len({unit.name for unit in units}) == len(units)
    assert sum(fault.kind is Kind.KILL for fault in planned(1, FULL_SIZE)) == 50
