"""What only the binary tells: how much memory a component declares to start with.

Reads section headers and memory sections (WebAssembly core specification 3.0, section 5.5; the
component-model binary format), nothing else. The input is hostile: whatever does not parse counts
as nothing, because Wasmtime has validated the component already and this is only a measure.
"""

from __future__ import annotations

from collections.abc import Iterator

PAGE_BYTES = 65_536

_COMPONENT_LAYER = b"\x0d\0\x01\0"
_CORE_MODULE_SECTION = 1  # of a component
_COMPONENT_SECTION = 4  # of a component
_MEMORY_SECTION = 5  # of a core module
_MAX_DEPTH = 16


def initial_memory_bytes(wasm: bytes) -> int:
    """Return the sum of the minimum sizes of all memories that ``wasm``'s modules define."""
    try:
        return _of_component(memoryview(wasm), 0)
    except (IndexError, ValueError):
        return 0


def _of_component(wasm: memoryview, depth: int) -> int:
    if depth > _MAX_DEPTH or bytes(wasm[4:8]) != _COMPONENT_LAYER:
        return 0
    total = 0
    for section, content in _sections(wasm):
        if section == _CORE_MODULE_SECTION:
            total += _of_module(content)
        elif section == _COMPONENT_SECTION:
            total += _of_component(content, depth + 1)
    return total


def _of_module(module: memoryview) -> int:
    for section, content in _sections(module):
        if section == _MEMORY_SECTION:
            return sum(_minimums(content)) * PAGE_BYTES
    return 0


def _sections(wasm: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 8
    while at < len(wasm):
        section = wasm[at]
        size, at = _unsigned(wasm, at + 1)
        yield section, wasm[at : at + size]
        at += size


def _minimums(content: memoryview) -> Iterator[int]:
    count, at = _unsigned(content, 0)
    for _ in range(min(count, 100)):
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
