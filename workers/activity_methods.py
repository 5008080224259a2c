"""Find the activities of a class."""

from collections.abc import Callable
from typing import Any


def activity_methods(activities: object) -> list[Callable[..., Any]]:
    """The methods of `activities` that are defined as activities."""
    methods = (getattr(activities, name) for name in dir(activities) if not name.startswith("_"))
    return [method for method in methods if hasattr(method, "__temporal_activity_definition")]
