"""Call other plugins. Needs ``plugins:call:CAPABILITY``."""

from collections.abc import Mapping
from typing import Any

from wit_world.imports import plugins as _host

from wardian_sdk._errors import WardianError, ask
from wardian_sdk._json import from_text, to_text

__all__ = ["CallFailed", "call"]


class CallFailed(WardianError):
    """The called function answered an error of its own type, which is in ``payload``."""

    def __init__(self, function: str, payload: Any) -> None:
        super().__init__(f"{function} answered an error: {payload!r}")
        self.function = function
        self.payload = payload


def call(
    capability: str,
    function: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    version: str = "*",
) -> Any:
    """Call ``function`` of the plugin that offers ``capability`` and return its result.

    ``version`` is a range such as ``^1.2``. ``arguments`` are by parameter name. Raises
    ``CallFailed`` with the payload when the function answers an error.
    """
    text = to_text(dict(arguments or {}))
    reply = ask(_host.call, capability, version, function, text)
    if isinstance(reply, _host.Reply_Err):
        raise CallFailed(function, from_text(reply.value))
    return from_text(reply.value)
