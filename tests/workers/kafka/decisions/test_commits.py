"""When to commit."""

from workers.kafka.decisions.commits import COMMIT_INTERVAL_SECONDS, RENEWAL_SECONDS, CommitSchedule


def test_commits_what_has_risen_once_an_interval() -> None:
    schedule = CommitSchedule({0: 5, 1: 9}, now=100.0)
    assert schedule.due({0: 6, 1: 9}, now=100.5) == {}
    assert schedule.due({0: 6, 1: 9}, now=101.0) == {0: 6, 1: 9}, "what an earlier consumer committed may be old"
    schedule.succeeded({0: 6, 1: 9})
    assert schedule.due({0: 7, 1: 9}, now=102.0) == {0: 7}


def test_a_commit_that_failed_is_due_again_after_the_interval() -> None:
    schedule = CommitSchedule({0: 5}, now=0.0)
    assert schedule.due({0: 6}, now=1.0) == {0: 6}
    assert schedule.due({0: 6}, now=1.1) == {}
    assert schedule.due({0: 7}, now=1.0 + COMMIT_INTERVAL_SECONDS) == {0: 7}


def test_what_was_committed_is_not_due_again() -> None:
    schedule = CommitSchedule({0: 5}, now=0.0)
    schedule.succeeded({0: 8})
    assert schedule.risen({0: 8}) == {}


def test_a_partition_without_a_commit_gets_its_first_position_committed() -> None:
    assert CommitSchedule({}, now=0.0).risen({0: 0}) == {0: 0}


def test_never_commits_backwards() -> None:
    assert CommitSchedule({0: 50}, now=0.0).risen({0: 40}) == {}


def test_offsets_that_have_not_risen_are_committed_again_before_kafka_forgets_them() -> None:
    schedule = CommitSchedule({0: 5, 1: 50}, now=0.0)
    assert schedule.due({0: 5, 1: 40}, now=1.0) == {0: 5}
    assert schedule.due({0: 5, 1: 40}, now=RENEWAL_SECONDS) == {}
    assert schedule.due({0: 5, 1: 40}, now=1.0 + RENEWAL_SECONDS) == {0: 5}
    assert RENEWAL_SECONDS <= 30, "Kafka's shortest retention of offsets is a minute"
