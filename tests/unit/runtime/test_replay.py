"""Replay: the answers of then, in the order of then, and nothing else."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from hosts import FakeHost, fake_host, package
from wardian.errors import GuestError, InvalidArguments, NotFound, Revoked, Trap
from wardian.policy.redaction import MARKER
from wardian.policy.usage import Usage
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.replay import ReplayReport
from wardian.runtime.rerun import ReplayOutcome
from wardian.runtime.script import DIFFERENCES_MAX

pytestmark = pytest.mark.anyio

Arguments = Mapping[str, Any]


@dataclass
class Plugin:
    """What the fake component does now: host calls, then a result or an error."""

    calls: list[list[Any]] = field(default_factory=list)
    result: Any = None
    error: Exception | None = None
    answers: list[Any] = field(default_factory=list)
    gives_answers: bool = False

    async def run(self, arguments: Arguments, answer: HostCalls) -> Any:
        self.answers = [await answer(*each) for each in self.calls]
        if self.error is not None:
            raise self.error
        return self.answers if self.gives_answers else self.result


class Replayed:
    """A host whose one plugin can be another from one moment to the next."""

    def __init__(self, made: FakeHost, plugin: Plugin) -> None:
        self.made = made
        self.plugin = plugin

    async def record(self, arguments: Arguments | None = None, **changes: Any) -> None:
        """Let the plugin do what ``changes`` say, and record it under the id ``mine``."""
        self.change(**changes)
        with contextlib.suppress(GuestError, Trap):
            await self.made.host.call("stores", "run", arguments or {}, call_id="mine")

    async def again(self, **changes: Any) -> ReplayOutcome:
        """Run the recording again, on a plugin that does something else."""
        self.change(**changes)
        return await self.made.host.replays.one("mine", None, tenant="default")

    def change(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self.plugin, name, value)


@pytest.fixture
async def replayed(tmp_path: Path) -> AsyncIterator[Replayed]:
    plugin = Plugin()
    async with fake_host(tmp_path, {"run": plugin.run}) as made:
        await made.host.install(package(), grants="all")
        await made.host.recordings.set_calls("stores", 20)
        yield Replayed(made, plugin)


def described(outcome: ReplayOutcome) -> list[tuple[str, str]]:
    return [(each.place, each.kind) for each in outcome.differences]


def case_of(answer: Any) -> str:
    assert answer["tag"] == "err"
    return str(answer["val"]["tag"])


INCREMENT = ["kv", "increment", ["n", 2]]
GET = ["kv", "get", ["n"]]


async def test_the_same_again_is_the_same_and_nothing_happens(replayed: Replayed) -> None:
    host = replayed.made.host
    publish = ["events", "publish", ["orders.new", "[1]", None]]
    await replayed.record(calls=[INCREMENT, publish, INCREMENT, GET], gives_answers=True)
    given = replayed.plugin.answers
    before = await host.events.recent(100, "*", tenant="default")
    (job,) = replayed.made.executor.jobs

    outcome = await replayed.again()

    assert (outcome.same, outcome.differences, outcome.left_out) == (True, [], 0)
    assert replayed.plugin.answers == given
    assert await host.events.recent(100, "*", tenant="default") == before
    await replayed.record(calls=[GET])
    assert replayed.plugin.answers == [{"tag": "ok", "val": "4"}]
    again = replayed.made.executor.jobs[1]
    assert (again.arguments, again.limits, again.level) == (job.arguments, job.limits, job.level)
    assert again.call_id != job.call_id


async def test_a_replay_is_neither_counted_nor_recorded(replayed: Replayed) -> None:
    await replayed.record()
    await replayed.made.parts.recorder.flush()
    counted = await of_plugins(replayed)
    assert counted

    await replayed.again()

    assert await of_plugins(replayed) == counted
    assert (await replayed.made.host.recordings.page("stores")).kept == 1


async def of_plugins(replayed: Replayed) -> list[str]:
    """Return what is counted of plugins; what the process itself uses goes on."""
    metrics = (await replayed.made.host.metrics()).decode()
    return [line for line in metrics.splitlines() if 'plugin="' in line]


async def test_a_plugin_without_its_grants_is_answered_as_then(replayed: Replayed) -> None:
    await replayed.record(calls=[INCREMENT], gives_answers=True)
    await replayed.made.host.set_grants("stores", [])
    await replayed.made.host.disable("stores")

    assert (await replayed.again()).same


async def test_a_result_that_differs_is_shown_at_its_place(replayed: Replayed) -> None:
    await replayed.record(result={"items": [{"price": 1.5}, {"price": math.nan}]})

    outcome = await replayed.again(result={"items": [{"price": 1.25}, {"price": math.nan}]})

    (only,) = outcome.differences
    assert (only.place, only.before, only.after) == ("result.items[0].price", 1.5, 1.25)
    assert not outcome.same


async def test_integers_of_64_bits_bytes_and_nan_are_the_same_again(replayed: Replayed) -> None:
    await replayed.record(result=[2**64 - 1, -(2**63), b"\0\xff", math.nan, -0.0])
    assert (await replayed.again()).same

    outcome = await replayed.again(result=[2**64 - 2, -(2**63), b"\0\xfe", math.nan, 0.0])
    assert [each.place for each in outcome.differences] == ["result[0]", "result[2]", "result[4]"]


async def test_errors_are_compared_by_type_and_payload(replayed: Replayed) -> None:
    await replayed.record(error=GuestError(payload={"code": 7}))
    assert (await replayed.again()).same

    outcome = await replayed.again(error=GuestError(payload={"code": 8}))
    assert described(outcome) == [("error.payload.code", "changed")]

    outcome = await replayed.again(error=Trap("unreachable", usage=Usage(fuel=9)))
    assert ("error.type", "changed") in described(outcome)
    assert outcome.after.fuel == 9

    outcome = await replayed.again(error=None)
    (only,) = outcome.differences
    assert (only.place, only.after) == ("error", None)
    assert only.before["payload"] == {"code": 7}


async def test_an_error_that_is_new_is_shown(replayed: Replayed) -> None:
    await replayed.record(result=5)

    outcome = await replayed.again(error=Trap("integer divide by zero"))

    (only,) = outcome.differences
    assert (only.place, only.before) == ("error", None)
    assert only.after == {"type": "trap", "message": "integer divide by zero"}


async def test_a_call_with_other_arguments_is_a_difference_and_does_not_happen(
    replayed: Replayed,
) -> None:
    await replayed.record(calls=[GET, ["kv", "set", ["a", "1", None]]])

    outcome = await replayed.again(calls=[GET, ["kv", "set", ["a", "2", None]]])

    (only,) = outcome.differences
    assert (only.place, only.kind) == ("host-call 2", "changed")
    assert only.before == {"function": "kv.set", "arguments": ["a", "1", None]}
    assert only.after == {"function": "kv.set", "arguments": ["a", "2", None]}
    assert case_of(replayed.plugin.answers[1]) == "unavailable"
    assert replayed.plugin.answers[1]["val"]["val"].startswith("replay: kv.set")
    await replayed.record(calls=[["kv", "get", ["a"]]])
    assert replayed.plugin.answers == [{"tag": "ok", "val": "1"}]


async def test_a_call_that_was_not_recorded_does_not_happen(replayed: Replayed) -> None:
    await replayed.record(calls=[GET])

    outcome = await replayed.again(calls=[GET, ["kv", "delete", ["n"]]])

    (only,) = outcome.differences
    assert (only.place, only.kind, only.before) == ("host-call 2", "added", None)
    assert case_of(replayed.plugin.answers[1]) == "unavailable"


async def test_the_same_call_is_answered_as_often_as_it_was_recorded(replayed: Replayed) -> None:
    await replayed.record(calls=[INCREMENT, INCREMENT])

    outcome = await replayed.again(calls=[INCREMENT, INCREMENT, INCREMENT])

    assert replayed.plugin.answers[:2] == [{"tag": "ok", "val": 2}, {"tag": "ok", "val": 4}]
    assert case_of(replayed.plugin.answers[2]) == "unavailable"
    assert described(outcome) == [("host-call 3", "added")]


async def test_a_call_that_is_not_made_any_more_is_a_difference(replayed: Replayed) -> None:
    await replayed.record(calls=[GET, INCREMENT])

    outcome = await replayed.again(calls=[INCREMENT])

    assert described(outcome) == [("host-call 1", "removed")]
    assert replayed.plugin.answers == [{"tag": "ok", "val": 2}]


async def test_another_order_is_a_difference_and_the_answers_are_those_of_then(
    replayed: Replayed,
) -> None:
    await replayed.record(calls=[GET, INCREMENT, ["kv", "get", ["other"]]])

    outcome = await replayed.again(calls=[INCREMENT, GET, ["kv", "get", ["other"]]])

    assert described(outcome) == [("host-call 2", "moved")]
    assert [answer["tag"] for answer in replayed.plugin.answers] == ["ok", "ok", "ok"]


async def test_lines_for_the_log_and_questions_to_the_configuration_are_free(
    replayed: Replayed, caplog: pytest.LogCaptureFixture
) -> None:
    await replayed.record(calls=[["logging", "log", ["info", "old", []]], GET])
    caplog.clear()

    outcome = await replayed.again(
        calls=[
            ["logging", "log", ["warn", "new", []]],
            ["config", "get", ["step"]],
            ["config", "get", ["nothing"]],
            ["config", "get-all", []],
            GET,
        ]
    )

    assert outcome.same
    log, step, nothing, everything, _ = replayed.plugin.answers
    assert (log, step) == ({"tag": "ok", "val": None}, {"tag": "ok", "val": "3"})
    assert case_of(nothing) == "not-found"
    assert json.loads(everything["val"]) == {"step": 3}
    assert "new" not in caplog.text


async def test_answers_about_the_time_left_are_those_of_then(replayed: Replayed) -> None:
    await replayed.record(calls=[["context", "remaining", []]], gives_answers=True)

    assert (await replayed.again()).same


@pytest.mark.parametrize(
    ("call", "case"),
    [
        (["kv", "get", []], "invalid"),
        (["kv", "get", [5]], "invalid"),
        (["config", "get", [["unhashable"]]], "invalid"),
        (["config", "nothing", []], "unavailable"),
        (["kv", "_put", []], "unavailable"),
        (["", "", []], "unavailable"),
        (["kv", "get", ["\ud800"]], "invalid"),
    ],
)
async def test_whatever_a_worker_sends_the_answer_is_a_wit_result(
    replayed: Replayed, call: list[Any], case: str
) -> None:
    await replayed.record()

    await replayed.again(calls=[call])

    assert case_of(replayed.plugin.answers[0]) == case


async def test_a_flood_of_differences_is_counted_and_not_kept(replayed: Replayed) -> None:
    await replayed.record()

    outcome = await replayed.again(
        calls=[["kv", "get", [f"key-{number}"]] for number in range(3_000)],
        result=list(range(3_000)),
    )

    assert len(outcome.differences) == DIFFERENCES_MAX
    assert outcome.left_out == 3_001 - DIFFERENCES_MAX


async def test_large_arguments_are_compared_like_others(replayed: Replayed) -> None:
    large = ["kv", "set", ["a", "x" * 100_000, None]]
    await replayed.record(calls=[large])

    assert (await replayed.again()).same
    outcome = await replayed.again(calls=[["kv", "set", ["a", "x" * 99_999, None]]])
    assert described(outcome) == [("host-call 1", "changed")]
    assert len(json.dumps(outcome.differences[0].before)) < 1_000


# -- secrets ---------------------------------------------------------------------------------


async def test_secrets_that_were_taken_out_make_no_difference(replayed: Replayed) -> None:
    await replayed.record(
        {"password": "hunter2-hunter2"},
        calls=[["kv", "set", ["api-token", "first-value", None]]],
        result={"token": "abc-abc", "said": "it is hunter2-hunter2", "pin": 123456},
    )

    outcome = await replayed.again(
        calls=[["kv", "set", ["api-token", "another-value", None]]],
        result={"token": "xyz-xyz", "said": f"it is {MARKER}", "pin": 654321},
    )

    assert outcome.same
    assert replayed.made.executor.jobs[-1].arguments == {"password": MARKER}
    assert "secrets" in outcome.notes[0]


async def test_no_report_tells_a_secret_that_a_replay_made(replayed: Replayed) -> None:
    await replayed.record(result=1)

    outcome = await replayed.again(
        calls=[["kv", "set", ["api-token", "canary-1", None]]],
        result={"password": "canary-2", "said": "token=canary-3"},
    )

    assert not outcome.same
    assert "canary" not in repr(outcome)


# -- versions --------------------------------------------------------------------------------


async def against(replayed: Replayed, last: int = 20, **version: Any) -> ReplayReport:
    plugin = await replayed.made.parts.registry.get("default", "stores")
    return await replayed.made.host.replays.against(plugin, replace(plugin, **version), last)


async def test_the_last_recordings_are_run_by_another_version(replayed: Replayed) -> None:
    for number in range(4):
        replayed.change(result=number)
        await replayed.made.host.call("stores", "run", {}, call_id=f"call-{number}")
    replayed.change(result=3)

    report = await against(replayed, 2, version="2.0.0")

    assert (report.version, report.same) == ("2.0.0", False)
    assert (report.replayed, report.different, report.left_out) == (2, 1, 0)
    assert [(each.call_id, each.same) for each in report.outcomes] == [
        ("call-3", True),
        ("call-2", False),
    ]
    assert {each.version for each in report.outcomes} == {"2.0.0"}


async def test_without_recordings_there_is_nothing_that_differs(replayed: Replayed) -> None:
    report = await against(replayed)

    assert (report.same, report.replayed, report.outcomes) == (True, 0, [])


async def test_a_function_that_the_other_version_lacks_is_a_difference(replayed: Replayed) -> None:
    await replayed.record(result=1)
    plugin = await replayed.made.parts.registry.get("default", "stores")
    described = plugin.description
    functions = {"other": described.functions["run"]}

    report = await against(
        replayed, description=type(described)(**{**fields_of(described), "functions": functions})
    )

    (only,) = report.outcomes[0].differences
    assert (only.place, only.after["type"]) == ("error", "not-found")


def fields_of(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


async def test_another_version_has_its_own_defaults_below_what_the_operator_set(
    replayed: Replayed,
) -> None:
    await replayed.made.host.set_config("stores", {"greeting": "hi"})
    await replayed.record(calls=[["config", "get-all", []]], gives_answers=True)
    plugin = await replayed.made.parts.registry.get("default", "stores")
    manifest = plugin.manifest.model_copy(update={"default_config": {"step": 5, "more": 1}})

    await against(replayed, package_digest="another", manifest=manifest)

    (answer,) = replayed.plugin.answers
    assert json.loads(answer["val"]) == {"step": 5, "more": 1, "greeting": "hi"}


async def test_limits_are_those_of_the_version_and_of_the_request(replayed: Replayed) -> None:
    await replayed.made.host.call("stores", "run", {}, call_id="mine", limits={"events": 1})

    await against(replayed, level="isolated")

    limits = replayed.made.executor.jobs[-1].limits
    assert (limits.events, limits.host_calls, limits.wall_seconds) == (1, 100, 1.0)


async def test_a_version_that_may_not_run_does_not(
    replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def revoked(*arguments: object) -> None:
        raise Revoked

    await replayed.record()
    monkeypatch.setattr("wardian.plugins.trust.Trust.check_load", revoked)

    with pytest.raises(Revoked):
        await replayed.again()


async def test_a_version_that_is_not_kept_is_named(replayed: Replayed) -> None:
    await replayed.record()

    with pytest.raises(NotFound, match=r"No version '9' of stores is kept; there is 1\.0\.0"):
        await replayed.made.host.replays.one("mine", "9", tenant="default")
    outcome = await replayed.made.host.replays.one("mine", "1.0.0", tenant="default")
    assert outcome.version == "1.0.0"


async def test_arguments_that_the_version_refuses_are_a_difference(replayed: Replayed) -> None:
    await replayed.record(result=1)

    outcome = await replayed.again(error=InvalidArguments("key: expected text", path="key"))

    (only,) = outcome.differences
    assert only.after == {"type": "invalid-arguments", "path": "key"}


async def test_replays_stop_beginning_when_their_time_is_over(
    replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await replayed.record()
    monkeypatch.setattr("wardian.runtime.replay.SECONDS_MAX", -1.0)

    report = await against(replayed)

    assert (report.same, report.replayed, report.left_out) == (False, 0, 1)


async def test_imports_that_cannot_be_replayed_are_told(replayed: Replayed) -> None:
    await replayed.record()
    plugin = await replayed.made.parts.registry.get("default", "stores")
    fields = fields_of(plugin.description) | {"imports": ["wasi:random/random@0.2.0"]}

    report = await against(replayed, description=type(plugin.description)(**fields))

    assert "wasi:random/random@0.2.0" in report.outcomes[0].notes[0]
