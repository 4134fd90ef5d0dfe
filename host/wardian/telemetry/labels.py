"""Whose name becomes a label: plugins are strangers' and may have any number of functions.

Each label's value is kept for as long as the host runs, so the first ones get their own and the
rest share ``other``. A tenant gets a part of the places only: it must not take those of others.
"""

from __future__ import annotations

from collections import Counter

MAX_PLUGINS = 1_000
"""How many plugins get labels of their own."""

MAX_PLUGINS_OF_TENANT = 250
MAX_TENANTS = 250
"""How many tenants get labels of their own where no plugin is told apart."""

MAX_FUNCTIONS = 2_000
"""How many functions do, of all plugins together."""

MAX_FUNCTIONS_OF_TENANT = 500
MAX_FUNCTIONS_OF_PLUGIN = 50
MAX_NAME_CHARS = 128
"""A longer name is as good as none."""

REST = "other"


class Names:
    """The names that have labels of their own."""

    def __init__(self) -> None:
        self._plugins: set[tuple[str, str]] = set()
        self._plugins_of: Counter[str] = Counter()
        self._functions: set[tuple[str, str, str]] = set()
        self._functions_of: Counter[tuple[str, ...]] = Counter()
        self._tenants: set[str] = set()

    def plugin(self, tenant: str, plugin: str) -> tuple[str, str]:
        """Return the labels of a plugin: its own, or those that the rest share."""
        key = (tenant, plugin)
        if key in self._plugins:
            return key
        full = len(self._plugins) >= MAX_PLUGINS
        if full or self._plugins_of[tenant] >= MAX_PLUGINS_OF_TENANT or not _fits(*key):
            return REST, REST
        self._plugins.add(key)
        self._plugins_of[tenant] += 1
        return key

    def function(self, tenant: str, plugin: str, function: str) -> tuple[str, str, str]:
        """Return the labels of a function: its own, or those that the rest of its plugin share."""
        whose = self.plugin(tenant, plugin)
        key = (*whose, function)
        if key in self._functions:
            return key
        if whose == (REST, REST) or not self._has_room(whose) or not _fits(function):
            return (*whose, REST)
        self._functions.add(key)
        self._functions_of[whose] += 1
        self._functions_of[whose[:1]] += 1
        return key

    def tenant(self, tenant: str) -> str:
        """Return the label of a tenant: its own, or the one that the rest share."""
        if tenant not in self._tenants:
            if len(self._tenants) >= MAX_TENANTS or not _fits(tenant):
                return REST
            self._tenants.add(tenant)
        return tenant

    def _has_room(self, whose: tuple[str, str]) -> bool:
        """Tell whether another function of a plugin may have a label of its own."""
        return (
            len(self._functions) < MAX_FUNCTIONS
            and self._functions_of[whose[:1]] < MAX_FUNCTIONS_OF_TENANT
            and self._functions_of[whose] < MAX_FUNCTIONS_OF_PLUGIN
        )


def _fits(*names: str) -> bool:
    return all(len(name) <= MAX_NAME_CHARS for name in names)
