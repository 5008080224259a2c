"""What Hypercorn serves: `hypercorn 'benchmarks.restate.endpoint:application()'`."""

from typing import Any

import restate

from benchmarks.restate.services import services
from benchmarks.restate.systems import Systems
from infra.settings import load_settings


def application() -> Any:
    """The six services as an ASGI application, made once in each of Hypercorn's processes."""
    return restate.app(services(Systems.open(load_settings())))
