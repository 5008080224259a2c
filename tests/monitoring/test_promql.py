"""What a query reads is found in its text."""

from tests.monitoring.promql import Selector, Series, exposed, grouped_by, selectors, unmatched

QUERY = """sum(rate(requests_total{status=~"500|50[2-3]",route!="/health"}[5m]))
  / sum by (job, le) (rate(wait_seconds_bucket[1m])) > 0.05 or up == 0 unless on (job) up offset 10m"""


def test_selectors_are_the_metrics_and_their_matchers_without_functions_and_durations() -> None:
    assert selectors(QUERY) == [
        Selector("requests_total", (("status", "=~", "500|50[2-3]"), ("route", "!=", "/health"))),
        Selector("wait_seconds_bucket", ()),
        Selector("up", ()),
        Selector("up", ()),
    ]
    assert grouped_by(QUERY) == {"job"}


def test_a_series_matches_as_in_prometheus() -> None:
    [selector] = selectors('requests_total{status=~"5..",route!~"/health|/metrics",method="GET"}')
    matching = Series("requests_total", (("method", "GET"), ("status", "503")))
    assert selector.matches(matching)
    for other in (
        Series("requests", matching.labels),
        Series("requests_total", (("method", "GET"), ("status", "5030"))),
        Series("requests_total", (("method", "GET"), ("route", "/health"), ("status", "503"))),
        Series("requests_total", (("status", "503"),)),
    ):
        assert not selector.matches(other)


def test_what_is_not_exposed_is_named() -> None:
    series = list(exposed('# TYPE a counter\na{b="c"} 1\nup 1\n', job="x"))
    assert series == [Series("a", (("b", "c"), ("job", "x"))), Series("up", (("job", "x"),))]
    assert unmatched('sum by (job) (a{b="c"}) or up', series) == []
    assert unmatched('sum by (d) (a{b=~"d|e"})', series) == ["a has no label d", "no b matches d|e"]
    assert unmatched("gone", series) == ["gone is not exposed"]
