"""Where a change of several steps is now, for whoever watches it."""

from __future__ import annotations

import logging
from collections.abc import Callable

_log = logging.getLogger("wardian.steps")


class Steps:
    """Told of each step of an install, an upgrade, a rollback and an uninstall as it begins."""

    def __init__(self) -> None:
        self._watchers: list[Callable[[str, str], None]] = []

    def reached(self, change: str, step: str) -> None:
        """Tell that a change begins a step."""
        _log.debug("%s: %s", change, step)
        for watcher in self._watchers:
            watcher(change, step)

    def watch(self, watcher: Callable[[str, str], None]) -> None:
        """Call ``watcher`` with the change and the step from now on."""
        self._watchers.append(watcher)
