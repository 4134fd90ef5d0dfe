"""The filter's program, on both machines, by an interpreter of its own."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import struct

import pytest

from wardian.worker import kernel
from wardian.worker.bpf import (
    ALLOW,
    AUDIT_NUMBERS,
    KILL,
    NEWEST_CALL,
    Rule,
    Where,
    assemble,
    refuse,
)
from wardian.worker.profiles import RULES, Profile

MACHINES = sorted(kernel.NUMBERS)
PID = 4711


def answer(program: bytes, machine: int, number: int, *arguments: int) -> int:
    """Run a program over one system call, as the kernel would."""
    padded = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=IIQ6Q", number, machine, 0, *padded)
    at = accumulator = 0
    while True:
        code, if_true, if_false, constant = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if code == 0x06:
            return constant
        if code == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, constant)
        elif code == 0x54:
            accumulator &= constant
        else:
            compared = {
                0x15: accumulator == constant,
                0x35: accumulator >= constant,
                0x25: accumulator > constant,
            }
            at += if_true if compared[code] else if_false


def decided(machine: str, profile: Profile, name: str, *arguments: int) -> int:
    rules, default = RULES[profile]
    program = assemble(rules, machine, kernel.NUMBERS[machine], default).of_process(PID)
    return answer(program, AUDIT_NUMBERS[machine], kernel.NUMBERS[machine][name], *arguments)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("mmap", (0, 4096, 3), ALLOW),
        ("mmap", (0, 4096, 5), KILL),
        ("mmap", (0, 4096, 7), KILL),
        ("mprotect", (0, 4096, 5), ALLOW),
        ("mprotect", (0, 4096, 7), KILL),
        ("openat", (0, 0, 0o2000000), ALLOW),
        ("openat", (0, 0, 1), refuse(errno.EACCES)),
        ("openat", (0, 0, 0o100), refuse(errno.EACCES)),
        ("clone", (0x3D0F00,), ALLOW),
        ("clone", (17,), KILL),
        ("clone", (0x3D0F00 | 1 << 32,), KILL),
        ("clone3", (), refuse(errno.ENOSYS)),
        ("tgkill", (PID, PID, 6), ALLOW),
        ("tgkill", (PID + 1, PID, 6), KILL),
        ("tgkill", (PID, PID, 9), KILL),
        ("sendto", (3, 0, 0, 0, 0, 0), ALLOW),
        ("sendto", (3, 0, 0, 0, 1, 0), KILL),
        ("sendto", (3, 0, 0, 0, 1 << 32, 0), KILL),
        ("futex", (0, 128), ALLOW),
        ("futex", (0, 9 | 256), ALLOW),
        ("futex", (0, 6), refuse(errno.ENOSYS)),
        ("futex", (0, 7 | 128), refuse(errno.ENOSYS)),
        ("prctl", (15,), ALLOW),
        ("prctl", (4,), refuse(errno.EPERM)),
        ("clock_gettime", (1,), ALLOW),
        ("clock_gettime", (0xFFFFFFFE,), KILL),
        ("rt_sigaction", (33,), ALLOW),
        ("rt_sigaction", (11,), KILL),
        ("unshare", (), KILL),
        ("mount", (), KILL),
    ],
)
def test_a_worker_may_make_calls_with_these_arguments_only(
    machine: str, name: str, arguments: tuple[int, ...], expected: int
) -> None:
    assert decided(machine, Profile.WORKER, name, *arguments) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_a_worker_alone_makes_no_code_and_no_thread_and_opens_nothing(machine: str) -> None:
    assert decided(machine, Profile.ALONE, "mprotect", 0, 4096, 5) == KILL
    assert decided(machine, Profile.ALONE, "mprotect", 0, 4096, 3) == ALLOW
    assert decided(machine, Profile.ALONE, "clone", 0x3D0F00) == KILL
    assert decided(machine, Profile.ALONE, "openat") == refuse(errno.EACCES)
    assert decided(machine, Profile.ALONE, "seccomp", 1, 1) == KILL
    assert decided(machine, Profile.SHARED, "seccomp", 1, 1) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_in_another_convention_end_the_process(machine: str) -> None:
    rules, default = RULES[Profile.WORKER]
    program = assemble(rules, machine, kernel.NUMBERS[machine], default).of_process(PID)
    getpid = kernel.NUMBERS[machine]["getpid"]

    assert answer(program, AUDIT_NUMBERS[machine], getpid) == ALLOW
    assert answer(program, 0x40000003, getpid) == KILL  # 32-bit programs
    assert answer(program, AUDIT_NUMBERS[machine], getpid | 0x40000000) == KILL  # x32


def test_calls_that_came_later_do_not_exist() -> None:
    program = assemble([Rule(("getpid",))], "x86_64", kernel.NUMBERS["x86_64"]).of_process(PID)
    machine = AUDIT_NUMBERS["x86_64"]

    assert answer(program, machine, NEWEST_CALL + 1) == refuse(errno.ENOSYS)
    assert answer(program, machine, NEWEST_CALL) == KILL


def test_every_condition_of_a_rule_must_hold() -> None:
    rule = Rule(("openat",), (Where(0, (1, 2)), Where(1, (4,), mask=6)), otherwise=refuse(1))
    program = assemble([rule], "x86_64", kernel.NUMBERS["x86_64"]).of_process(PID)
    machine, openat = AUDIT_NUMBERS["x86_64"], kernel.NUMBERS["x86_64"]["openat"]

    assert answer(program, machine, openat, 2, 5) == ALLOW
    assert answer(program, machine, openat, 1, 4) == ALLOW
    assert answer(program, machine, openat, 3, 4) == refuse(1)
    assert answer(program, machine, openat, 1, 2) == refuse(1)


@pytest.mark.parametrize("profile", list(Profile))
def test_no_call_is_decided_twice(profile: Profile) -> None:
    rules, _ = RULES[profile]
    names = [name for rule in rules for name in rule.calls]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_libseccomp(machine: str) -> None:
    found = ctypes.util.find_library("seccomp")
    if found is None:
        pytest.skip("libseccomp is not installed")
    resolve = ctypes.CDLL(found).seccomp_syscall_resolve_name_arch
    resolve.argtypes = [ctypes.c_uint32, ctypes.c_char_p]

    for name, number in kernel.NUMBERS[machine].items():
        assert resolve(AUDIT_NUMBERS[machine], name.encode()) == number, name
    missing = set(kernel.NUMBERS["x86_64"]) - set(kernel.NUMBERS[machine])
    assert all(resolve(AUDIT_NUMBERS[machine], name.encode()) < 0 for name in missing)
