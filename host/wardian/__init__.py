"""Wardian: a host that runs plugins written by strangers as WebAssembly components."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wardian.agents.host import Host
    from wardian.bootstrap import open_host
    from wardian.events import EventBus, PluginEvent, PluginObserver, SystemEvent, observes
    from wardian.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "EventBus",
    "Host",
    "PluginEvent",
    "PluginObserver",
    "Settings",
    "SystemEvent",
    "__version__",
    "observes",
    "open_host",
]

_HOMES = {
    "open_host": "wardian.bootstrap",
    "Host": "wardian.agents.host",
    "Settings": "wardian.settings",
    "EventBus": "wardian.events",
    "PluginEvent": "wardian.events",
    "SystemEvent": "wardian.events",
    "PluginObserver": "wardian.events",
    "observes": "wardian.events",
}


def __getattr__(name: str) -> Any:
    # Loaded at the first use, because a worker or an embedder of `wardian.sandbox` needs neither
    # a database nor a web of services in its memory.
    if name not in _HOMES:
        raise AttributeError(f"module 'wardian' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
