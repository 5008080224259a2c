"""The access log: one line per request, with the route's path instead of the request's, which has keys in it."""

import logging

from api.http.answers import Answered
from api.http.connections import WATCHED
from infra.log_lines import FIELDS

log = logging.getLogger("api.access")


class AccessLog:
    """Logs each request when its answer has been sent; those of probes and Prometheus at `debug`."""

    def began(self) -> None:
        """Nothing is logged before the answer."""

    def ended(self, answered: Answered) -> None:
        level = logging.DEBUG if answered.path in WATCHED else logging.INFO
        if not log.isEnabledFor(level):
            return
        about = {
            "method": answered.method,
            "route": answered.route,
            "status": answered.status,
            "duration_ms": round(answered.seconds * 1000, 1),
        }
        log.log(level, "%(method)s %(route)s %(status)d in %(duration_ms)g ms", about, extra={FIELDS: about})
