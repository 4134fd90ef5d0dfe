"""Where a change of several steps is now, for whoever watches it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wardian.errors import WardianError

_REACHED_BY_ALL = ("stage", "snapshot", "migrate", "probe", "swap", "drain", "commit")

STEPS: dict[str, tuple[str, ...]] = {
    "install": ("read", "verify", "compile", "store", "commit", "init"),
    "upgrade": ("read", "verify", "compile", "compare", "approve", "replay", *_REACHED_BY_ALL),
    "rollback": ("verify", "compile", "compare", *_REACHED_BY_ALL),
    "uninstall": ("commit", "files"),
    "vault-rotate": ("key", "batch", "drop"),
    "vault-rekey": ("root-key", "wrap", "retire"),
    "fold": ("cut", "begun", "written", "committed", "dropped"),
}
"""Every step of every change, in order; `snapshot` and `migrate` only where stored data changes,
and `batch` and `wrap` as often as there is something to do."""

_log = logging.getLogger("wardian.steps")


class Steps:
    """Told of each step of a change, such as an upgrade or a rotation of keys, as it begins."""

    def __init__(self) -> None:
        self._watchers: list[Callable[[str, str], None]] = []

    def reached(self, change: str, step: str) -> None:
        """Tell that a change begins a step."""
        _log.debug("%s: %s", change, step)
        for watcher in self._watchers:
            watcher(change, step)

    @contextmanager
    def at(self, change: str, step: str) -> Iterator[None]:
        """Begin a step; an error within the block names it, unless it names one already."""
        self.reached(change, step)
        try:
            yield
        except WardianError as error:
            error.step = error.step or step
            raise

    def watch(self, watcher: Callable[[str, str], None]) -> None:
        """Call ``watcher`` with the change and the step from now on."""
        self._watchers.append(watcher)
