"""A Python plugin's sources, read without being run: what is written above which method.

Only what is written out can be read so. Where something of the SDK's is used in another way, its
author is told the line, because the host would never hear of it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wardian.cli.authoring.errors import BuildFailed

SOURCE_BYTES_MAX = 4 * 1024 * 1024

_SDK = "wardian_sdk"


@dataclass(frozen=True, slots=True)
class Use:
    """One name of the SDK's, above a method of a class.

    Attributes:
        name: in the SDK, whatever it is called here.
        call: what it is called with; None where it is not called.
        node: it as a whole.
    """

    name: str
    call: ast.Call | None
    node: ast.expr


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a class at the top of a module."""

    source: Source
    owner: ast.ClassDef
    node: ast.FunctionDef | ast.AsyncFunctionDef
    uses: tuple[Use, ...]

    @property
    def place(self) -> str:
        """Where it is, for people: ``src/plugin.py:12``."""
        return self.source.place(self.node)


class Source:
    """One module of a plugin."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name = name
        self._tree = tree
        self._names: dict[str, str] = {}
        self._modules: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                self._import_from(node)
            elif isinstance(node, ast.Import):
                self._import(node)

    def place(self, node: ast.AST) -> str:
        """Return where something is, for people."""
        return f"{self._name}:{getattr(node, 'lineno', 0)}"

    def classes(self) -> Iterator[ast.ClassDef]:
        """The classes at the top of the module."""
        return (node for node in self._tree.body if isinstance(node, ast.ClassDef))

    def methods(self) -> Iterator[Method]:
        """Their methods, with what of the SDK's is above them."""
        for owner in self.classes():
            for node in owner.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    uses = tuple(
                        use for each in node.decorator_list if (use := self._use(each)) is not None
                    )
                    yield Method(self, owner, node, uses)

    def named(self, node: ast.expr) -> str | None:
        """Return which name of the SDK's an expression is, if it is one."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            return node.attr if ast.unparse(node.value) in self._modules else None
        return None

    def strays(self, names: Collection[str]) -> Iterator[tuple[str, ast.expr]]:
        """The uses of these names of the SDK's anywhere but above a method, and what is in them."""
        above = {id(use.node) for method in self.methods() for use in method.uses}
        above |= {id(use.call.func) for method in self.methods() for use in method.uses if use.call}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Name | ast.Attribute) and id(node) not in above:
                name = self.named(node)
                if name is not None and name in names:
                    yield name, node

    def _use(self, node: ast.expr) -> Use | None:
        call = node if isinstance(node, ast.Call) else None
        name = self.named(node if call is None else call.func)
        return None if name is None else Use(name, call, node)

    def _import_from(self, node: ast.ImportFrom) -> None:
        if (node.module or "").partition(".")[0] != _SDK:
            return
        for each in node.names:
            # A module of the SDK's is imported in the same way as what is in one.
            self._names[each.asname or each.name] = each.name
            self._modules.add(each.asname or each.name)

    def _import(self, node: ast.Import) -> None:
        for each in node.names:
            if each.name.partition(".")[0] == _SDK:
                self._modules.add(each.asname or each.name)


def read_sources(directory: Path) -> list[Source]:
    """Read the modules of a Python plugin; one that is no Python is left for the build to refuse.

    Raises:
        BuildFailed: one is too large, or nests too deep, to be read.
    """
    found = []
    for path in sorted((directory / "src").rglob("*.py")):
        name = path.relative_to(directory).as_posix()
        if path.stat().st_size > SOURCE_BYTES_MAX:
            raise BuildFailed(f"{name} has more than {SOURCE_BYTES_MAX} bytes.")
        try:
            found.append(Source(name, ast.parse(path.read_bytes())))
        except (SyntaxError, ValueError):
            continue
        except (RecursionError, MemoryError) as error:
            raise BuildFailed(f"{name} nests too deep to be read.") from error
    return found


def literal(source: Source, node: ast.expr, what: str) -> Any:
    """Return a value that is written out.

    Raises:
        BuildFailed: it is worked out when the module runs, which nobody does here.
    """
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise BuildFailed(
            f"{source.place(node)}: {what} is worked out, and has to be written out: it is read "
            "from the source, which is not run for that. Write the value itself."
        ) from error
