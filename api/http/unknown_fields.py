"""Fields that a model does not have, found before it is read: pydantic would make an error of each, however many."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, JsonValue


def unknown_fields(value: JsonValue, model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """Where `value` has fields that `model`, or a model within it, does not have."""
    if not isinstance(value, dict):
        return
    known = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    for name, inner in value.items():
        if name not in known:
            yield (name,)
        elif within := _model_in(known[name]):
            yield from ((name, *place) for place in unknown_fields(inner, within))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field has, or may have; None for several, of which each has other fields."""
    choices = [each for each in get_args(annotation) or (annotation,) if each is not type(None)]
    only = choices[0] if len(choices) == 1 else None
    return only if isinstance(only, type) and issubclass(only, BaseModel) else None
