"""What only the binary tells: which memories a component declares.

Reads section headers, memory sections and core instances (WebAssembly core specification, section
5.5; the component model's Binary.md), nothing else. The input is hostile: whatever does not parse
counts as nothing, because Wasmtime has validated the component already, and what is counted here
only ever lowers what a call may have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PAGE_BYTES = 65_536

_COMPONENT_LAYER = b"\x0d\0\x01\0"
_CORE_MODULE_SECTION = 1  # these three of a component
_CORE_INSTANCE_SECTION = 2
_COMPONENT_SECTION = 4
_MEMORY_SECTION = 5  # of a core module
_MAX_DEPTH = 16
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


def _sections(wasm: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 8
    while at < len(wasm):
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
