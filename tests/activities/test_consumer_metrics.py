"""The metrics of consumers are those of their subscription, without tenants."""

from activities.consumer_metrics import IngressMetrics
from domain.subscription import ConsumerProgress, Subscription, SubscriptionOptions
from tests.monitoring.recording import Recording

ACME, OTHERS = (
    Subscription(
        tenant=tenant,
        cluster="local",
        topic="posts",
        service="UserFeed",
        handler="processPost",
        options=SubscriptionOptions(),
    )
    for tenant in ("acme", "others")
)
ID = ACME.id


def progress(received: int = 0, dead_lettered: int = 0, lag: int = 0, oldest_seconds: float = 0.0) -> ConsumerProgress:
    return ConsumerProgress(
        partitions=[],
        received=received,
        delivered=received,
        dead_lettered=dead_lettered,
        lag=lag,
        stalled_keys=1,
        in_flight=0,
        rate=0,
        oldest_in_flight_seconds=oldest_seconds,
        last_error=None,
    )


def test_consumers_of_several_tenants_are_added_up_and_of_ages_the_highest_counts() -> None:
    recording = Recording()
    ingress = IngressMetrics(recording.meter)
    first, second = ingress.consumer(ACME), ingress.consumer(OTHERS)
    first.report(progress(received=3, lag=10, oldest_seconds=2.0))
    second.report(progress(received=4, lag=20, oldest_seconds=7.0))
    second.stalls(6.0)
    first.report(progress(received=5, lag=1, oldest_seconds=3.0))
    assert recording.value("ingress_records_received_total", subscription=ID) == 9
    assert recording.value("ingress_consumer_lag_records", subscription=ID) == 21
    assert recording.value("ingress_oldest_unfinished_record_seconds", subscription=ID) == 7
    assert recording.value("ingress_stalled_seconds", subscription=ID) == 6
    assert recording.value("ingress_stalled_keys", subscription=ID) == 2
    assert "acme" not in recording.text


def test_a_consumer_that_ends_takes_its_part_with_it_and_leaves_what_it_counted() -> None:
    recording = Recording()
    ingress = IngressMetrics(recording.meter)
    consumer = ingress.consumer(ACME)
    consumer.report(progress(received=3, lag=10, oldest_seconds=2.0))
    consumer.stalls(6.0)
    consumer.restarts("KafkaError")
    consumer.end()
    for gauge in ("consumer_lag_records", "oldest_unfinished_record_seconds", "stalled_seconds", "stalled_keys"):
        assert recording.value(f"ingress_{gauge}", subscription=ID) == 0, gauge
    ingress.consumer(ACME).report(progress(received=2))
    assert recording.value("ingress_records_received_total", subscription=ID) == 5
    assert recording.value("ingress_consumer_restarts_total", subscription=ID, cause="KafkaError") == 1


def test_counters_begin_at_zero_so_that_the_first_dead_letter_is_an_increase() -> None:
    recording = Recording()
    IngressMetrics(recording.meter).consumer(ACME)
    assert recording.value("ingress_dead_letters_total", subscription=ID) == 0
