"""Releases, written as a line: what a test's graph of dependencies is made of."""

from __future__ import annotations

from wardian.plugins.releases import Release
from wardian.plugins.states import PluginState
from wardian.plugins.versions import parse_range


def release(text: str, state: PluginState | None = None, **needs: str) -> Release:
    """``release("orders 1.0.0", billing="^2")``; offered, unless there is a ``state``."""
    name, version = text.split()
    ranges = {need: parse_range(accepts) for need, accepts in needs.items()}
    return Release(name=name, version=version, needs=ranges, state=state)


def active(text: str, **needs: str) -> Release:
    """A release that is installed and takes calls."""
    return release(text, PluginState.ACTIVE, **needs)


def disabled(text: str, **needs: str) -> Release:
    """A release that is installed and disabled."""
    return release(text, PluginState.DISABLED, **needs)
