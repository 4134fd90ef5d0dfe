"""``wardian:plugin/config``: the plugin's own configuration.

Workers answer these by themselves, from the text that they were sent (``worker.configured``); this
is for whoever asks all the same.
"""

from __future__ import annotations

from wardian.capabilities.base import CallContext, Refused
from wardian.config import lookup
from wardian.errors import NotFound
from wardian.storage.documents import dump_json


class Config:
    """The resolved values of the call's plugin, as JSON text. Needs no permission."""

    async def get(self, call: CallContext, key: str) -> str:
        """Return the value at ``key``, which may go into nested objects with dots."""
        try:
            return dump_json(lookup(call.configuration, key))
        except NotFound as exc:
            raise Refused("not-found", exc.message) from exc

    async def get_all(self, call: CallContext) -> str:
        """Return the whole configuration."""
        return dump_json(call.configuration)
