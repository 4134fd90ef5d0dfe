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

PAGE_BYTES = 65_536

_COMPONENT_LAYER = b"\x0d\0\x01\0"
_CORE_MODULE_SECTION = 1  # these three of a component
_CORE_INSTANCE_SECTION = 2
_COMPONENT_SECTION = 4
_FUNCTIONS = 3  # these two of a core module
_MEMORY_SECTION = 5
_MAX_DEPTH = 16
_VALID_DEPTH = 100  # what Wasmtime's validator allows
_MAX_SECTIONS = 100_000
_MAX_ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class Memories:
    """The memories that instantiating a component makes.

    Attributes:
        count: how many, where each nested component is instantiated once.
        initial_bytes: their minimum sizes together.
    """

    count: int
    initial_bytes: int


def declared_memories(wasm: bytes) -> Memories:
    """Count the memories of a component's modules, each as often as it is instantiated."""
    try:
        pages = list(_of_component(memoryview(wasm), 0))
    except (IndexError, ValueError):
        return Memories(0, 0)
    return Memories(len(pages), sum(pages) * PAGE_BYTES)


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


def _functions_of(wasm: memoryview, depth: int) -> int:
    """Count those of a module, or of all modules of a component."""
    if bytes(wasm[4:8]) != _COMPONENT_LAYER:
        return sum(_unsigned(each, 0)[0] for kind, each in _sections(wasm) if kind == _FUNCTIONS)
    inside = (_CORE_MODULE_SECTION, _COMPONENT_SECTION)
    deeper = (each for kind, each in _sections(wasm) if kind in inside and depth < _VALID_DEPTH)
    return sum(_functions_of(each, depth + 1) for each in deeper)


def _of_component(wasm: memoryview, depth: int) -> Iterator[int]:
    """Yield the minimum size, in pages, of each memory that is made."""
    if depth > _MAX_DEPTH or bytes(wasm[4:8]) != _COMPONENT_LAYER:
        return
    modules: list[list[int]] = []
    for section, content in _sections(wasm):
        if section == _CORE_MODULE_SECTION:
            modules.append(_of_module(content))
        elif section == _CORE_INSTANCE_SECTION:
            for index in _instantiated(content):
                # An index past the modules defined here is an alias of an outer one.
                yield from modules[index] if index < len(modules) else ()
        elif section == _COMPONENT_SECTION:
            yield from _of_component(content, depth + 1)


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
    for _ in range(min(count, _MAX_ITEMS)):
        instantiates = content[at] == 0
        at += 1
        if instantiates:
            index, at = _unsigned(content, at)
            yield index
        items, at = _unsigned(content, at)
        for _ in range(min(items, _MAX_ITEMS)):
            length, at = _unsigned(content, at)
            at += length + 1  # the name, and the sort
            _, at = _unsigned(content, at)


def _minimums(content: memoryview) -> Iterator[int]:
    count, at = _unsigned(content, 0)
    for _ in range(min(count, _MAX_ITEMS)):
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
