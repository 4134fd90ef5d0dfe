"""What only the binary tells: how many functions a component has, and which memories it declares.

Reads section headers, function and memory sections and core instances (WebAssembly core
specification, section 5.5; the component model's Binary.md), nothing else. The input is hostile:
whatever does not parse counts as nothing, because Wasmtime refuses what is not valid, and what is
counted here only ever lowers what a component may have.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

PAGE_BYTES = 65_536

_COMPONENT_LAYER = b"\x0d\0\x01\0"
_FUNCTIONS = 3  # these two of a core module
_MEMORY_SECTION = 5
_MAX_DEPTH = 16
_VALID_DEPTH = 100  # what Wasmtime's validator allows
_MAX_SECTIONS = 100_000
_MAX_ITEMS = 10_000
_OUTER = 2
_COMPONENT_SORT = 4
_CORE_MODULE_SORT = b"\0\x11"
_VALUE_SORT = 2
_BOUNDED_SORTS = (_VALUE_SORT, 3)  # values and types, which say whether an index follows


class Section(IntEnum):
    """The sections of a component that matter here."""

    CORE_MODULE = 1
    CORE_INSTANCE = 2
    COMPONENT = 4
    INSTANCE = 5
    ALIAS = 6
    IMPORT = 10


@dataclass(frozen=True, slots=True)
class Memories:
    """The memories that instantiating a component makes.

    Attributes:
        count: how many; of a component that is put together in an unusual way, `MANY`.
        initial_bytes: their minimum sizes together, as far as they are known.
    """

    count: int
    initial_bytes: int


MANY = 20
"""What is assumed where it cannot be told without following every alias."""


def declared_memories(wasm: bytes) -> Memories:
    """Count the memories of a component's modules, each as often as it is instantiated."""
    census = _Census()
    try:
        census.visit(memoryview(wasm), 0)
    except (IndexError, ValueError):
        return Memories(MANY, 0)
    usual = census.certain and census.instantiated <= census.components
    count = len(census.pages)
    return Memories(count if usual else max(count, MANY), sum(census.pages) * PAGE_BYTES)


def declared_functions(wasm: bytes) -> int:
    """Count the functions of a component's modules, which all have to be compiled.

    Of one in more pieces than any toolchain makes, the answer is a number beyond all bounds.
    """
    try:
        return _functions_of(memoryview(wasm), 0)
    except _TooManySections:
        return sys.maxsize
    except (IndexError, ValueError):
        return 0


def declared_imports(wasm: bytes) -> list[str]:
    """Return the names of what a component imports, as far as they can be read.

    Nothing was validated then: this is for telling people, not for deciding.
    """
    names: list[str] = []
    component = memoryview(wasm)
    try:
        if bytes(component[4:8]) == _COMPONENT_LAYER:
            for section, content in _sections(component):
                if section == Section.IMPORT:
                    names.extend(_imported(content))
    except (IndexError, ValueError):
        return names
    return names


def _imported(content: memoryview) -> Iterator[str]:
    count, at = _unsigned(content, 0)
    for _ in range(_bounded(count)):
        length, at = _unsigned(content, at + 1)  # behind what kind of name it is
        yield bytes(content[at : at + length]).decode()
        at = _after_extern(content, at + length)


def _after_extern(content: memoryview, at: int) -> int:
    """Return where the description of what is imported ends: its sort, and mostly an index."""
    sort, at = content[at], _after_sort(content, at)
    if sort in _BOUNDED_SORTS:
        by_index = content[at] == 0 or sort == _VALUE_SORT
        return _unsigned(content, at + 1)[1] if by_index else at + 1
    return _unsigned(content, at)[1]


def _functions_of(wasm: memoryview, depth: int) -> int:
    """Count those of a module, or of all modules of a component."""
    if bytes(wasm[4:8]) != _COMPONENT_LAYER:
        return sum(_unsigned(each, 0)[0] for kind, each in _sections(wasm) if kind == _FUNCTIONS)
    inside = (Section.CORE_MODULE, Section.COMPONENT)
    deeper = (each for kind, each in _sections(wasm) if kind in inside and depth < _VALID_DEPTH)
    return sum(_functions_of(each, depth + 1) for each in deeper)


class _Census:
    """Counts what a component instantiates, taking each nested component for instantiated once.

    Attributes:
        pages: the minimum size, in pages, of each memory that is made.
        components, instantiated: nested components, and how often one of them is instantiated.
        certain: whether every module that is instantiated is defined beside its instance.
    """

    def __init__(self) -> None:
        self.pages: list[int] = []
        self.components = 0
        self.instantiated = 0
        self.certain = True

    def visit(self, wasm: memoryview, depth: int) -> None:
        if bytes(wasm[4:8]) != _COMPONENT_LAYER:
            return
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deep to follow")
        modules: list[list[int]] = []
        for section, content in _sections(wasm):
            if section == Section.COMPONENT:
                self.components += 1
                self.visit(content, depth + 1)
            else:
                self._look_at(section, content, modules)

    def _look_at(self, section: int, content: memoryview, modules: list[list[int]]) -> None:
        match section:
            case Section.CORE_MODULE:
                modules.append(_of_module(content))
            case Section.CORE_INSTANCE:
                for index in _instantiated(content):
                    known = index < len(modules)
                    self.certain &= known
                    self.pages += modules[index] if known else ()
            case Section.INSTANCE:
                self.instantiated += _instantiations(content)
            case Section.ALIAS:
                self.certain &= not _aliases_modules(content)


def _of_module(module: memoryview) -> list[int]:
    for section, content in _sections(module):
        if section == _MEMORY_SECTION:
            return list(_minimums(content))
    return []


class _TooManySections(ValueError):
    """More than `_MAX_SECTIONS` of one module or component."""


def _sections(wasm: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 8
    for number in itertools.count():
        if at >= len(wasm):
            return
        if number >= _MAX_SECTIONS:
            raise _TooManySections
        section = wasm[at]
        size, at = _unsigned(wasm, at + 1)
        yield section, wasm[at : at + size]
        at += size


def _instantiated(content: memoryview) -> Iterator[int]:
    """Yield the module index of each core instance that is made by instantiating one."""
    count, at = _unsigned(content, 0)
    for _ in range(_bounded(count)):
        instantiates = content[at] == 0
        at += 1
        if instantiates:
            index, at = _unsigned(content, at)
            yield index
        items, at = _unsigned(content, at)
        for _ in range(_bounded(items)):
            length, at = _unsigned(content, at)
            at += length + 1  # the name, and the sort
            _, at = _unsigned(content, at)


def _instantiations(content: memoryview) -> int:
    """Count the instances that are made by instantiating a component."""
    found = 0
    count, at = _unsigned(content, 0)
    for _ in range(_bounded(count)):
        instantiates = content[at] == 0
        at += 1
        if instantiates:
            found += 1
            _, at = _unsigned(content, at)
        items, at = _unsigned(content, at)
        for _ in range(_bounded(items)):
            if not instantiates:
                at += 1  # what kind of name it is
            length, at = _unsigned(content, at)
            at = _after_sort(content, at + length)
            _, at = _unsigned(content, at)
    return found


def _aliases_modules(content: memoryview) -> bool:
    """Tell whether modules or components of elsewhere get a number here."""
    count, at = _unsigned(content, 0)
    for _ in range(_bounded(count)):
        sort = content[at : at + 2]
        at = _after_sort(content, at)
        target = content[at]
        at += 1
        _, at = _unsigned(content, at)
        length, at = _unsigned(content, at)
        if target != _OUTER:
            at += length  # a name
        if sort[0] == _COMPONENT_SORT or bytes(sort) == _CORE_MODULE_SORT:
            return True
    return False


def _after_sort(content: memoryview, at: int) -> int:
    return at + (2 if content[at] == 0 else 1)


def _bounded(count: int) -> int:
    if count > _MAX_ITEMS:
        raise ValueError("more than is worth following")
    return count


def _minimums(content: memoryview) -> Iterator[int]:
    count, at = _unsigned(content, 0)
    for _ in range(_bounded(count)):
        has_maximum = content[at] & 1
        minimum, at = _unsigned(content, at + 1)
        if has_maximum:
            _, at = _unsigned(content, at)
        yield minimum


def _unsigned(content: memoryview, at: int) -> tuple[int, int]:
    """Read a LEB128 number; returns it and where it ends."""
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("number too long")
