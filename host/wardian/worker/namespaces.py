"""Namespaces: no network, and a file system that holds the compiled code and nothing else.

They are entered once, by the zygote, and inherited by everything that it forks: making a network
takes longer than the fork. Nothing but the kernel is needed for it, neither root nor a helper that
has its rights: a user namespace gives the privileges, in itself only, and they are dropped again.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wardian.worker import kernel

_NEW_USER = 0x10000000
_NEW_NETWORK = 0x40000000
_NEW_IPC = 0x08000000
_NEW_MOUNTS = 0x00020000
_OUTSIDE = _NEW_NETWORK | _NEW_IPC | _NEW_MOUNTS

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_EMPTY_PATH = 4
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC = 1, 2, 4, 8
_HIDDEN = _NO_SUID | _NO_DEVICES | _NO_EXEC
_RECURSIVE, _PRIVATE = 0x4000, 0x40000
_DETACH = 2

_CAPABILITY_VERSION = 0x20080522


@dataclass(frozen=True, slots=True)
class Entered:
    """Which of them this process is in."""

    network: bool
    files: bool


class _MountAttributes(ctypes.Structure):
    """``struct mount_attr``."""

    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns", ctypes.c_uint64),
    )


def enter(code: Path) -> Entered:
    """Leave the host's network, IPC and files, as far as the kernel lets this process.

    ``code`` stays where it is, read-only. The process must have one thread.
    """
    uid, gid = os.geteuid(), os.getegid()
    alone = _unshare(_NEW_USER | _OUTSIDE)
    # Where user namespaces are switched off, root can do without.
    if not alone and not _unshare(_OUTSIDE):
        return Entered(network=False, files=False)
    # A kernel before 5.12 cannot do this, and there are machines whose root cannot be left.
    with suppress(OSError):
        if alone:
            _keep_identity(uid, gid)
        _leave_files(code)
        return Entered(network=True, files=True)
    return Entered(network=True, files=False)


def drop_capabilities() -> bool:
    """Give up every capability, also those of root; tells whether that worked."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    with suppress(OSError):
        kernel.call("capset", header, (ctypes.c_uint32 * 6)())
        return True
    return False


def _unshare(flags: int) -> bool:
    with suppress(OSError):
        kernel.call("unshare", flags)
        return True
    return False


def _keep_identity(uid: int, gid: int) -> None:
    """Be the same user inside as outside; without one, nothing can be made on the new root."""
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _leave_files(code: Path) -> None:
    """Make a file system in memory, with ``code`` at its own path, the root.

    Raises:
        OSError: this is not to be had; the root is as it was.
    """
    kernel.call("mount", b"none", b"/", None, _RECURSIVE | _PRIVATE, None)
    tree = kernel.call("open_tree", _AT_FDCWD, bytes(code), _OPEN_TREE_CLONE | os.O_CLOEXEC)
    try:
        _restrict_mount(tree, b"", _READ_ONLY | _NO_SUID | _NO_DEVICES)
        kernel.call("mount", b"none", bytes(code), b"tmpfs", _HIDDEN, b"size=64k,nr_inodes=1024")
        try:
            os.chdir(code)
            _become_root(tree, Path(*code.parts[1:]))
        except OSError:
            os.chdir("/")
            kernel.call("umount2", bytes(code), _DETACH)
            raise
    finally:
        os.close(tree)


def _become_root(tree: int, inside: Path) -> None:
    """Make the working directory, with ``tree`` at ``inside``, the root of all."""
    inside.mkdir(parents=True)
    kernel.call("move_mount", tree, b"", _AT_FDCWD, bytes(inside), _MOVE_MOUNT_EMPTY_PATH)
    _restrict_mount(_AT_FDCWD, b".", _READ_ONLY | _HIDDEN)
    # The new root goes over the old one, and the old one away from beneath (pivot_root(2)).
    kernel.call("pivot_root", b".", b".")
    kernel.call("umount2", b".", _DETACH)
    os.chdir("/")


def _restrict_mount(descriptor: int, path: bytes, flags: int) -> None:
    attributes = _MountAttributes(set=flags)
    kernel.call(
        "mount_setattr",
        descriptor,
        path,
        0 if path else _AT_EMPTY_PATH,
        ctypes.byref(attributes),
        ctypes.sizeof(attributes),
    )
