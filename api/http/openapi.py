"""The OpenAPI document: adds the bodies that the gateway reads itself."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from api.http.problems import ProblemDocument
from api.routes.dead_letters import RedriveRequest
from domain.booking import Resolution, TripRequest
from domain.fan_out import Job
from domain.message_queue import Task
from domain.package_tracker import LocationUpdate, PackageRegistration
from domain.payment_tracker import PaymentEvent
from domain.subscription import SubscriptionChange, SubscriptionRequest
from domain.user_feed import Review, SocialMediaPost

BODIES = (
    Job, LocationUpdate, PackageRegistration, PaymentEvent, ProblemDocument, RedriveRequest, Resolution, Review,
    SocialMediaPost, SubscriptionChange, SubscriptionRequest, Task, TripRequest,
)  # fmt: skip


def describe_bodies(app: FastAPI) -> None:
    """Make `app.openapi()` define the models that `api.http.body.openapi_body` refers to."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        _, definitions = models_json_schema(
            [(model, "validation") for model in BODIES], ref_template="#/components/schemas/{model}"
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in definitions["$defs"].items():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)  # see `api.http.body.strict`
            schemas.setdefault(name, schema)
        # FastAPI's own description of a 422, where it believes that there is one.
        for operation in (operation for path in document["paths"].values() for operation in path.values()):
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
