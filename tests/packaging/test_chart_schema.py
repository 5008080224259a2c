"""The schema of the chart's values is that of values.yaml and the settings of today."""

from tests.packaging import chart_schema


def test_it_is_up_to_date() -> None:
    assert chart_schema.FILE.read_text() == chart_schema.text(), "run `make env`"


def test_it_has_every_setting_that_the_chart_does_not_make_itself() -> None:
    assert "DATABASE_URL" in chart_schema.SETTINGS
    assert not chart_schema.FIXED & set(chart_schema.SETTINGS)
