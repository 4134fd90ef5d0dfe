"""Write Wardian plugins in Python.

One module for each interface that the host offers, under the interface's name::

    from wardian_sdk import kv, logging

A plugin imports only the modules whose interfaces its own world imports; the others have no
bindings in that build, and importing them fails while the plugin is built. This package itself
imports none of them for the same reason.

Whatever the host refuses is raised as one of the exceptions below. An exported function whose
WIT type is ``result<T, E>`` returns ``T`` and answers an ``E`` by raising ``Err(E(...))``.
"""

from wardian_sdk._errors import (
    Denied,
    Exhausted,
    Invalid,
    NotFound,
    Unavailable,
    WardianError,
)
from wardian_sdk._plain import Err
from wardian_sdk.enhancements import cached, monitored, rate_limited, retried, timeout
from wardian_sdk.observers import PluginObserver, observes
from wardian_sdk.questions import Answer, PluginAgent, answers

__all__ = [
    "Answer",
    "Denied",
    "Err",
    "Exhausted",
    "Invalid",
    "NotFound",
    "PluginAgent",
    "PluginObserver",
    "Unavailable",
    "WardianError",
    "answers",
    "cached",
    "monitored",
    "observes",
    "rate_limited",
    "retried",
    "timeout",
]
