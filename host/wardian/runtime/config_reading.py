"""Files with configurations: one for each tenant and environment, below one folder.

``production.toml`` is the default tenant's, ``tenants/NAME/production.toml`` another's. A file has
a table ``tenant`` of values that are tenant-wide, and for each plugin a table ``plugins.NAME``.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wardian.config import check_values
from wardian.errors import InvalidArguments, InvalidManifest
from wardian.plugins.lines import Lines
from wardian.plugins.toml_text import parse_toml
from wardian.policy.layers import TENANT_WIDE, Environment

FILE_BYTES_MAX = 256 * 1024

TENANT_TABLE = "tenant"
PLUGINS_TABLE = "plugins"
TENANTS_FOLDER = "tenants"

Stamp = tuple[int, ...]

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_SHOWN_CHARS = 80


class FileRefused(Exception):
    """A file cannot be taken.

    Attributes:
        path: of the value in it that is at fault.
    """

    def __init__(self, message: str, *, path: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line


@dataclass(frozen=True, slots=True)
class FileValues:
    """What a file says: settings by scope."""

    scopes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lines: Lines | None = None

    def line(self, scope: str, path: tuple[str, ...]) -> int | None:
        """Return the line of a value, or of what is around it."""
        table = [TENANT_TABLE] if scope == TENANT_WIDE else [PLUGINS_TABLE, scope]
        return None if self.lines is None else self.lines.at([*table, *path])

    def written_line(self, plugin: str, path: str | None) -> int | None:
        """Return the line of what a plugin refuses, by its written path."""
        if self.lines is None:
            return None
        own = self.scopes.get(plugin, {})
        is_own = path is None or any(path.startswith(name) for name in own)
        table = f"{PLUGINS_TABLE}.{plugin}" if is_own else TENANT_TABLE
        return self.lines.of(f"{table}.{path}" if path else table)


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Which file gives a tenant's values, and what it said when it was last taken."""

    name: str | None
    values: FileValues = field(default_factory=FileValues)

    def line(self, scope: str, path: tuple[str, ...]) -> int | None:
        """Return the line of a value, if the file was read since this host was started."""
        return self.values.line(scope, path)


def name_of(tenant: str, environment: Environment, default_tenant: str) -> str:
    """Return the path of a tenant's file below the folder."""
    name = f"{environment}.toml"
    return name if tenant == default_tenant else f"{TENANTS_FOLDER}/{tenant}/{name}"


def stamps_of(folder: Path, names: Sequence[str]) -> list[Stamp | None]:
    """Return what tells one state of each file from another; None if it is not seen. Blocking."""
    return [_stamp_of(folder / name) for name in names]


def _stamp_of(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev


def read_values(folder: Path, name: str) -> FileValues | None:
    """Read a file, if it is there. Blocking.

    Raises:
        FileRefused: it is larger than `FILE_BYTES_MAX`, not such TOML, cannot be read, or leads out
            of the folder.
    """
    content = _content(folder, name)
    return None if content is None else parsed(content)


def parsed(content: bytes) -> FileValues:
    """Parse a file's content.

    Raises:
        FileRefused: with the path and the line of the fault.
    """
    try:
        text, document = parse_toml(content, max_bytes=FILE_BYTES_MAX)
    except InvalidManifest as exc:
        fault = exc.faults[0]
        raise FileRefused(fault.message, line=fault.line) from exc
    lines = Lines(text)
    return FileValues(_scopes(document, lines), lines)


def _scopes(document: Mapping[str, Any], lines: Lines) -> dict[str, Mapping[str, Any]]:
    scopes: dict[str, Mapping[str, Any]] = {}
    for table, found in document.items():
        if table not in (TENANT_TABLE, PLUGINS_TABLE):
            raise _refused(
                lines,
                (table,),
                f"{table[:_SHOWN_CHARS]!r} is no table of a configuration file: it has "
                f"[{TENANT_TABLE}], and [{PLUGINS_TABLE}.NAME] for each plugin.",
            )
        if table == TENANT_TABLE:
            scopes[TENANT_WIDE] = _settings(found, (table,), lines)
        else:
            scopes |= _of_plugins(found, lines)
    return {scope: settings for scope, settings in scopes.items() if settings}


def _of_plugins(found: Any, lines: Lines) -> dict[str, Mapping[str, Any]]:
    if not isinstance(found, Mapping):
        raise _refused(lines, (PLUGINS_TABLE,), f"{PLUGINS_TABLE} must be a table.")
    scopes: dict[str, Mapping[str, Any]] = {}
    for name, settings in found.items():
        path = (PLUGINS_TABLE, name)
        if not _NAME.fullmatch(name):
            raise _refused(lines, path, f"{name[:_SHOWN_CHARS]!r} cannot be a plugin's name.")
        scopes[name] = _settings(settings, path, lines)
    return scopes


def _settings(found: Any, path: tuple[str, ...], lines: Lines) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise _refused(lines, path, f"{'.'.join(path)} must be a table.")
    try:
        check_values(found)
    except InvalidArguments as exc:
        where = ".".join(path) + (f".{exc.path}" if exc.path else "")
        raise FileRefused(exc.message, path=where, line=lines.of(where)) from exc
    return found


def _refused(lines: Lines, path: tuple[str, ...], message: str) -> FileRefused:
    return FileRefused(message, path=".".join(path), line=lines.at(path))


def _content(folder: Path, name: str) -> bytes | None:
    try:
        root = folder.resolve(strict=True)
    except (OSError, RuntimeError) as exc:
        raise FileRefused("The folder of configuration files is not there.") from exc
    try:
        path = (root / name).resolve(strict=True)
    except FileNotFoundError as exc:
        if (root / name).is_symlink():
            raise FileRefused("It is a link that leads nowhere.") from exc
        return None
    except (OSError, RuntimeError) as exc:
        raise FileRefused("It cannot be found: a link in its path leads in a circle, or a folder "
                          "may not be looked into.") from exc  # fmt: skip
    if not path.is_relative_to(root):
        raise FileRefused("It is a link that leads out of the folder of configuration files.")
    return _regular(path)


def _regular(path: Path) -> bytes:
    try:
        # A pipe in its place would otherwise be waited for.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(path, flags), "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise FileRefused("It is not a regular file.")
            content = stream.read(FILE_BYTES_MAX + 1)
    except OSError as exc:
        raise FileRefused(f"It cannot be read: {exc.strerror}.") from exc
    if len(content) > FILE_BYTES_MAX:
        raise FileRefused(f"It is larger than {FILE_BYTES_MAX} bytes.")
    return content
