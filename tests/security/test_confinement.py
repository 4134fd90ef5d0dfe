"""Hostile native code in a confined worker: each attempt fails.

The workers are real: forked by the real zygote, confined by the real code, and then told by the
test which system calls to make, as somebody would who broke out of WebAssembly.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from puppets import KILLED, Allowed, Died, Outcome, Refused, puppet_of, zygote_of
from security.attacks import (
    CALLS,
    FILES,
    KILLING,
    QUIET,
    SIGABRT,
    WRITES,
    Attack,
    World,
    made,
    make_a_mapping_executable,
    opening,
    world_around,
)
from wardian.runtime.executor.zygote import Zygote
from wardian.worker import kernel
from wardian.worker.bpf import NEWEST_CALL
from wardian.worker.confinement import MAX_DESCRIPTORS
from wardian.worker.profiles import RULES, Profile
from zygotes import NOBODY

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="calls are made by number"),
]

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="takes root to arrange")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user of this machine can reach, unlike pytest's own."""
    made_here = Path(tempfile.mkdtemp(prefix="wardian-"))
    made_here.chmod(0o755)
    yield made_here
    shutil.rmtree(made_here)


@asynccontextmanager
async def besieged(folder: Path, entry: str) -> AsyncIterator[tuple[Zygote, World]]:
    """A zygote, and what there is to attack around its workers."""
    code = folder / "code"
    code.mkdir()
    if entry == "hostile_as_nobody":
        os.chown(code, NOBODY, NOBODY)
    async with zygote_of(code, entry) as zygote, puppet_of(zygote) as sister:
        with world_around(folder, code, sister) as world:
            yield zygote, world


async def outcome_of(
    attack: Attack, zygote: Zygote, world: World, *, alone: bool = False
) -> Outcome:
    """Try an attack in a worker of its own, which has taken its first call."""
    async with puppet_of(zygote) as puppet:
        await puppet.settle(alone=alone)
        return await attack(puppet, world)


async def outcomes_of(
    attacks: Mapping[str, Attack], zygote: Zygote, world: World, *, alone: bool = False
) -> dict[str, Outcome]:
    return {
        name: await outcome_of(attack, zygote, world, alone=alone)
        for name, attack in attacks.items()
    }


def assert_complete(zygote: Zygote) -> None:
    """Skip where this machine lacks what workers are confined with, as another program sees it."""
    missing = zygote.protections.missing()
    if missing and subprocess.run(["unshare", "-Urnm", "true"], check=False).returncode:
        pytest.skip(f"this machine lacks {missing}")
    assert missing == []


ENTRIES = ["hostile", pytest.param("hostile_as_nobody", marks=root_only)]


@pytest.mark.parametrize("alone", [False, True], ids=["shared", "alone"])
@pytest.mark.parametrize("entry", ENTRIES)
async def test_native_code_in_a_worker_gets_nowhere(folder: Path, entry: str, alone: bool) -> None:
    async with besieged(folder, entry) as (zygote, world):
        assert_complete(zygote)
        assert await outcomes_of(KILLING, zygote, world, alone=alone) == dict.fromkeys(
            KILLING, KILLED
        )
        quiet = {name: attack for name, (attack, _) in QUIET.items()}
        expected = {name: outcome for name, (_, outcome) in QUIET.items()}
        if alone:
            expected |= dict.fromkeys(GONE_WHEN_ALONE, KILLED)
        assert await outcomes_of(quiet, zygote, world, alone=alone) == expected
        assert await outcomes_of(WRITES, zygote, world, alone=alone) == dict.fromkeys(
            WRITES, Refused("EACCES")
        )
        reads = await outcomes_of(FILES, zygote, world, alone=alone)
        refused = Refused("EACCES") if alone else Refused("ENOENT")
        assert reads == dict.fromkeys(FILES, refused) | {
            "list compiled code": Refused("EACCES"),
        }
        assert world.database.read_bytes() == world.other_code.read_bytes() == b"secret"
        assert not (folder / "made").exists()


GONE_WHEN_ALONE = [
    "let its memory be dumped",
    "survive its parent",
    "let anybody trace it",
    "filter itself",
    "look where its sister runs",
]


@pytest.mark.parametrize("alone", [False, True], ids=["shared", "alone"])
async def test_what_remains_allowed_is_what_calls_need(folder: Path, alone: bool) -> None:
    """Compiled code is read-only and known by a digest that cannot be guessed.

    A worker alone has loaded its component: it opens nothing, and makes no code and no thread.
    """
    remaining: dict[str, Attack] = {
        "read compiled code whose name it knows": opening(lambda w: w.other_code, os.O_RDONLY),
        "make written memory executable": make_a_mapping_executable,
        "wait for events": made("eventfd2", 0, 0),
    }
    async with besieged(folder, "hostile") as (zygote, world):
        found = await outcomes_of(remaining, zygote, world, alone=alone)

    if alone:
        assert list(found.values()) == [Refused("EACCES"), KILLED, KILLED]
    else:
        assert all(isinstance(outcome, Allowed) for outcome in found.values()), found


async def test_every_other_system_call_ends_the_process(folder: Path) -> None:
    rules, _ = RULES[Profile.WORKER]
    known = kernel.NUMBERS[kernel.MACHINE]
    named = {known.get(name) for rule in rules for name in rule.calls}
    async with besieged(folder, "hostile") as (zygote, _):
        for number in range(NEWEST_CALL + 1):
            if number not in named | PAST_EVERY_FILTER:
                async with puppet_of(zygote) as puppet:
                    assert await puppet.make(number, 0, 0, 0, 0, 0, 0) == KILLED, number


PAST_EVERY_FILTER = {335, 336}
"""The kernel's own: a function that an administrator probes makes them, and they do nothing
otherwise. Linux passes them by the filters."""


async def test_a_worker_can_end_itself_and_is_said_to_have_done_so(folder: Path) -> None:
    async with besieged(folder, "hostile") as (zygote, _), puppet_of(zygote) as puppet:
        assert await puppet.make(CALLS["tgkill"], puppet.pid, puppet.pid, SIGABRT) == Died(
            "SIGABRT"
        )


async def test_a_worker_has_its_socket_and_nothing_else_of_the_broker(folder: Path) -> None:
    async with besieged(folder, "hostile") as (zygote, _), puppet_of(zygote) as puppet:
        get_flags = 1
        held = [
            number
            for number in range(256)
            if await puppet.make(CALLS["fcntl"], number, get_flags) != Refused("EBADF")
        ]

    standard_three, socket_and_statm = 3, 2
    assert len(held) == standard_three + socket_and_statm


async def test_a_worker_of_a_broker_with_many_descriptors_has_no_more(folder: Path) -> None:
    with ExitStack() as held:
        for _ in range(2 * MAX_DESCRIPTORS):
            held.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        async with besieged(folder, "hostile") as (zygote, _), puppet_of(zygote) as puppet:
            open_ones = [
                number
                for number in range(4 * MAX_DESCRIPTORS)
                if await puppet.make(CALLS["fcntl"], number, 1) != Refused("EBADF")
            ]

    assert len(open_ones) == 5
    assert max(open_ones) < MAX_DESCRIPTORS


@root_only
async def test_no_page_of_a_worker_is_writable_and_executable(folder: Path) -> None:
    async with besieged(folder, "hostile") as (zygote, _), puppet_of(zygote) as puppet:
        rights = {
            line.split()[1] for line in Path(f"/proc/{puppet.pid}/maps").read_text().splitlines()
        }
        status = Path(f"/proc/{puppet.pid}/status").read_text()

    assert "r-xp" in rights
    assert not [right for right in rights if "w" in right and "x" in right]
    assert "NoNewPrivs:\t1" in status
    assert "CapEff:\t0000000000000000" in status
    assert "CapPrm:\t0000000000000000" in status
    assert "Seccomp:\t2" in status


# -- that the tests above can fail, and what each protection does alone ---------------------

SAMPLE = {
    name: (FILES | WRITES | KILLING)[name]
    for name in (
        "read the database",
        "write to the database",
        "write to another's compiled code",
        "look at a file",
        "change a file's rights",
        "connect over TCP",
        "send over UDP",
        "connect to a named socket",
        "connect to an abstract socket",
        "fork",
        "trace its sister",
        "read the broker's memory",
        "signal the broker",
        "enter new namespaces",
        "use the kernel's keys",
        "map memory to write and run",
        "call as 32-bit programs do",
    )
}
"""What any Linux lets root do, and most of it anybody."""

BY_LANDLOCK = {
    "read the database": "EACCES",
    "write to the database": "EACCES",
    "write to another's compiled code": "EACCES",
    "connect over TCP": "EACCES",
    "connect to an abstract socket": "EPERM",
    "trace its sister": "EPERM",
    "read the broker's memory": "EPERM",
    "signal the broker": "EPERM",
}
BY_NAMESPACES = {
    "read the database": "ENOENT",
    "write to the database": "ENOENT",
    "write to another's compiled code": "EROFS",
    "look at a file": "ENOENT",
    "change a file's rights": "ENOENT",
    "connect over TCP": "ENETUNREACH",
    "send over UDP": "ENETUNREACH",
    "connect to a named socket": "ENOENT",
    "connect to an abstract socket": "ECONNREFUSED",
    "trace its sister": "EPERM",
    "read the broker's memory": "EPERM",
}
BY_SECCOMP = dict.fromkeys(SAMPLE, "SIGSYS") | {
    "write to the database": "EACCES",
    "write to another's compiled code": "EACCES",
    "look at a file": "EACCES",
}
del BY_SECCOMP["read the database"]


@root_only
@pytest.mark.parametrize(
    ("entry", "stopped"),
    [
        ("hostile_without_anything", {}),
        ("hostile_with_landlock_only", BY_LANDLOCK),
        ("hostile_with_namespaces_only", BY_NAMESPACES),
        ("hostile_with_seccomp_only", BY_SECCOMP),
        ("hostile_without_seccomp", BY_LANDLOCK | BY_NAMESPACES),
    ],
)
async def test_each_protection_stops_its_part_and_without_it_that_part_succeeds(
    folder: Path, entry: str, stopped: dict[str, str]
) -> None:
    async with besieged(folder, entry) as (zygote, world):
        assert zygote.protections.missing()
        found = await outcomes_of(SAMPLE, zygote, world)

    assert {name for name, outcome in found.items() if isinstance(outcome, Allowed)} == {
        name for name in SAMPLE if name not in stopped
    }
    if entry != "hostile_without_seccomp":  # where two refuse, the error is of either
        assert {name: str(found[name]) for name in stopped} == {
            name: str(KILLED if error == "SIGSYS" else Refused(error))
            for name, error in stopped.items()
        }
