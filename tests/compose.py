"""docker-compose.yml, read as Compose reads it. PyYAML resolves anchors and merges."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def interpolated(value: str, environment: Mapping[str, str]) -> str:
    """As Compose does it, for the three forms that the file uses; raises `KeyError` where Compose would stop."""

    def value_of(match: re.Match[str]) -> str:
        given = environment.get(match["name"], "")
        if not given and match["kind"] != "-":
            raise KeyError(match["name"])
        return given or match["rest"]

    return _VARIABLE.sub(value_of, value)


def environment_of(service: str, given: Mapping[str, str]) -> dict[str, str]:
    """The variables of a service's container, where `.env` has what is `given`."""
    return {name: interpolated(text, given) for name, text in SERVICES[service].get("environment", {}).items()}


def stop_grace(service: str) -> timedelta:
    """How long Compose waits after SIGTERM; 10 s unless the file says more."""
    seconds = {"s": 1, "m": 60}
    text = SERVICES[service].get("stop_grace_period", "10s")
    return timedelta(seconds=int(text[:-1]) * seconds[text[-1]])


def is_one_shot(service: str) -> bool:
    """Whether it runs to its end."""
    return "healthcheck" not in SERVICES[service]


def starting_order() -> Iterator[list[str]]:
    """The services that start together, once all that they depend on are healthy or done. Profiles are left out."""
    without_profile = {name: service for name, service in SERVICES.items() if "profiles" not in service}
    sorter = TopologicalSorter({name: service.get("depends_on", {}) for name, service in without_profile.items()})
    sorter.prepare()
    while sorter.is_active():
        together = sorter.get_ready()
        yield sorted(together)
        sorter.done(*together)


def version_of(image: str) -> str:
    """The exact tag of an image that the file names, such as `temporalio/server`, without a digest."""
    [version] = {
        tag.partition("@")[0]
        for name, _, tag in (service["image"].partition(":") for service in SERVICES.values())
        if name == image
    }
    return str(version)
