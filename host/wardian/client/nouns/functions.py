"""Functions: what plugins offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wardian.client.answers import json_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import CallResult, Function
from wardian.client.operations import Operation, at, get, given, post


class Functions(Noun[S]):
    """What plugins offer, and calls of it."""

    @operation
    def list(self, plugin: str) -> Operation[dict[str, Function]]:
        """Describe a plugin's functions by name, with the schemas of arguments and results."""
        return get(at("/plugins/{}/functions", plugin), json_of(dict[str, Function]))

    @operation
    def call(
        self,
        plugin: str,
        function: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        limits: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[CallResult]:
        """Call a function; see `wardian.client.Client.call`."""
        return calling(plugin, function, arguments, limits, timeout, idempotency_key)


def calling(
    plugin: str,
    function: str,
    arguments: Mapping[str, Any] | None,
    limits: Mapping[str, Any] | None,
    timeout: float | None,
    idempotency_key: str | None,
) -> Operation[CallResult]:
    """Ask for a call."""
    body = {"arguments": arguments or {}, **given(limits=limits)}
    path = at("/plugins/{}/functions/{}", plugin, function)
    asked = post(path, json_of(CallResult), body).within(timeout)
    return asked.with_headers(Idempotency_Key=idempotency_key)
