"""A program for seccomp, from a list of system calls: the assembler, which knows no policy.

A program is a list of instructions of the classic Berkeley packet filter, over the number, the
machine and the arguments of a system call (Linux, ``Documentation/userspace-api/seccomp_filter``;
``struct seccomp_data``). Each rule becomes a block that ends in a return whatever happens, so
that blocks need no knowledge of each other. The kernel runs the program once for every call
whose answer depends on arguments; what is always allowed it remembers (since Linux 5.11).
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ALLOW = 0x7FFF0000
KILL = 0x80000000
"""End the whole process, with SIGSYS; it cannot be caught."""


def refuse(code: int) -> int:
    """The action that answers a call with this error number."""
    return 0x00050000 | code


AUDIT_NUMBERS = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""How the kernel names the convention that a call was made in (``linux/audit.h``)."""

X32_BIT = 0x40000000
"""On x86_64 the same convention has a second set of numbers, which nothing here uses."""

NEWEST_CALL = 466
"""The last number when this was written (Linux 6.15). A later call is answered ENOSYS, as by an
older kernel, so that a library which tries it falls back."""

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_IF_EQUAL, _IF_AT_LEAST, _IF_ABOVE = 0x15, 0x35, 0x25
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
_INSTRUCTION = struct.Struct("=HBBI")

Instruction = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Where:
    """One argument's low 32 bits, under ``mask``, must be one of ``values``.

    ``whole`` demands that the upper 32 bits are zero, for arguments that the kernel does not cut.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of some system calls: ``action`` if all conditions hold, else ``otherwise``."""

    calls: tuple[str, ...]
    conditions: tuple[Where, ...] = ()
    action: int = ALLOW
    otherwise: int = KILL


OWN_PROCESS = 0x7FFFFFFF
"""Stands for the process that the program is installed in, until ``Program.of_process``."""


class Program:
    """A program that needs one more thing: the number of the process it is for."""

    def __init__(self, code: bytes) -> None:
        self._code = bytearray(code)
        self._own = [
            place + 4
            for place in range(0, len(code), _INSTRUCTION.size)
            if _INSTRUCTION.unpack_from(code, place)[3] == OWN_PROCESS
        ]

    @property
    def length(self) -> int:
        """Instructions."""
        return len(self._code) // _INSTRUCTION.size

    def of_process(self, pid: int) -> bytes:
        """Return the program for one process."""
        for place in self._own:
            struct.pack_into("=I", self._code, place, pid)
        return bytes(self._code)


def assemble(
    rules: Iterable[Rule], machine: str, numbers: Mapping[str, int], default: int = KILL
) -> Program:
    """Make a program out of rules; the first one that names a call decides it.

    Rules for calls that the machine does not have are left out.
    """
    code: list[Instruction] = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_IF_EQUAL, 1, 0, AUDIT_NUMBERS[machine]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IF_AT_LEAST, 0, 1, X32_BIT),
        (_RETURN, 0, 0, KILL),
    ]
    if default != ALLOW:
        code += [(_IF_ABOVE, 0, 1, NEWEST_CALL), (_RETURN, 0, 0, refuse(errno.ENOSYS))]
    for rule in rules:
        block = _block(rule)
        for name in rule.calls:
            if name in numbers:
                code += [(_IF_EQUAL, 0, len(block), numbers[name]), *block]
    code.append((_RETURN, 0, 0, default))
    return Program(b"".join(_INSTRUCTION.pack(*instruction) for instruction in code))


def _block(rule: Rule) -> list[Instruction]:
    code: list[Instruction] = []
    for where in rule.conditions:
        code += _condition(where, rule.otherwise)
    return [*code, (_RETURN, 0, 0, rule.action)]


def _condition(where: Where, otherwise: int) -> list[Instruction]:
    """Go on behind this if the condition holds, else return ``otherwise``."""
    place = _ARGUMENTS_AT + 8 * where.argument
    code: list[Instruction] = []
    if where.whole:
        # Both machines are little-endian: the upper half comes second.
        code += [(_LOAD, 0, 0, place + 4), (_IF_EQUAL, 1, 0, 0), (_RETURN, 0, 0, otherwise)]
    code.append((_LOAD, 0, 0, place))
    if where.mask != 0xFFFFFFFF:
        code.append((_AND, 0, 0, where.mask))
    left = len(where.values)
    for value in where.values:
        code.append((_IF_EQUAL, left, 0, value))
        left -= 1
    return [*code, (_RETURN, 0, 0, otherwise)]
