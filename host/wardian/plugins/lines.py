"""On which line each value of a TOML text begins: what Python's own parser does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence

# Nothing here goes back, so the time is linear in the text. Groups are atomic, because Python
# 3.11.2 gets repetitions of them wrong that are possessive and look ahead.
_STRING = r"""
    \"{3}(?>(?:[^\\"]|\\.|"(?!""))*)"{3,5}
  | '{3}(?>(?:[^']|'(?!''))*)'{3,5}
  | "(?>(?:[^"\\]|\\.)*)"
  | '[^']*+'
"""
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]++|"(?>(?:[^"\\]|\\.)*)"|'[^']*+'""")
_DOT = re.compile(r"[ \t]*+\.[ \t]*+")
_SCALAR = re.compile(rf"(?:{_STRING}|[^\s,\]}}#][^\n,\]}}#]*+)", re.VERBOSE | re.DOTALL)
_SPACE = re.compile(r"(?>(?:[ \t\r\n]|\#[^\n]*+)*)")
_INDEX = re.compile(r"\[(\d{1,6})\]")
_NAME_END = re.compile(r"(?=[.\[])|$")

Step = str | int


class _Node:
    """A value: its line, and the values in it."""

    __slots__ = ("children", "line")

    def __init__(self, line: int) -> None:
        self.line = line
        self.children: dict[Step, _Node] = {}


class Lines:
    """The lines of the values of one text, which must be TOML; takes time in proportion to it."""

    def __init__(self, text: str) -> None:
        self._root = _Scan(text).root()

    def at(self, steps: Sequence[Step]) -> int:
        """Return the line, from 1, of the value that ``steps`` lead to, or of what is around it."""
        node = self._root
        for step in steps:
            if step not in node.children:
                break
            node = node.children[step]
        return node.line

    def of(self, path: str) -> int | None:
        """Return the same for a written path, ``permissions[1].reason``.

        None if the text has nothing of the path's first name.
        """
        node, rest = self._root, path
        while rest:
            found = _child(node, rest)
            if found is None:
                break
            node, rest = found
        return None if node is self._root else node.line


def _child(node: _Node, path: str) -> tuple[_Node, str] | None:
    """Return the value that ``path`` begins with, and the rest of the path."""
    index = _INDEX.match(path)
    if index is not None and int(index[1]) in node.children:
        return node.children[int(index[1])], path[index.end() :].removeprefix(".")
    # A name may have dots, which a written path does not tell from those between names.
    ends = [found.start() for found in _NAME_END.finditer(path)]
    for end in reversed(ends):
        if path[:end] in node.children:
            return node.children[path[:end]], path[end:].removeprefix(".")
    return None


class _Scan:
    """One pass over a text that is known to be TOML."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line = 1

    def root(self) -> _Node:
        """Return the document."""
        root = table = _Node(1)
        while self._skip():
            if self._next() == "[":
                table = self._header(root)
            else:
                self._assignment(table)
        return root

    def _header(self, root: _Node) -> _Node:
        brackets = 2 if self._text.startswith("[[", self._position) else 1
        self._forward(brackets)
        self._skip()
        *parents, name = self._key()
        node = root
        for parent in parents:
            node = _newest(self._made(node, parent))
        node = self._made(node, name)
        if brackets == 2:
            node = self._made(node, len(node.children))
        node.line = self._line
        self._skip()
        self._forward(brackets)
        return node

    def _assignment(self, table: _Node) -> None:
        """Read ``a.b = value``, and what is in the value."""
        around: list[tuple[_Node, bool]] = []
        node: _Node | None = self._assigned(table)
        while node is not None:
            if self._next() in ("[", "{"):
                around.append((node, self._next() == "["))
                self._forward(1)
            else:
                found = _SCALAR.match(self._text, self._position)
                self._forward(len(found[0]) if found else 1)
            node = self._following(around)

    def _following(self, around: list[tuple[_Node, bool]]) -> _Node | None:
        """Go to the next value in ``around``: open arrays (True) and tables, the inmost last."""
        while around and self._skip():
            container, is_array = around[-1]
            if self._next() in ("]", "}"):
                around.pop()
            elif self._next() != ",":
                return (
                    self._made(container, len(container.children))
                    if is_array
                    else self._assigned(container)
                )
            self._forward(1)
        return None

    def _assigned(self, table: _Node) -> _Node:
        node = table
        for name in self._key():
            node = self._made(node, name)
        self._skip()
        self._forward(len("="))
        self._skip()
        return node

    def _key(self) -> list[str]:
        names = []
        while True:
            found = _KEY_PART.match(self._text, self._position)
            part = found[0] if found else ""
            names.append(_plain_key(part))
            self._forward(len(part))
            dot = _DOT.match(self._text, self._position)
            if dot is None:
                return names
            self._forward(len(dot[0]))

    def _made(self, node: _Node, step: Step) -> _Node:
        return node.children.setdefault(step, _Node(self._line))

    def _skip(self) -> bool:
        """Go past spaces, lines and comments; tell whether there is more."""
        found = _SPACE.match(self._text, self._position)
        self._forward(len(found[0]) if found else 0)
        return self._position < len(self._text)

    def _next(self) -> str:
        return self._text[self._position : self._position + 1]

    def _forward(self, count: int) -> None:
        end = self._position + count
        self._line += self._text.count("\n", self._position, end)
        self._position = end


def _newest(node: _Node) -> _Node:
    """Return the table that a header's name means: of an array of tables, the last so far."""
    return node.children.get(len(node.children) - 1, node)


def _plain_key(part: str) -> str:
    if "\\" in part:
        return next(iter(tomllib.loads(f"{part} = 0")))
    return part[1:-1] if part.startswith(("'", '"')) else part
