"""Write the schema of the chart's values from values.yaml and the settings, so that Helm refuses unknown names: `make
env`."""

import json
from pathlib import Path
from typing import Any

import yaml

from infra.settings import Settings
from tests.packaging.configuration import TEMPORAL_VARIABLES

CHART = Path(__file__).parents[2] / "deploy/helm/durable-patterns"
FILE = CHART / "values.schema.json"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())

FIXED = {
    *("GATEWAY_HOST", "GATEWAY_PORT", "HEALTH_HOST", "HEALTH_PORT", "WORKERS_METRICS_ADDRESS"),
    *("DRAIN_DELAY", "GRACEFUL_SHUTDOWN"),
}
"""Settings that the chart makes of other values."""
OF_LIBRARIES = {*TEMPORAL_VARIABLES, "OTEL_EXPORTER_OTLP_ENDPOINT"}
SETTINGS = sorted({name.upper() for name in Settings.model_fields} - FIXED | OF_LIBRARIES)
_SECRET_PLACE = "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9._-]+$"
_FOLDER = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"

OF_KUBERNETES = {"annotations", "podAnnotations", "nodeSelector", "affinity", "resources", "labels"}
"""Objects that go into the manifests as they are."""
BY_NAME: dict[str, dict[str, Any]] = {
    "settings": {"propertyNames": {"enum": SETTINGS}, "additionalProperties": {"type": "string"}},
    "secrets": {
        "propertyNames": {"enum": SETTINGS},
        "additionalProperties": {"type": "string", "pattern": _SECRET_PLACE},
    },
    "secretFolders": {"propertyNames": {"pattern": _FOLDER}, "additionalProperties": {"type": "string"}},
}
TEXTS: dict[str, dict[str, Any]] = {
    "kind": {"enum": ["none", "cpu", "temporal"]},
    "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "type": {"enum": ["ClusterIP", "LoadBalancer", "NodePort"]},
    "gatewayKey": {"type": "string", "pattern": _SECRET_PLACE},
}
"""Those that are not any text."""
_JSON_TYPES = {bool: "boolean", int: "integer", str: "string", list: "array"}


def write() -> None:
    FILE.write_text(text())


def text() -> str:
    values = _closed(VALUES)
    # Helm has `global` for the charts that contain this one.
    values["properties"]["global"] = {"type": "object"}
    return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", **values}, indent=2) + "\n"


def _closed(values: dict[str, Any]) -> dict[str, Any]:
    """An object of these names and no others, with the types that the defaults have."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _schema(name, value) for name, value in values.items()},
    }


def _schema(name: str, value: Any) -> dict[str, Any]:
    if name == "deployments":
        of_one = VALUES["workers"] | {"queues": []}
        return {"type": "object", "additionalProperties": _closed({k: v for k, v in of_one.items() if k != name})}
    if name in BY_NAME:
        return {"type": "object", **BY_NAME[name]}
    if name in OF_KUBERNETES:
        return {"type": "object"}
    if isinstance(value, dict):
        return _closed(value)
    if name in TEXTS:
        return TEXTS[name]
    return {"type": _JSON_TYPES[type(value)]}


if __name__ == "__main__":
    write()
