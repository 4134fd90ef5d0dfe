"""WebAssembly, and nothing else: load a component, bound what it can spend, call it.

A library of its own: synchronous, no database, no event loop. It contains a guest within its
limits; it does not survive a fault of the WebAssembly runtime itself. For code that nobody
vetted, use worker processes (``wardian.runtime.executor``, or ``wardian run``).
"""

from wardian.policy.limits import Limits
from wardian.policy.usage import Usage
from wardian.sandbox.abi import wasmtime_version
from wardian.sandbox.component import Component
from wardian.sandbox.description import Description, FunctionDescription
from wardian.sandbox.outcome import Outcome
from wardian.sandbox.sandbox import LiveInstance, Sandbox
from wardian.sandbox.values import to_json

__all__ = [
    "Component",
    "Description",
    "FunctionDescription",
    "Limits",
    "LiveInstance",
    "Outcome",
    "Sandbox",
    "Usage",
    "to_json",
    "wasmtime_version",
]
