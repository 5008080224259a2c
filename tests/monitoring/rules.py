"""The alert rules, and how they are made quick enough for a test."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/monitoring/rules.yml"
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]]
_DURATION = re.compile(r"(\[|offset )\d+[smh]")


def quick(window: str) -> dict[str, Any]:
    """The same rules, looking back no further than `window`, and without a pause before an alert fires.

    Of thresholds in seconds, those beyond 2 s are 2 s.
    """
    rules = []
    for rule in RULES:
        expression = _DURATION.sub(rf"\g<1>{window}", rule["expr"])
        expression = re.sub(r"((?:_seconds\b|_latency_).*?) > \d+", r"\1 > 2", expression)
        rules.append({**rule, "expr": expression, "for": "0s"})
    return {"groups": [{"name": "quick", "interval": "1s", "rules": rules}]}
