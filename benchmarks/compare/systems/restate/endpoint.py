"""What Hypercorn serves: `hypercorn 'benchmarks.compare.systems.restate.endpoint:application()'`."""

from typing import Any

import restate

from benchmarks.compare.systems.restate.services import (
    booking,
    fan_out,
    message_queue,
    package_tracker,
    payment_tracker,
    user_feed,
)
from benchmarks.compare.systems.simulated_systems import SimulatedSystems
from infra.settings import load_settings


def application() -> Any:
    """The six services as an ASGI application, made once in each of Hypercorn's processes."""
    systems = SimulatedSystems.open(load_settings())
    return restate.app(
        [
            message_queue.async_task_worker(systems),
            booking.booking_workflow(systems),
            payment_tracker.payment_tracker(systems),
            fan_out.fan_out_worker(systems),
            user_feed.user_feed(systems),
            package_tracker.package_tracker(),
        ]
    )
