"""Recording: what is kept of a call, what is not, and what it costs whoever calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hosts import FakeHost, configured_before, fake_host, package
from wardian.errors import Conflict, GuestError, InvalidArguments, NotFound, Trap, WardianError
from wardian.policy.redaction import MARKER
from wardian.policy.usage import Usage
from wardian.runtime.executor.job import HostCalls
from wardian.runtime.recorded import Recording
from wardian.runtime.recording import QUEUE_FULL, TOO_MUCH
from wardian.runtime.tape import NOT_PLAIN, TOO_LARGE
from wardian.storage import Database

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

Arguments = Mapping[str, Any]

CANARY = "canary-"


async def ask(arguments: Arguments, answer: HostCalls) -> Any:
    """Make the host calls that the arguments list."""
    return [await answer(*each) for each in arguments.get("calls", [])]


async def give(arguments: Arguments, answer: HostCalls) -> Any:
    """Answer what is asked for."""
    return arguments["give"]


async def fail(arguments: Arguments, answer: HostCalls) -> Any:
    raise GuestError(payload=arguments["payload"], usage=Usage(fuel=3))


async def trap(arguments: Arguments, answer: HostCalls) -> Any:
    raise Trap(arguments["message"])


FUNCTIONS = {"ask": ask, "give": give, "fail": fail, "trap": trap}


@contextlib.asynccontextmanager
async def recorded(folder: Path, calls: int = 5, **settings: Any) -> Any:
    """A host with one plugin, whose last ``calls`` calls are kept."""
    async with fake_host(folder, FUNCTIONS, **settings) as made:
        await made.host.install(package())
        await made.host.recordings.set_calls("stores", calls)
        yield made


async def call(made: FakeHost, function: str, **arguments: Any) -> Recording:
    """Call, whatever comes of it, and return the recording."""
    identity = f"call-{len(made.executor.jobs)}"
    with contextlib.suppress(GuestError, Trap):
        await made.host.call("stores", function, arguments, call_id=identity)
    return await made.host.recordings.find("default", identity)


async def dropped(made: FakeHost) -> dict[str, int]:
    return (await made.host.recordings.page("stores")).dropped


async def test_nothing_is_recorded_unless_somebody_says_so(tmp_path: Path) -> None:
    async with fake_host(tmp_path, FUNCTIONS) as made:
        await made.host.install(package())
        await made.host.call("stores", "ask", {}, call_id="mine")

        page = await made.host.recordings.page("stores")
        assert (page.calls, page.kept, page.recordings, page.dropped) == (0, 0, [], {})
        with pytest.raises(NotFound):
            await made.host.recordings.find("default", "mine")


async def test_a_recording_has_all_that_was_said_in_order(tmp_path: Path) -> None:
    calls = [
        ["context", "remaining", []],
        ["logging", "log", ["info", "hello", [["at", "noon"]]]],
        ["kv", "get", ["n"]],
        ["config", "get", ["step"]],
    ]
    async with recorded(tmp_path) as made:
        await made.host.set_config("stores", {"greeting": "hi"})
        found = await call(made, "ask", calls=calls)

        assert [[each.interface, each.function, each.arguments] for each in found.host_calls] == (
            calls
        )
        assert [each.answer for each in found.host_calls] == found.result
        assert found.arguments == {"calls": calls}
        assert found.configuration == {"step": 3, "greeting": "hi"}
        assert found.configured == {"greeting": "hi"}
        assert (found.plugin, found.version, found.level) == ("stores", "1.0.0", "restricted")
        assert found.limits.host_calls == 1_000
        assert (found.outcome, found.usage.fuel, found.usage.host_calls) == ("ok", 7, 4)
        view = await made.host.plugin("stores")
        assert (found.package_digest, found.component_digest) == (view.package_digest, view.digest)


async def test_a_failed_call_is_recorded_with_its_error(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        failed = await call(made, "fail", payload={"code": 7})
        trapped = await call(made, "trap", message="unreachable executed")

    assert failed.error is not None
    assert (failed.error.type, failed.error.details) == ("guest-error", {"payload": {"code": 7}})
    assert failed.usage.fuel == 3
    assert trapped.error is not None
    assert (trapped.outcome, trapped.error.message) == ("trap", "unreachable executed")


async def test_limits_that_the_request_lowered_are_told_apart(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        await made.host.call("stores", "ask", {}, call_id="mine", limits={"events": 1})

        found = await made.host.recordings.find("default", "mine")
        assert (found.lowered, found.limits.events) == ({"events": 1}, 1)


async def test_every_value_is_exactly_what_it_was(tmp_path: Path) -> None:
    values = [
        2**64 - 1,
        -(2**63),
        b"\0\xff" * 9,
        -0.0,
        math.inf,
        5e-324,
        None,
        True,
        "\0é🙂",
        1.0,
        1,
    ]
    async with recorded(tmp_path) as made:
        found = await call(made, "give", give=[*values, math.nan])

    assert repr(found.result) == repr([*values, math.nan])
    assert repr(found.arguments) == repr({"give": [*values, math.nan]})


async def test_only_the_last_ones_are_kept(tmp_path: Path) -> None:
    async with recorded(tmp_path, calls=3) as made:
        for number in range(8):
            await made.host.call("stores", "give", {"give": number}, call_id=f"call-{number}")

        page = await made.host.recordings.page("stores")
        assert [each.call_id for each in page.recordings] == ["call-7", "call-6", "call-5"]
        assert (page.kept, page.size_bytes) == (3, sum(each.size_bytes for each in page.recordings))

        await made.host.recordings.set_calls("stores", 1)
        assert (await made.host.recordings.page("stores")).kept == 1


async def test_switching_off_keeps_what_there_is_until_it_is_removed(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        await call(made, "ask")
        assert (await made.host.recordings.set_calls("stores", 0)).kept == 1
        await made.host.call("stores", "ask", {})
        assert (await made.host.recordings.page("stores")).kept == 1

        assert await made.host.recordings.remove("stores") == 1
        assert (await made.host.recordings.page("stores")).kept == 0


async def test_recordings_go_with_their_plugin(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        await call(made, "ask")
        await made.host.uninstall("stores")

        with pytest.raises(NotFound):
            await made.host.recordings.find("default", "call-0")


async def test_a_call_that_outlives_its_plugin_is_not_recorded(tmp_path: Path) -> None:
    async def leave(arguments: Arguments, answer: HostCalls) -> None:
        await made.host.uninstall("stores")

    async with fake_host(tmp_path, {"leave": leave, **FUNCTIONS}) as made:
        for name in ("stores", "other"):
            await made.host.install(package(name))
            await made.host.recordings.set_calls(name, 5)
        with contextlib.suppress(
            Conflict
        ):  # it is ended, if that is heard before it ends by itself
            await made.host.call("stores", "leave", {}, call_id="gone")
        await made.host.call("other", "ask", {}, call_id="there")

        assert (await made.host.recordings.find("default", "there")).plugin == "other"
        with pytest.raises(NotFound):
            await made.host.recordings.find("default", "gone")


async def test_pages_follow_each_other(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        for number in range(5):
            await made.host.call("stores", "ask", {}, call_id=f"call-{number}")

        seen: list[str] = []
        before: str | None = None
        while True:
            page = await made.host.recordings.page("stores", limit=2, before=before)
            seen += [each.call_id for each in page.recordings]
            before = page.next
            if before is None:
                break
        assert seen == [f"call-{number}" for number in (4, 3, 2, 1, 0)]

        for limit, before in (
            (0, None),
            (101, None),
            (1, "nonsense"),
            (1, "2026-01-01~x"),
            (1, "~"),
        ):
            with pytest.raises(InvalidArguments):
                await made.host.recordings.page("stores", limit=limit, before=before)


@pytest.mark.parametrize("calls", [-1, 101, 2**70])
async def test_more_calls_than_the_operator_allows_are_refused(tmp_path: Path, calls: int) -> None:
    async with recorded(tmp_path) as made:
        with pytest.raises(InvalidArguments, match="0 to 100") as caught:
            await made.host.recordings.set_calls("stores", calls)
        assert caught.value.path == "calls"


async def test_a_ceiling_that_was_lowered_since_holds(tmp_path: Path) -> None:
    async with recorded(tmp_path, calls=5):
        pass
    async with fake_host(tmp_path, FUNCTIONS, recorded_calls_max=2) as made:
        for number in range(4):
            await made.host.call("stores", "ask", {}, call_id=f"call-{number}")
        assert (await made.host.recordings.page("stores")).kept == 2


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("give", {"give": "x" * 5_000}),
        ("give", {"give": 1, "more": ["x" * 3_000, "y" * 3_000]}),
        ("fail", {"payload": [1] * 5_000}),
        ("ask", {"calls": [["kv", "get", ["n" * 400]]] * 20}),
    ],
)
async def test_a_call_that_is_too_large_is_dropped_whole_and_counted(
    tmp_path: Path, function: str, arguments: dict[str, Any]
) -> None:
    async with recorded(tmp_path, recording_bytes_max=4_000) as made:
        with contextlib.suppress(GuestError):
            await made.host.call("stores", function, arguments)
        await made.host.call("stores", "give", {"give": 1}, call_id="small")

        page = await made.host.recordings.page("stores")
        assert [each.call_id for each in page.recordings] == ["small"]
        assert page.dropped == {TOO_LARGE: 1}
        metrics = (await made.host.metrics()).decode()
        assert 'wardian_recordings_total{outcome="too-large"} 1.0' in metrics
        assert 'wardian_recordings_total{outcome="kept"} 1.0' in metrics


async def test_ten_thousand_host_calls_are_held_within_the_bound(tmp_path: Path) -> None:
    async def flood(arguments: Arguments, answer: HostCalls) -> int:
        for _ in range(10_000):
            await answer("context", "remaining", [])
        return 1

    async with fake_host(tmp_path, {"flood": flood}, recording_bytes_max=100_000) as made:
        await made.host.install(package())
        await made.host.recordings.set_calls("stores", 5)

        assert (await made.host.call("stores", "flood", {})).result == 1
        assert await dropped(made) == {TOO_LARGE: 1}


async def test_all_recordings_of_a_plugin_have_a_bound_together(tmp_path: Path) -> None:
    async with recorded(tmp_path, calls=50, recordings_bytes_max=10_000) as made:
        for number in range(12):
            await call(made, "give", give="x" * 1_000, number=number)

        page = await made.host.recordings.page("stores")
        assert 3 <= page.kept <= 9
        assert page.size_bytes <= 10_000
        assert page.recordings[0].call_id == "call-11"


async def test_more_than_is_worth_looking_for_secrets_in_is_not_kept(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        await made.host.call("stores", "give", {"give": [[] for _ in range(100_001)]})
        many = {f"password-{number}": f"secret-{number}" for number in range(300)}
        await made.host.call("stores", "give", {"give": many})

        assert await dropped(made) == {TOO_MUCH: 2}


async def test_what_cannot_be_encoded_is_not_kept_and_fails_nothing(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        outcome = await made.host.call("stores", "give", {"give": 2**70})
        await made.host.call("stores", "ask", {"calls": [["kv", "get", [object()]]]})

        assert outcome.result == 2**70
        assert await dropped(made) == {NOT_PLAIN: 2}


async def test_a_queue_that_is_full_drops_and_the_calls_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardian.runtime.recording.QUEUE_BYTES_MAX", 5_000)
    async with recorded(tmp_path, calls=50) as made:
        database: Database = made.parts.database
        async with database.transaction():
            # Nothing is written meanwhile.
            await asyncio.gather(
                *(made.host.call("stores", "give", {"give": "x" * 900}) for _ in range(20))
            )
            await asyncio.sleep(0)
        page = await made.host.recordings.page("stores")

    assert 1 <= page.kept < 20
    assert page.dropped == {QUEUE_FULL: 20 - page.kept}


async def test_of_many_that_wait_only_the_last_are_written(tmp_path: Path) -> None:
    async with recorded(tmp_path, calls=3) as made:
        async with made.parts.database.transaction():
            for number in range(100):
                await made.host.call("stores", "give", {"give": number}, call_id=f"call-{number}")

        page = await made.host.recordings.page("stores")
        assert [each.call_id for each in page.recordings] == ["call-99", "call-98", "call-97"]
        assert page.dropped == {}


async def test_a_call_does_not_wait_for_its_recording(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        async with made.parts.database.transaction():
            await made.host.call("stores", "ask", {}, call_id="mine")

        assert (await made.host.recordings.find("default", "mine")).function == "ask"


async def test_a_database_that_refuses_fails_no_call_and_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(*arguments: object) -> None:
        raise WardianError("The disk is full.")

    async with recorded(tmp_path) as made:
        with monkeypatch.context() as patched:
            patched.setattr("wardian.storage.recordings.RecordingRepository.add", full)
            assert (await made.host.call("stores", "give", {"give": 5})).result == 5
            assert await dropped(made) == {"not-written": 1}
        assert "disk is full" in caplog.text
        assert (await call(made, "give", give=6)).result == 6


async def test_what_waits_is_written_when_the_host_closes(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        await made.host.call("stores", "ask", {}, call_id="last")

    async with fake_host(tmp_path, FUNCTIONS) as made:
        assert (await made.host.recordings.find("default", "last")).function == "ask"


async def test_one_call_id_has_one_recording(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        for number in range(3):
            await made.host.call("stores", "give", {"give": number}, call_id="again")

        assert (await made.host.recordings.find("default", "again")).result == 2
        assert (await made.host.recordings.page("stores")).kept == 1


async def test_another_tenants_recordings_do_not_exist(tmp_path: Path) -> None:
    async with recorded(tmp_path) as made:
        await made.host.tenants.create("acme", actor="test")
        await call(made, "ask")

        for look in (made.host.recordings.find, made.host.recordings.document):
            with pytest.raises(NotFound):
                await look("acme", "call-0")
        with pytest.raises(NotFound):
            await made.host.replays.one("call-0", None, tenant="acme")


async def test_who_records_is_in_the_audit_trail(tmp_path: Path) -> None:
    async with recorded(tmp_path, calls=7) as made:
        await made.host.recordings.remove("stores", actor="eve")

        removed, switched = await made.host.events.recent(2, "plugin.*", tenant="default")
        assert (switched.topic, json.loads(switched.data)["calls"]) == ("plugin.recorded", 7)
        assert removed.topic == "plugin.recordings-removed"
        assert json.loads(removed.data)["actor"] == "eve"


async def test_calls_of_the_hosts_own_take_nobodys_place(tmp_path: Path) -> None:
    health = "wardian:plugin/lifecycle@1.0.0#health"
    async with fake_host(tmp_path, {health: ask, **FUNCTIONS}) as made:
        await made.host.install(package())
        await made.host.recordings.set_calls("stores", 5)
        await made.host.call("stores", health, {})

        assert (await made.host.recordings.page("stores")).kept == 0


# -- secrets ---------------------------------------------------------------------------------


def files_of(folder: Path) -> bytes:
    """Everything that the host has written, what is not yet in the database file too."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


SECRETS: list[tuple[str, dict[str, Any]]] = [
    ("give", {"give": 1, "password": f"{CANARY}argument"}),
    ("give", {"give": {"login": {"api_key": f"{CANARY}result"}}}),
    ("give", {"give": json.dumps({"client_secret": f"{CANARY}json"})}),
    ("give", {"give": 1, "blob": json.dumps({"token": f"{CANARY}bytes"}).encode()}),
    ("give", {"give": [["X-Auth-Token", f"{CANARY}header"]]}),
    ("fail", {"payload": {"reason": "no", "cookie": f"{CANARY}payload"}}),
    ("trap", {"message": f"login with password={CANARY}message failed"}),
    ("ask", {"calls": [["kv", "set", ["session-token", f"{CANARY}kv", None]]]}),
    ("ask", {"calls": [["kv-namespaces", "set", ["tokens", "ann", f"{CANARY}kept", None]]]}),
    ("ask", {"calls": [["logging", "log", ["info", f"token: {CANARY}line", []]]]}),
    ("ask", {"calls": [["logging", "log", ["info", "in", [["passwd", f"{CANARY}field"]]]]]}),
    ("ask", {"calls": [["events", "publish", ["a.b", f'{{"secret": "{CANARY}event"}}', None]]]}),
    (
        "ask",
        {
            "calls": [
                [
                    "http",
                    "send",
                    [
                        {
                            "method": "POST",
                            "url": f"https://x.test/?apikey={CANARY}url",
                            "headers": [["Authorization", f"Basic {CANARY}authorization"]],
                            "body": f"password={CANARY}body".encode(),
                            "credential": None,
                            "timeout-ms": None,
                        }
                    ],
                ]
            ]
        },
    ),
]


@pytest.mark.parametrize(("function", "arguments"), SECRETS)
async def test_no_secret_reaches_the_disk(
    tmp_path: Path, function: str, arguments: dict[str, Any]
) -> None:
    async with recorded(tmp_path) as made:
        found = await call(made, function, **arguments)

        assert MARKER in repr(found)
        assert CANARY not in repr(found)
        assert CANARY.encode() not in files_of(tmp_path)
    assert CANARY.encode() not in files_of(tmp_path)


async def test_what_was_revealed_is_taken_out_of_all_that_the_plugin_did_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reveal(self: object, context: object, name: str) -> str:
        return f"{CANARY}revealed"

    async def sign(self: object, context: object, name: str, operation: object) -> Any:
        return {"value": f"{CANARY}signed", "headers": [["x-date", f"{CANARY}signature"]]}

    async def use(arguments: Arguments, answer: HostCalls) -> Any:
        secret = (await answer("credentials", "reveal", ["github"]))["val"]
        signed = await answer("credentials", "sign", ["github", {"tag": "jwt", "val": "{}"}])
        await answer("logging", "log", ["info", f"got {secret}", []])
        await answer("kv", "set", ["cache", f"<{secret}>", None])
        return [secret, {"any": secret.encode()}, signed["val"]["value"]]

    monkeypatch.setattr("wardian.capabilities.credentials.Credentials.reveal", reveal)
    monkeypatch.setattr("wardian.capabilities.credentials.Credentials.sign", sign)
    async with fake_host(tmp_path, {"use": use}) as made:
        await made.host.install(package())
        await made.host.recordings.set_calls("stores", 5)
        outcome = await made.host.call("stores", "use", {}, call_id="mine")
        found = await made.host.recordings.find("default", "mine")

        assert outcome.result[0] == f"{CANARY}revealed"
        assert found.host_calls[0].answer == {"tag": "ok", "val": MARKER}
        assert found.host_calls[2].arguments[1] == f"got {MARKER}"
        assert CANARY not in repr(found)
        assert CANARY.encode() not in files_of(tmp_path)


SCHEMA = """
[default_config.smtp]
host = "mail.test"
"""


async def test_secrets_of_the_configuration_are_in_no_recording(tmp_path: Path) -> None:
    more = '[config_schema.properties.word]\ntype = "string"\nwriteOnly = true\n' + (
        '[config_schema.properties.smtp]\ntype = "object"\n'
        '[config_schema.properties.smtp.properties.phrase]\ntype = "string"\nformat = "password"\n'
    )
    content = package(more=SCHEMA + more)
    calls = [["config", "get", ["word"]], ["config", "get-all", []], ["config", "get", ["smtp"]]]
    async with fake_host(tmp_path, FUNCTIONS) as made:
        await made.host.install(content)
        values = {"word": f"{CANARY}word", "smtp": {"phrase": f"{CANARY}phrase"}}
        await configured_before(made, "stores", values)
        await made.host.recordings.set_calls("stores", 5)
        outcome = await made.host.call("stores", "ask", {"calls": calls}, call_id="mine")
        document = await made.host.recordings.document("default", "mine")
        found = await made.host.recordings.find("default", "mine")
        async with made.parts.database.reading() as connection:
            rows = connection.of("default")
            kept = (await rows.execute(text("SELECT document FROM recordings"))).scalar_one()

    assert f"{CANARY}word" in outcome.result[0]["val"]
    assert CANARY.encode() not in document
    assert found.configuration["smtp"] == {"host": "mail.test", "phrase": MARKER}
    assert [each.answer["val"] for each in found.host_calls] == [
        json.dumps(MARKER),
        json.dumps(found.configuration, separators=(",", ":")),
        json.dumps(found.configuration["smtp"], separators=(",", ":")),
    ]
    assert kept == document
