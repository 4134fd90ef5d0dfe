"""What a test takes to play a worker, honest or not, for a real broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from wardian.policy.levels import Level
from wardian.policy.limits import Limits
from wardian.runtime.executor import Job
from wardian.runtime.executor.artifacts import Artifact
from wardian.sandbox import Description
from wardian.worker.protocol import Message, encode_frame

ENCODER = msgspec.msgpack.Encoder()
DESCRIPTION = Description(digest="0", size_bytes=1, imports=[], exports=[], functions={})
ARTIFACT = Artifact(Path("x"), DESCRIPTION)


class Alive:
    """A body that is there as long as nobody kills it."""

    killed = False
    orphaned = False

    def alive(self) -> bool:
        return not self.killed

    def kill(self) -> None:
        self.killed = True

    def cpu_seconds(self) -> float:
        return 0.0

    def step_back(self) -> None:
        """It has no priority to lose."""

    def close(self) -> None:
        self.killed = True

    async def how_it_ended(self) -> str:
        return "it lied"


async def answered(interface: str, function: str, arguments: list[Any]) -> Any:
    return {"tag": "ok", "val": None}


async def never_loaded() -> bytes:
    raise AssertionError("not compiled here")


def some_job(arguments: dict[str, Any], **limits: Any) -> Job:
    return Job(
        call_id="test",
        tenant="default",
        level=Level.RESTRICTED,
        digest="0",
        load=never_loaded,
        function="f",
        arguments=arguments,
        limits=Limits(**{"wall_seconds": 1.0, **limits}),
    )


def frame(message: Message) -> bytes:
    return bytes(encode_frame(message, ENCODER))
