"""The client for apps that use a Wardian host: typed, for code that blocks and code that awaits.

    from wardian.client import Client

    with Client("http://127.0.0.1:8420", key) as host:
        print(host.call("counter", "increment", {"name": "visits"}).result)

Everything that it raises is in `wardian.client.errors`, and everything that it answers in
`wardian.client.models`. It needs nothing of the host's own code.
"""

from __future__ import annotations

from wardian.client import errors, models
from wardian.client.api import AsyncClient, Client, NamedPlugin
from wardian.client.models import CallResult, Usage
from wardian.client.options import Clock, Retry, Retrying

__all__ = [
    "AsyncClient",
    "CallResult",
    "Client",
    "Clock",
    "NamedPlugin",
    "Retry",
    "Retrying",
    "Usage",
    "errors",
    "models",
]
