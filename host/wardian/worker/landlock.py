"""Landlock: which files, ports, processes and sockets a process may reach at all.

A ruleset names what it handles, and everything handled that no rule allows is refused. It handles
all that the running kernel knows (Linux, ``Documentation/userspace-api/landlock``): files since
ABI 1, moving and linking since 2, truncating since 3, TCP since 4, devices since 5, signals and
abstract sockets since 6. Looking at a file's attributes, or changing them, is not among these;
the mount namespace and the filter are for that.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

from wardian.worker import kernel

_CREATE_VERSION = 1
_RULE_PATH_BENEATH = 1
_READ_FILE = 1 << 2

_FILES_SINCE = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""Bits of access to files, by the ABI that brought them."""

_NETWORK_SINCE = {4: 0b11}
_SCOPES_SINCE = {6: 0b11}

NEWEST_ABI = 7
"""The newest one that this module knows all rights of."""


class _Attributes(ctypes.Structure):
    """``struct landlock_ruleset_attr``; older kernels take the start of it."""

    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    """``struct landlock_path_beneath_attr``."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


_SIZE_SINCE = {1: 8, 4: 16, 6: 24}


def abi() -> int:
    """The kernel's version of Landlock; 0 when there is none or it is switched off."""
    with suppress(OSError, NotImplementedError):
        return kernel.call("landlock_create_ruleset", 0, 0, _CREATE_VERSION)
    return 0


class Ruleset:
    """Everything is refused, but reading files under one directory.

    Made once, before the fork; ``restrict`` is one system call.
    """

    def __init__(self, readable: Path | None) -> None:
        self.abi, self._descriptor = _create(min(abi(), NEWEST_ABI))
        if readable is not None:
            self._allow_reading(readable)

    @property
    def descriptor(self) -> int:
        """Of the ruleset; it closes with the others that a child is not given."""
        return self._descriptor

    def restrict(self) -> None:
        """Hold this thread, and those that it starts, to the ruleset for ever.

        Each process that does so is in a domain of its own: it cannot signal or trace another
        one, or look into its memory, not even its sister of the same ruleset.

        Raises:
            OSError: the kernel refused. (It wants ``no_new_privs`` set.)
        """
        kernel.call("landlock_restrict_self", self._descriptor, 0)

    def _allow_reading(self, directory: Path) -> None:
        parent = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Reading files, but not listing them: a file must be known by name.
            rule = _PathBeneath(_READ_FILE, parent)
            kernel.call(
                "landlock_add_rule", self._descriptor, _RULE_PATH_BENEATH, ctypes.byref(rule), 0
            )
        finally:
            os.close(parent)


def _create(version: int) -> tuple[int, int]:
    """Make a ruleset of the newest version up to this that the kernel really has.

    Some distributions took a version's number into an older kernel without all its rights.
    """
    while True:
        attributes = _Attributes(
            _known(_FILES_SINCE, version),
            _known(_NETWORK_SINCE, version),
            _known(_SCOPES_SINCE, version),
        )
        size = max(size for since, size in _SIZE_SINCE.items() if since <= max(version, 1))
        try:
            return version, kernel.call(
                "landlock_create_ruleset", ctypes.byref(attributes), size, 0
            )
        except OSError:
            if version <= 1:
                raise
            version -= 1


def _known(since: dict[int, int], version: int) -> int:
    bits = 0
    for first, more in since.items():
        bits |= more if first <= version else 0
    return bits
