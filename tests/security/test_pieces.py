"""What an agent says before its answer is whole: bounded, clean, and only while it is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agents import ASK, agent, asked
from forms import FORMS
from hosts import WASM, FakeHost, fake_host
from packages import package
from wardian import Settings, open_host
from wardian.capabilities.answering import OnPiece
from wardian.errors import DeadlineExceeded, GuestError, Trap
from wardian.policy.bindings import parse_binding
from wardian.policy.leaks import Leaks
from wardian.policy.secret import SHOWN, Secret
from wardian.runtime.calls import CallRequest
from wardian.runtime.entrance import Entrance
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.views import CallOutcome
from wardian.vault import Bound, Kind

pytestmark = pytest.mark.anyio

CANARY = "c4nary+Tok/en-9zQ7"

USES = """
[[permissions]]
permission = "credentials:use:*"
reason = "Signs in."
[[permissions]]
permission = "plugins:call:*"
reason = "Asks another."
"""


async def put(
    entrance: Entrance, name: str, on_piece: OnPiece | None, arguments: Any, **more: Any
) -> CallOutcome:
    request = CallRequest(
        function=more.pop("function", ASK),
        arguments=arguments,
        on_piece=on_piece,
        question="asked",
        **more,
    )
    return await entrance.call(partial(entrance.named, "default", name), request)


async def say(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    """Emit what it is told to, and return what it was answered."""
    return [await answer("answering", "emit", [piece]) for piece in arguments["pieces"]]


async def pass_on(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    told = json.dumps({"pieces": arguments["pieces"]})
    return await answer("plugins", "call", ["other", "*", "say", told])


async def trap(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    await say(arguments, answer)
    raise Trap


@asynccontextmanager
async def opened(folder: Path, more: str = "", **bodies: Any) -> AsyncIterator[FakeHost]:
    async with fake_host(folder, {ASK: say, "say": say, "pass-on": pass_on} | bodies) as made:
        await made.host.install(package("stores", WASM, USES + more), grants="all")
        yield made


class Listener:
    """Hears pieces."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, piece: str) -> None:
        self.heard.append(piece)


async def test_pieces_of_a_real_agent_are_heard_before_its_answer(tmp_path: Path) -> None:
    listener = Listener()
    async with open_host(Settings(data_dir=tmp_path / "data", workers_max=1)) as host:
        await host.install(agent("talker", emits=True), grants="all")
        outcome = await put(host._parts.entrance, "talker", listener, asked("p", "a", "é"))
        unheard = await put(host._parts.entrance, "talker", None, asked("p"))

    assert listener.heard == [json.dumps(["p", "a", "é"])] * 2
    assert outcome.result["output"] == listener.heard[0]
    assert outcome.usage.host_calls == 2
    assert unheard.result["output"] == json.dumps(["p"])


async def test_pieces_without_end_end_at_the_limit_of_a_result(tmp_path: Path) -> None:
    listener = Listener()
    async with opened(tmp_path) as made:
        outcome = await put(
            made.parts.entrance,
            "stores",
            listener,
            {"pieces": ["x" * 400] * 2_000},
            limits={"result_bytes": 10_000},
        )

    assert "".join(listener.heard) == "x" * 10_000
    refused = [each for each in outcome.result if each["tag"] == "err"]
    assert len(refused) == 2_000 - 25
    assert {each["val"]["tag"] for each in refused} == {"exhausted"}


async def test_pieces_of_nothing_end_at_the_limit_of_host_calls(tmp_path: Path) -> None:
    listener = Listener()
    async with opened(tmp_path) as made:
        outcome = await put(made.parts.entrance, "stores", listener, {"pieces": [""] * 1_500})

    assert listener.heard == []
    assert [each["tag"] for each in outcome.result].count("ok") == 1_000


async def test_only_a_question_is_answered_in_pieces(tmp_path: Path) -> None:
    listener = Listener()
    async with opened(tmp_path) as made:
        await made.host.install(package("another", WASM, 'capabilities = ["other"]'), grants="all")
        told = {"pieces": ["one"]}
        (said,) = (await put(made.parts.entrance, "stores", listener, told, function="say")).result
        nested = await put(made.parts.entrance, "stores", listener, told, function="pass-on")

    assert listener.heard == []
    assert said["val"]["tag"] == "unavailable"
    assert json.loads(nested.result["val"]["val"])[0]["val"]["tag"] == "unavailable"


@pytest.mark.parametrize("size", [1, 4, 40])
@pytest.mark.parametrize("form", FORMS)
async def test_no_listener_hears_a_credential_however_it_is_cut_and_written(
    tmp_path: Path, form: str, size: int
) -> None:
    listener = Listener()
    written = f"It is <{FORMS[form](CANARY)}>, you see."
    async with opened(tmp_path) as made:
        await made.parts.vault.put(
            "default",
            owner=None,
            name="token",
            kind=Kind.BEARER,
            public={},
            secrets={"token": Secret(CANARY)},
            bound=Bound(origins=(parse_binding("https://api.example.org/"),)),
        )
        pieces = [written[at : at + size] for at in range(0, len(written), size)]
        await put(made.parts.entrance, "stores", listener, {"pieces": pieces})

    heard = "".join(listener.heard)
    assert not Leaks([CANARY]).found(heard)
    assert SHOWN in heard
    assert heard == Leaks([CANARY]).redacted(written)


async def test_who_listens_slowly_takes_the_agent_no_more_than_its_own_time(
    tmp_path: Path,
) -> None:
    async def stuck(piece: str) -> None:
        await asyncio.Event().wait()

    async with opened(tmp_path) as made:
        with pytest.raises(DeadlineExceeded):
            await put(
                made.parts.entrance,
                "stores",
                stuck,
                {"pieces": ["one"]},
                limits={"wall_seconds": 0.05},
            )


async def test_an_agent_that_was_heard_is_not_asked_again_by_itself(tmp_path: Path) -> None:
    listener = Listener()
    around = (
        f'[[enhancements]]\nfunction = "{ASK}"\n'
        'retry = { attempts = 3, on = ["trap"], backoff_seconds = 0 }\n'
    )
    async with opened(tmp_path, around, **{ASK: trap}) as made:
        for hears, times in ((listener, 1), (None, 3)):
            made.executor.jobs.clear()
            with pytest.raises(Trap):
                await put(made.parts.entrance, "stores", hears, {"pieces": ["one"]})
            assert len(made.executor.jobs) == times

    assert listener.heard == ["one"]


async def test_a_recording_has_the_pieces_and_its_replay_tells_nobody(tmp_path: Path) -> None:
    listener = Listener()
    async with open_host(Settings(data_dir=tmp_path / "data", workers_max=1)) as host:
        await host.install(agent("talker", emits=True), grants="all")
        await host.recordings.set_calls("talker", 5)
        await put(host._parts.entrance, "talker", listener, asked("p"), call_id="mine")
        await host._parts.recorder.flush()
        recording = await host.recordings.find("default", "mine")
        again = await host.replays.one("mine", None, tenant="default")

    heard = json.dumps(["p"])
    assert [(each.function, each.arguments) for each in recording.host_calls] == [
        ("emit", [heard]),
        ("emit", [heard]),
    ]
    assert again.same
    assert listener.heard == [heard, heard]


async def test_an_agent_that_fails_says_nothing_of_what_was_held_back(tmp_path: Path) -> None:
    listener = Listener()

    async def refuse(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        await say(arguments, answer)
        raise GuestError(payload="no")

    async with opened(tmp_path, **{ASK: refuse}) as made:
        await made.parts.vault.put(
            "default",
            owner=None,
            name="token",
            kind=Kind.BEARER,
            public={},
            secrets={"token": Secret(CANARY)},
            bound=Bound(origins=(parse_binding("https://api.example.org/"),)),
        )
        with pytest.raises(GuestError):
            await put(made.parts.entrance, "stores", listener, {"pieces": ["a c4nary+"]})

    assert "".join(listener.heard) == "a "
