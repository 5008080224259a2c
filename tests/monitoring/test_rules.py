"""The alert rules can be read by Prometheus, fire by their causes, and each has a page."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.monitoring.rules import FILE, ROOT, RULES

PAGES = ROOT / "docs/runbooks"
promtool = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(promtool is None, reason="promtool is missing: apt-get install prometheus")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_happened_how_urgent_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    page = ROOT / rule["annotations"]["runbook"]
    assert f"`{rule['alert']}`" in page.read_text(), "the page names its alert"


@pytest.mark.parametrize("page", sorted(PAGES.glob("[a-z]*.md")), ids=lambda page: page.stem)
def test_a_page_has_what_it_means_how_to_look_and_what_to_do(page: Path) -> None:
    text = page.read_text()
    assert "**Means**: " in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Look", "Do"]
    assert f"docs/runbooks/{page.name}" in {rule["annotations"]["runbook"] for rule in RULES}


def test_the_index_has_every_alert_with_its_urgency() -> None:
    rows = (PAGES / "README.md").read_text()
    for rule in RULES:
        [row] = [line for line in rows.splitlines() if f"`{rule['alert']}`" in line]
        assert f"({Path(rule['annotations']['runbook']).name})" in row
        assert ("| now |" in row) is (rule["labels"]["severity"] == "page"), row


@needs_promtool
def test_prometheus_can_read_the_rules() -> None:
    promtool_says("check", "rules", str(FILE))


@needs_promtool
def test_each_alert_fires_by_its_cause_and_only_then(tmp_path: Path) -> None:
    cases = yaml.safe_load((Path(__file__).parent / "rule_cases.yml").read_text())
    tested = {test["alertname"] for case in cases["tests"] for test in case["alert_rule_test"] if test["exp_alerts"]}
    assert tested == {rule["alert"] for rule in RULES}
    file = tmp_path / "cases.yml"
    file.write_text(yaml.safe_dump({**cases, "rule_files": [str(FILE)]}))
    promtool_says("test", "rules", str(file))


def promtool_says(*arguments: str) -> str:
    assert promtool is not None
    done = subprocess.run([promtool, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
