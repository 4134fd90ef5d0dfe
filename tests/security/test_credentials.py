"""D-6 and D-8: a credential shows in no sink, however it is written, and no request forges one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes import Body
from forms import FORMS
from hosts import MANIFEST, WASM, FakeHost, fake_host, package
from rows import everything
from signing_keys import pem
from strangers import Heard, Stranger, request, response, stranger
from wardian.errors import GuestError, Trap
from wardian.plugins.archive import write_archive
from wardian.plugins.ceiling import LevelCeiling
from wardian.policy.bindings import parse_binding
from wardian.policy.leaks import Leaks
from wardian.policy.levels import Level
from wardian.policy.secret import SHOWN, Secret
from wardian.runtime.calls import CallPolicy
from wardian.runtime.executor.job import HostCalls
from wardian.storage.audit import AuditRepository
from wardian.storage.kv import KvRepository
from wardian.vault import Bound, Kind
from wardian.worlds.contract import PACKAGE

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

CANARY = "c4nary+Tok/en-9zQ7"
OTHER = "0ther-c4nary-Tok"
LEAKS = Leaks([CANARY, OTHER])

TRUSTING = CallPolicy(ceiling=LevelCeiling(level_max=Level.TRUSTED))
SETTINGS: dict[str, Any] = {"egress_allowed_networks": ("127.0.0.0/8",), "level_max": "trusted"}

MORE = """
[[permissions]]
permission = "http:request:*:{url}/*"
reason = "Asks."
[[permissions]]
permission = "credentials:use:*"
reason = "Signs in."
[[permissions]]
permission = "credentials:reveal:*"
reason = "Reads."
"""

CALLS = """
[[permissions]]
permission = "plugins:call:*"
reason = "Asks another."
"""


async def ask(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    return [await answer(*each) for each in arguments["calls"]]


async def send(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    """Send a request, and spread what came back wherever a guest can write."""
    came = await answer("http", "send", [arguments["request"]])
    text = msgspec.json.encode(came).decode()
    heard = [came]
    heard.append(await answer("logging", "log", ["info", text[:4000], [["f", text[:1000]]]]))
    heard.append(await answer("kv", "set", ["came", text, None]))
    heard.append(await answer("events", "publish", ["orders.came", json.dumps(text), None]))
    return heard


async def give(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    return arguments["give"]


async def fail(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    raise GuestError(payload=arguments["give"])


async def trap(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    raise Trap(f"it panicked: {arguments['give']}")


async def reveal(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
    """Read a credential, use it as told, and return it."""
    found = await answer("credentials", "reveal", ["token"])
    for each in arguments.get("then", []):
        text = json.dumps(each).replace("$SECRET", found["val"])
        await answer(*json.loads(text))
    return found["val"]


FUNCTIONS = {
    "ask": ask,
    "send": send,
    "give": give,
    "fail": fail,
    "trap": trap,
    "reveal": reveal,
}


async def echo(heard: Heard, writer: Any) -> None:
    """Say what came, in every form: in the body, in headers, and as where to go next."""
    told = [heard.target, heard.body.decode("latin-1"), *(value for _, value in heard.headers)]
    secret = (heard.header("authorization") or "").removeprefix("Bearer ")
    forms = [form(secret) for form in FORMS.values()]
    header = [("x-echo", form) for form in forms if form.isascii()]
    if heard.target.startswith("/away"):
        writer.write(response(b"", 302, [("location", f"/landed?{secret}")]))
        return
    writer.write(response("\n".join((*told, *forms)).encode(), 500, header))


@asynccontextmanager
async def opened(
    folder: Path,
    level: Level = Level.RESTRICTED,
    functions: Mapping[str, Body] | None = None,
) -> AsyncIterator[tuple[FakeHost, Stranger]]:
    async with (
        stranger(echo) as server,
        fake_host(folder, FUNCTIONS | dict(functions or {}), TRUSTING, **SETTINGS) as made,
    ):
        manifest = MANIFEST.format(name="stores", more=MORE.format(url=server.url))
        files = {"plugin.toml": f'sandbox_level = "{level}"{manifest}'.encode()}
        await made.host.install(write_archive(files | {"plugin.wasm": WASM}), grants="all")
        await made.host.recordings.set_calls("stores", 20)
        await made.host.set_monitored("stores", True)
        for name, text in (("token", CANARY), ("other", OTHER)):
            await made.parts.vault.put(
                "default",
                owner=None,
                name=name,
                kind=Kind.BEARER,
                public={},
                secrets={"token": Secret(text)},
                bound=Bound(origins=(parse_binding(f"{server.url}/"),)),
            )
        yield made, server


async def sinks(made: FakeHost, caplog: pytest.LogCaptureFixture) -> str:
    """All that is kept or shown of what happened."""
    await made.parts.recorder.flush()
    async with made.parts.database.reading() as connection:
        audit = await AuditRepository(connection, "default").recent(1000)
    events = await made.host.events.recent(1000, "*", tenant="default")
    page = await made.host.recordings.page("stores")
    recordings = [
        await made.host.recordings.find("default", each.call_id) for each in page.recordings
    ]
    metrics = made.parts.telemetry.render()
    needed = await made.host.permission_uses("stores")
    logged = [(each.getMessage(), vars(each).get("fields")) for each in caplog.records]
    return repr((audit, events, recordings, metrics, needed, logged))


async def test_d6_what_a_server_echoes_is_in_no_sink(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    caplog.set_level(1, logger="wardian")
    async with opened(tmp_path) as (made, server):
        for path, outcome_of in (("/say", "ok"), ("/away", "err")):
            asked = request(f"{server.url}{path}", credential="token")
            outcome = await made.host.call("stores", "send", {"request": asked})

            assert outcome.result[0]["tag"] == outcome_of
            assert [each["tag"] for each in outcome.result[1:]] == ["ok", "ok", "ok"]
            assert not LEAKS.found(msgspec.json.encode(outcome.result))
        assert server.heard[0].header("authorization") == f"Bearer {CANARY}"
        shown = await sinks(made, caplog)
        stored = await everything(made.parts.database)

    assert SHOWN in shown
    assert not LEAKS.found(shown)
    assert not LEAKS.found(stored)


@pytest.mark.parametrize("form", FORMS)
async def test_d6_a_guest_that_got_hold_of_one_can_keep_it_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    """As if a server had told it in a way of its own, which nobody recognises."""
    caplog.set_level(1)
    caplog.set_level(1, logger="wardian")
    written = f"<{FORMS[form](CANARY)}>"
    async with opened(tmp_path) as (made, server):
        calls = [
            ["kv", "set", ["x", written, None]],
            ["kv", "set", [written[:400], "x", None]],
            ["kv", "compare-and-set", ["x", None, written, None]],
            ["kv", "get", [written[:400]]],
            ["events", "publish", ["orders.x", json.dumps(written), None]],
            ["events", "publish", ["orders.x", "1", written]],
            ["metrics", "count", ["rows", 1, [["label", written]]]],
            ["plugins", "call", ["markdown", "*", "render", written]],
            ["agents", "ask", ["summarise", written, None]],
            ["http", "send", [request(f"{server.url}/", body=written.encode(), method="PUT")]],
            ["http", "send", [request(f"{server.url}/", headers=[["x", written]])]],
            ["http", "send", [request(f"{server.url}/{written}")]],
            ["credentials", "exists", [written]],
        ]
        answers = (await made.host.call("stores", "ask", {"calls": calls})).result
        logged = [["logging", "log", ["info", written, [["f", written]]]]]
        (line,) = (await made.host.call("stores", "ask", {"calls": logged})).result
        given = (await made.host.call("stores", "give", {"give": [written, {"x": written}]})).result
        with pytest.raises(GuestError) as refused:
            await made.host.call("stores", "fail", {"give": {"why": written}})
        with pytest.raises(Trap) as trapped:
            await made.host.call("stores", "trap", {"give": written})
        shown = await sinks(made, caplog)

    # A header that is not ASCII is refused as such.
    cases = [each["val"]["tag"] for each in answers]
    assert set(cases[:10]) == set(cases[11:]) == {"denied"}
    assert cases[10] in {"denied", "invalid"}
    assert line["tag"] == "ok"
    assert not server.heard
    for each in (given, refused.value.payload, str(refused.value), trapped.value.message, shown):
        assert not LEAKS.found(repr(each))
    assert SHOWN in trapped.value.message


KEYS: list[tuple[str, Kind, dict[str, Any], dict[str, str]]] = [
    ("mac", Kind.HMAC_KEY, {}, {"key": "hmac-c4nary-key"}),
    ("jwt", Kind.PRIVATE_KEY, {}, {"pem": pem()}),
    ("aws", Kind.AWS, {"access_key_id": "AKID"}, {"secret_access_key": "aws-c4nary-key"}),
]


async def test_d6_a_key_is_in_nothing_that_a_worker_is_told(tmp_path: Path) -> None:
    """What a worker knows is the job and the answers to its host calls."""
    told: list[Any] = []

    async def sign(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        for name, operation in arguments["operations"]:
            told.append(await answer("credentials", "exists", [name]))
            told.append(await answer("credentials", "sign", [name, operation]))
            told.append(await answer("credentials", "reveal", [name]))
        told.append(await answer("http", "send", [arguments["request"]]))

    async with opened(tmp_path, functions={"sign": sign}) as (made, server):
        for name, kind, public, secrets in KEYS:
            origins = (parse_binding(f"{server.url}/"),) if kind is Kind.AWS else ()
            await made.parts.vault.put(
                "default",
                owner=None,
                name=name,
                kind=kind,
                public=public,
                secrets={field: Secret(text) for field, text in secrets.items()},
                bound=Bound(origins=origins),
            )
        aws = {
            "method": "GET",
            "url": f"{server.url}/",
            "headers": [],
            "body-sha256": "0" * 64,
            "region": "r",
            "service": "s3",
        }
        operations = [
            ("mac", {"tag": "hmac-sha256", "val": "x"}),
            ("jwt", {"tag": "jwt", "val": "{}"}),
            ("aws", {"tag": "aws-sigv4", "val": aws}),
        ]
        asked = request(f"{server.url}/", credential="token")
        await made.host.call("stores", "sign", {"operations": operations, "request": asked})
        jobs = repr(made.executor.jobs)

    assert [each["tag"] for each in told] == ["ok", "ok", "err"] * 3 + ["ok"]
    keys = Leaks([CANARY, *(text for *_, secrets in KEYS for text in secrets.values())])
    assert not keys.found(jobs)
    assert not keys.found(repr(told))
    for each in told:
        assert not keys.found(msgspec.msgpack.encode(each))


async def test_a_request_cannot_carry_another_credential_in_the_query_or_a_header(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (made, server):
        asked = [
            request(f"{server.url}/?q={FORMS['percent'](OTHER)}", credential="token"),
            request(f"{server.url}/{OTHER}", credential="token"),
            request(f"{server.url}/", headers=[["x-a", OTHER[::-1]]], credential="token"),
        ]
        calls = [["http", "send", [each]] for each in asked]
        answers = (await made.host.call("stores", "ask", {"calls": calls})).result

    assert [each["val"]["tag"] for each in answers] == ["denied"] * 3
    assert not server.heard


async def test_d7_a_credential_goes_nowhere_but_to_its_origin(tmp_path: Path) -> None:
    async with opened(tmp_path) as (made, server), stranger() as evil:
        (answer,) = (
            await made.host.call(
                "stores",
                "ask",
                {"calls": [["http", "send", [request(f"{evil.url}/", credential="token")]]]},
            )
        ).result

    assert answer["val"]["tag"] == "denied"
    assert not evil.heard
    assert not server.heard


@pytest.mark.parametrize(
    "headers",
    [
        [["Authorization", "Bearer mine"]],
        [["authorization", "Bearer mine"]],
        [["Host", "evil.example"]],
        [["x", "a\r\nAuthorization: Bearer mine"]],
        [["x\r\nHost", "evil.example"]],
        [["x: y\r\nz", "w"]],
    ],
)
async def test_d8_a_guest_forges_no_header(tmp_path: Path, headers: list[list[str]]) -> None:
    async with opened(tmp_path) as (made, server):
        asked = request(f"{server.url}/", headers=headers, credential="token")
        (answer,) = (
            await made.host.call("stores", "ask", {"calls": [["http", "send", [asked]]]})
        ).result

    assert answer["tag"] == "err"
    assert not server.heard


async def test_what_was_revealed_is_the_plugins_to_use_and_not_to_keep(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    caplog.set_level(1, logger="wardian")
    async with opened(tmp_path, Level.TRUSTED) as (made, server):
        then = [
            ["http", "send", [request(f"{server.url}/?q=$SECRET") | {"body": None}]],
            ["kv", "set", ["x", "$SECRET", None]],
            ["events", "publish", ["orders.x", '"$SECRET"', None]],
            ["logging", "log", ["info", "$SECRET", []]],
        ]
        found = (await made.host.call("stores", "reveal", {"then": then})).result
        next_call = (await made.host.call("stores", "give", {"give": CANARY})).result
        shown = await sinks(made, caplog)

    assert found == CANARY
    assert len(server.heard) == 1
    assert next_call == SHOWN
    assert not LEAKS.found(shown)


async def test_what_was_revealed_is_not_told_to_a_plugin_that_asks_for_no_credentials(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell(heard: Heard, writer: Any) -> None:
        writer.write(response(CANARY.encode()))

    async with (
        stranger(tell) as server,
        fake_host(tmp_path, FUNCTIONS, TRUSTING, **SETTINGS) as made,
    ):
        for name, level, asked in (
            ("stores", Level.TRUSTED, f"{MORE}{CALLS}"),
            ("plain", Level.RESTRICTED, MORE[: MORE.index("[[permissions]]", 5)]),
        ):
            manifest = MANIFEST.format(name=name, more=asked.format(url=server.url))
            lines = f'sandbox_level = "{level}"\ncapabilities = ["{name}"]{manifest}'
            content = write_archive({"plugin.toml": lines.encode(), "plugin.wasm": WASM})
            await made.host.install(content, grants="all")
        await made.host.recordings.set_calls("stores", 20)
        await made.parts.vault.put(
            "default",
            owner=None,
            name="token",
            kind=Kind.BEARER,
            public={},
            secrets={"token": Secret(CANARY)},
            bound=Bound(origins=(parse_binding(f"{server.url}/"),)),
        )
        asked = json.dumps({"request": request(f"{server.url}/")})
        then = [["plugins", "call", ["plain", "*", "send", asked]]]
        await made.host.call("stores", "reveal", {"then": then})
        plain = await made.parts.registry.get("default", "plain")
        async with made.parts.database.reading() as connection:
            kept = await KvRepository(connection, "default", plain.id).get(b"came")
        shown = await sinks(made, caplog)

    assert len(server.heard) == 1
    assert kept is not None
    assert not LEAKS.found(kept.value)
    assert not LEAKS.found(shown)


@pytest.mark.parametrize("function", ["init", "health"])
async def test_what_was_revealed_is_not_in_what_the_host_writes_down_of_its_own_calls(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, function: str
) -> None:
    async def confess(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        found = await answer("credentials", "reveal", ["token"])
        raise GuestError(payload=f"no luck with {found['val']}")

    functions = {f"{PACKAGE}/lifecycle@1.0.0#{function}": confess}
    async with opened(tmp_path, Level.TRUSTED, functions) as (made, _):
        if function == "init":
            await made.host.disable("stores")
            await made.host.enable("stores")
        else:
            await made.host.check_health("stores")
        view = await made.host.plugin("stores")
        shown = repr(view) + await sinks(made, caplog)

    assert f"no luck with {SHOWN}" in repr(view)
    assert not LEAKS.found(shown)


@pytest.mark.parametrize("level", [Level.STANDARD, Level.RESTRICTED, Level.ISOLATED])
async def test_other_levels_are_given_none(tmp_path: Path, level: Level) -> None:
    async with opened(tmp_path, level) as (made, _):
        calls = [["credentials", "reveal", ["token"]]]
        (answer,) = (await made.host.call("stores", "ask", {"calls": calls})).result

    assert answer["val"]["tag"] == "denied"


async def test_a_plugin_that_asks_for_no_credentials_is_not_looked_through(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (made, _):
        await made.host.install(package("plain"), grants="all")
        given = (await made.host.call("plain", "give", {"give": CANARY})).result

    assert given == CANARY


async def test_a_credential_that_changes_during_a_call_is_looked_for_at_once(
    tmp_path: Path,
) -> None:
    async def change(arguments: Mapping[str, Any], answer: HostCalls) -> Any:
        before = await answer("kv", "set", ["x", "n3w-c4nary-Tok", None])
        await made.parts.vault.put(
            "default",
            owner=None,
            name="token",
            kind=Kind.BEARER,
            public={},
            secrets={"token": Secret("n3w-c4nary-Tok")},
            bound=Bound(),
        )
        return [before, await answer("kv", "set", ["x", "n3w-c4nary-Tok", None])]

    async with opened(tmp_path, functions={"change": change}) as (made, _):
        before, after = (await made.host.call("stores", "change", {})).result

    assert before["tag"] == "ok"
    assert after["val"]["tag"] == "denied"
