"""What a component imports, beside what its manifest asks for: too little, or more than it uses.

An interface that was imported and not asked for is no way around the operator: every call of it
is denied. It is told all the same, because whoever installs the plugin decides by its manifest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from wardian.errors import Fault
from wardian.plugins.manifest import Manifest
from wardian.sandbox.description import Description

ACTIONS: dict[str, tuple[str, ...]] = {
    "context": (),
    "logging": (),
    "config": (),
    "metrics": (),
    "answering": (),
    "kv": ("kv:read", "kv:write"),
    "kv-namespaces": ("kv:read", "kv:write"),
    "events": ("events:publish",),
    "credentials": ("credentials:use", "credentials:reveal"),
    "http": ("http:request", "credentials:use"),
    "plugins": ("plugins:call",),
    "agents": ("agents:ask",),
}
"""What the functions of each of the host's interfaces may take."""
_NEVER_ENOUGH = {"http": {"credentials:use"}}
"""What goes with another permission of the interface and is of no use without it."""

_PACKAGE = "wardian:plugin/"


def undeclared(manifest: Manifest, imports: Collection[str]) -> list[Fault]:
    """Return a warning for each interface that a component imports in vain.

    Args:
        manifest: what asks for permissions.
        imports: the names of what the component imports, as it declares them.
    """
    asked = {permission.action for permission in manifest.asked()}
    return [
        Fault(
            f"The component imports {_PACKAGE}{interface}, and the manifest does not ask for "
            f"{' or '.join(actions)}: every call of it will be denied. Ask for what it needs, or "
            "leave the import out.",
            "permissions",
        )
        for interface in _interfaces(imports)
        if (actions := _enough(interface)) and not asked & set(actions)
    ]


def imported_in_vain(manifest: Manifest, description: Description) -> list[str]:
    """Return what `undeclared` does of a component that was compiled, as sentences."""
    return [fault.message for fault in undeclared(manifest, description.imports)]


def unused(manifest: Manifest, imports: Collection[str]) -> list[Fault]:
    """Return a warning for each permission that is asked for in vain."""
    usable = {action for interface in _interfaces(imports) for action in ACTIONS[interface]}
    known = {action for actions in ACTIONS.values() for action in actions}
    return [
        Fault(
            f"The component imports nothing that takes {request.permission!r}; ask for less.",
            f"permissions[{index}].permission",
        )
        for index, request in enumerate(manifest.permissions)
        if request.parsed().action in known - usable
    ]


def _enough(interface: str) -> list[str]:
    """Return the permissions of which one is enough for an interface to be of use."""
    return [
        action for action in ACTIONS[interface] if action not in _NEVER_ENOUGH.get(interface, ())
    ]


def _interfaces(imports: Collection[str]) -> Iterator[str]:
    for name in imports:
        interface = name.removeprefix(_PACKAGE).partition("@")[0]
        if name.startswith(_PACKAGE) and interface in ACTIONS:
            yield interface
