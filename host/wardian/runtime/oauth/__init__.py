"""Connections of plugins to OAuth providers: made in a browser, kept fresh, taken back.

What the protocol is, `wardian.oauth` knows; where secrets lie, the vault. Here they meet.
"""

from wardian.runtime.oauth.addresses import Addresses
from wardian.runtime.oauth.clients import Clients
from wardian.runtime.oauth.connections import Connections
from wardian.runtime.oauth.documents import FlowParts
from wardian.runtime.oauth.flows import Flows
from wardian.runtime.oauth.views import (
    Asking,
    ConnectedView,
    ConnectionView,
    DisconnectedView,
    StartedView,
)

__all__ = [
    "Addresses",
    "Asking",
    "Clients",
    "ConnectedView",
    "ConnectionView",
    "Connections",
    "DisconnectedView",
    "FlowParts",
    "Flows",
    "StartedView",
]
