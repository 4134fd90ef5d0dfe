"""The sandbox levels: the one place with their numbers (design, section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wardian.policy.limits import MIB, Limits


class Level(StrEnum):
    """How far the operator trusts a plugin."""

    TRUSTED = "trusted"
    STANDARD = "standard"
    RESTRICTED = "restricted"
    ISOLATED = "isolated"


class Reveal(StrEnum):
    """Whether ``credentials.reveal`` can be granted."""

    IF_GRANTED = "if granted"
    NEVER = "never"


class RunsIn(StrEnum):
    """Where a level's calls run."""

    THREAD = "a thread of the host"
    WORKER = "a worker process of the tenant"
    NEW_PROCESS = "a new process for every call"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPolicy:
    """What a level allows and what it costs."""

    runs_in: RunsIn
    reuses_instance: bool
    wasi: bool
    reveal: Reveal
    limits: Limits


LEVELS: dict[Level, LevelPolicy] = {
    Level.TRUSTED: LevelPolicy(
        runs_in=RunsIn.THREAD,
        reuses_instance=True,
        wasi=True,
        reveal=Reveal.IF_GRANTED,
        limits=Limits(
            wall_seconds=60.0,
            fuel=None,
            memory_bytes=1024 * MIB,
            table_elements=1_000_000,
            host_calls=100_000,
            http_requests=200,
            log_lines=10_000,
            events=1_000,
            argument_bytes=64 * MIB,
            result_bytes=64 * MIB,
        ),
    ),
    Level.STANDARD: LevelPolicy(
        runs_in=RunsIn.WORKER,
        reuses_instance=True,
        wasi=True,
        reveal=Reveal.NEVER,
        limits=Limits(
            wall_seconds=10.0,
            fuel=200_000_000_000,
            memory_bytes=256 * MIB,
            host_calls=10_000,
            http_requests=32,
            log_lines=1_000,
            events=100,
            argument_bytes=8 * MIB,
            result_bytes=8 * MIB,
        ),
    ),
    Level.RESTRICTED: LevelPolicy(
        runs_in=RunsIn.WORKER,
        reuses_instance=False,
        wasi=True,
        reveal=Reveal.NEVER,
        limits=Limits(),
    ),
    Level.ISOLATED: LevelPolicy(
        runs_in=RunsIn.NEW_PROCESS,
        reuses_instance=False,
        wasi=False,
        reveal=Reveal.NEVER,
        limits=Limits(
            wall_seconds=1.0,
            fuel=20_000_000_000,
            memory_bytes=64 * MIB,
            host_calls=100,
            http_requests=0,
            log_lines=100,
            events=10,
            argument_bytes=1 * MIB,
            result_bytes=1 * MIB,
        ),
    ),
}
"""Design, section 6. Fuel is set so that the wall clock is met first by ordinary code: it is
the second, deterministic bound."""
