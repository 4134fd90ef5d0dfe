"""What is counted of requests to the API."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Metric

from wardian.telemetry.catalogue import SERVED, SERVED_SECONDS
from wardian.telemetry.labels import REST
from wardian.telemetry.series import Counts, Distributions

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
UNMATCHED = "unmatched"

MAX_ROUTES = 500


class ServedRequests:
    """Requests by method, route and status; a client chooses none of these as it likes."""

    def __init__(self) -> None:
        self._routes: set[str] = set()
        self._requests = Counts(SERVED)
        self._seconds = Distributions(SERVED_SECONDS)

    def ended(self, method: str, route: str | None, status: int, seconds: float | None) -> None:
        """Count one request. ``seconds`` is None for a stream, whose time says nothing."""
        method = method if method in METHODS else REST
        labels = (method, self._route(route))
        self._requests.add((*labels, str(status)))
        if seconds is not None:
            self._seconds.of(labels).observe(seconds)

    def families(self) -> Iterable[Metric]:
        """Return the metrics as they are now."""
        return self._requests.family(), self._seconds.family()

    def _route(self, route: str | None) -> str:
        if route is None:
            return UNMATCHED
        if route not in self._routes:
            if len(self._routes) >= MAX_ROUTES:
                return REST
            self._routes.add(route)
        return route
