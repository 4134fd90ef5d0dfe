"""The SDKs' modules that ask the host, inside real guests, without WASI."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wardian.cli.authoring import Language, build, scaffold
from wardian.errors import CallError
from wardian.sandbox import Component, Sandbox

pytestmark = pytest.mark.toolchain

ROOT = Path(__file__).parents[2]

WORLD = """package a:b;
world probe {
  import wardian:plugin/agents@1.0.0;
  import wardian:plugin/answering@1.0.0;
  import wardian:plugin/config@1.0.0;
  import wardian:plugin/credentials@1.0.0;
  import wardian:plugin/http@1.0.0;
  import wardian:plugin/kv-namespaces@1.0.0;
  import wardian:plugin/logging@1.0.0;
  /// Evaluate an expression that may use the SDK's modules; the answer is JSON text.
  export evaluate: func(expression: string) -> string;
  export answers-late: func() -> result<string, string>;
}
"""
PYTHON = """
import json
from wardian_sdk import Err, WardianError, agents, answering, config, credentials, http
from wardian_sdk import kv_namespaces, logging

NAMES = globals()

class WitWorld:
    def evaluate(self, expression):
        try:
            return json.dumps(eval(expression, NAMES))
        except (WardianError, http.HttpError, RuntimeError, ValueError) as failure:
            return json.dumps(f"{type(failure).__name__}: {failure}")

    def answers_late(self):
        raise Err("late")
"""
TYPESCRIPT = """
import { fail } from "@wardian/sdk";
import * as agents from "@wardian/sdk/agents";
import * as answering from "@wardian/sdk/answering";
import * as config from "@wardian/sdk/config";
import * as credentials from "@wardian/sdk/credentials";
import * as http from "@wardian/sdk/http";
import * as kv from "@wardian/sdk/kv-namespaces";
import * as logging from "@wardian/sdk/logging";
import * as authors from "./authors";
import * as readme from "./readme";

interface Rule { label: string; keywords?: string[] }

export const evaluate = logging.reportsFailures(async (expression: string): Promise<string> => {
  const names = { agents, answering, http, config, kv, credentials, authors, readme };
  const run = new Function(...Object.keys(names), `return (async () => ${expression})()`);
  return JSON.stringify((await run(...Object.values(names))) ?? null);
});

export async function answersLate(): Promise<string> {
  await Promise.resolve();
  throw fail("late");
}

/** Never called: the type check of the build is the test. */
export async function typed(): Promise<[string, Rule[], number]> {
  const { rules } = config.getAll<{ rules: Rule[] }>();
  const response = await http.fetch(new URL("https://h/"), {
    method: "PUT", body: new FormData(), headers: [["a", "b"]], credential: "c", timeoutMs: 5,
  });
  return [response.headers.get("etag") ?? "none", rules, (await response.clone().bytes()).length];
}
"""


class Host:
    """Answers what a guest asks for, and remembers it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.answer: dict[str, Any] = {"status": 200, "headers": [], "body": b""}
        self.refusal: tuple[str, str] | None = None
        self.kept: dict[tuple[str, str], str] = {}
        self.ttls: list[int | None] = []
        self.asked: list[Any] = []
        self.said: list[str] = []

    @property
    def functions(self) -> dict[str, Any]:
        prefix, version = "wardian:plugin", "1.0.0"
        return {
            f"{prefix}/types@{version}": {},
            f"{prefix}/http@{version}": {"send": self._send},
            f"{prefix}/logging@{version}": {"log": self._log},
            f"{prefix}/kv-namespaces@{version}": self._entries(),
            f"{prefix}/agents@{version}": {"ask": self._ask},
            f"{prefix}/answering@{version}": {"emit": lambda piece: _ok(self.said.append(piece))},
            f"{prefix}/config@{version}": {
                "get": lambda key: _ok("7" if key == "limits.daily" else '"text"'),
                "get-all": lambda: _ok('{"units": "metric"}'),
            },
            f"{prefix}/credentials@{version}": {
                "exists": lambda name: _ok(name == "github"),
                "sign": lambda name, operation: _ok(
                    {"value": f"{name} {operation['tag']}", "headers": [["x-date", "now"]]}
                ),
                "reveal": lambda name: _err("denied", f"No level grants {name}."),
            },
        }

    def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        self.sent.append(request)
        return _err(*self.refusal) if self.refusal else _ok(self.answer)

    def _ask(self, *asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        answer = {"agent": "lead", "output": '{"text": "kurz"}', "cost": 0.25}
        return _err(*self.refusal) if self.refusal else _ok(answer)

    def _entries(self) -> dict[str, Any]:
        return {
            "get": lambda namespace, key: _ok(self.kept.get((namespace, key))),
            "set": self._set,
            "delete": lambda namespace, key: _ok(self.kept.pop((namespace, key), None) is not None),
            "list-keys": self._list_keys,
            "compare-and-set": lambda *arguments: _ok(False),
            "increment": lambda namespace, key, by: _ok(by),
            "clear": lambda namespace: _ok(len(self.kept)),
            "list-namespaces": lambda: _ok(sorted({namespace for namespace, _ in self.kept})),
        }

    def _set(self, namespace: str, key: str, value: str, ttl_ms: int | None) -> dict[str, Any]:
        if len(namespace) > 64:
            return _err("invalid", "A namespace has a name of 1 to 64 characters.")
        self.kept[namespace, key] = value
        self.ttls.append(ttl_ms)
        return _ok(None)

    def _list_keys(
        self, namespace: str, prefix: str, cursor: str | None, limit: int
    ) -> dict[str, Any]:
        keys = sorted(key for kept, key in self.kept if kept == namespace and key > (cursor or ""))
        return _ok({"keys": keys[:limit], "next": keys[limit - 1] if keys[limit:] else None})

    def _log(self, level: str, message: str, fields: Any) -> dict[str, Any]:
        self.lines.append(message)
        return _ok(None)


def _ok(value: object) -> dict[str, Any]:
    return {"tag": "ok", "val": value}


def _err(case: str, text: str) -> dict[str, Any]:
    return {"tag": "err", "val": {"tag": case, "val": text}}


class Guest:
    """A probe, and the host it speaks to."""

    def __init__(self, sandbox: Sandbox, component: Component, host: Host) -> None:
        self.host = host
        self._sandbox, self._component = sandbox, component

    def __call__(self, expression: str) -> Any:
        return json.loads(self.call("evaluate", expression=expression))

    def call(self, function: str, **arguments: object) -> Any:
        functions = self.host.functions
        done = self._sandbox.call(self._component, function, arguments, imports=functions)
        return done.result


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def _example(page: str) -> str:
    """The example in TypeScript of a document that asks a service."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (found,) = [each for each in re.findall(r"```ts\n(.*?)```", text, re.DOTALL) if "fetch" in each]
    return str(found)


def _probe(language: Language, source: str, folder: Path, **modules: str) -> Path:
    made = scaffold("probe", language, folder)
    (made / "wit/world.wit").write_text(WORLD, encoding="utf-8")
    next((made / "src").glob("plugin.*")).write_text(source, encoding="utf-8")
    for name, text in modules.items():
        (made / "src" / name).write_text(text, encoding="utf-8")
    return build(made, progress=print)


@pytest.fixture(scope="module")
def python_probe(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Component:
    if not os.environ.get("CI"):
        pytest.importorskip("componentize_py", reason="wardian[python] is not installed")
    folder = tmp_path_factory.mktemp("python")
    return sandbox.load(_probe(Language.PYTHON, PYTHON, folder), wasi=False)


@pytest.fixture(scope="module")
def typescript_probe(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Component:
    if not os.environ.get("CI") and shutil.which("node") is None:
        pytest.skip("Node is not installed")
    folder = tmp_path_factory.mktemp("typescript")
    modules = {"authors.ts": "docs/authors.md", "readme.ts": "sdk/typescript/README.md"}
    examples = {name: _example(page) for name, page in modules.items()}
    built = _probe(Language.TYPESCRIPT, TYPESCRIPT, folder, **examples)
    return sandbox.load(built, wasi=False)


@pytest.fixture
def python(sandbox: Sandbox, python_probe: Component) -> Guest:
    return Guest(sandbox, python_probe, Host())


@pytest.fixture
def typescript(sandbox: Sandbox, typescript_probe: Component) -> Guest:
    return Guest(sandbox, typescript_probe, Host())


@pytest.fixture(params=["python", "typescript"])
def either(request: pytest.FixtureRequest) -> Guest:
    guest: Guest = request.getfixturevalue(request.param)
    return guest


# Both


def test_an_error_of_the_plugin_s_own_is_answered_also_by_a_promise(either: Guest) -> None:
    with pytest.raises(CallError) as caught:
        either.call("answers-late")

    assert caught.value.payload == "late"  # type: ignore[attr-defined]


NAMESPACE_CALLS = {
    "python": (
        "(lambda s: [s.set('k', 'v', ttl=__import__('datetime').timedelta(seconds=2)),"
        " s.set_json('j', [1]), s.get('k'), s.get('x'), s.get_json('j'),"
        " list(s.keys(page_size=1)), s.compare_and_set('k', None, 'v'), s.increment('n', 2),"
        " s.delete('j'), s.clear(), kv_namespaces.list_namespaces()])"
        "(kv_namespaces.Namespace('a'))"
    ),
    "typescript": (
        "((s) => [s.set('k', 'v', { ttlMs: 2000 }) ?? null, s.setJson('j', [1]) ?? null,"
        " s.get('k'), s.get('x') ?? null, s.getJson('j'), [...s.keys('', 1)],"
        " s.compareAndSet('k', undefined, 'v'), Number(s.increment('n', 2)), s.remove('j'),"
        " Number(s.clear()), kv.listNamespaces()])(new kv.Namespace('a'))"
    ),
}


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_namespaces_are_asked_with_the_types_of_the_contract(
    language: str, request: pytest.FixtureRequest
) -> None:
    guest: Guest = request.getfixturevalue(language)
    guest.host.kept["b", "k"] = "of another"

    found = guest(NAMESPACE_CALLS[language])

    assert found == [
        *(None, None, "v", None, [1], ["j", "k"], False, 2, True, 2),
        ["a", "b"],
    ]
    assert guest.host.kept == {("a", "k"): "v", ("b", "k"): "of another"}
    assert guest.host.ttls == [2000, None]


ASKS = {
    "python": (
        "[answering.emit('Zo'), answering.emit('ë'),"
        " *(lambda a: (a.agent, a.output['text'], a.cost))("
        "agents.ask('summarize', {'text': 'ä'}, criteria={'fallback': 0}))]"
    ),
    "typescript": (
        "[answering.emit('Zo') ?? null, answering.emit('ë') ?? null, ...((a) => [a.agent,"
        " a.output.text, a.cost])(agents.ask('summarize', { text: 'ä' }, { fallback: 0 }))]"
    ),
}


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_agents_are_asked_and_answers_said_in_pieces(
    language: str, request: pytest.FixtureRequest
) -> None:
    guest: Guest = request.getfixturevalue(language)

    assert guest(ASKS[language]) == [None, None, "lead", "kurz", 0.25]
    assert guest.host.said == ["Zo", "ë"]
    assert guest.host.asked == [("summarize", '{"text":"ä"}', '{"fallback":0}')]


# Python


def test_a_python_guest_sends_a_request_and_reads_the_answer(python: Guest) -> None:
    python.host.answer = {
        "status": 201,
        "headers": [["content-type", "application/json"], ["link", "</b>; rel=next"]],
        "body": '{"name": "Zoë"}'.encode(),
    }

    found = python(
        "(lambda r: [r.status_code, r.reason, r.json()['name'], r.links['next']['url'], r.text])("
        "http.Session('https://h/v1', credential='github', timeout=1.5).post("
        "'/a', params={'q': 'ä'}, json={'n': 1}, headers={'X-A': 'b'}).raise_for_status())"
    )

    assert found == [201, "Created", "Zoë", "https://h/b", '{"name": "Zoë"}']
    assert python.host.sent == [
        {
            "method": "POST",
            "url": "https://h/v1/a?q=%C3%A4",
            "headers": [["content-type", "application/json"], ["X-A", "b"]],
            "body": b'{"n":1}',
            "credential": "github",
            "timeout-ms": 1500,
        }
    ]


@pytest.mark.parametrize(
    ("charset", "encoded", "text"),
    [
        ("iso-8859-1", "latin-1", "Zoë"),
        ("windows-1252", "cp1252", "Zoë"),
        ("utf-16", "utf-16", "Zoë"),
        ("utf-16be", "utf-16-be", "Zoë"),
        ("utf-32", "utf-32", "Zoë"),
        ("utf-8", "utf-8-sig", "Zoë"),
        # Python would import a codec of this name here, and end the call.
        ("koi8-r", "utf-8", "Zoë"),
        ("mbcs", "utf-8", "Zoë"),
    ],
)
def test_no_charset_that_a_server_states_ends_a_python_guest(
    python: Guest, charset: str, encoded: str, text: str
) -> None:
    python.host.answer = {
        "status": 200,
        "headers": [["content-type", f"text/plain; charset={charset}"]],
        "body": text.encode(encoded),
    }

    assert python("http.get('https://h/').text") == text


def test_json_that_is_nested_without_end_is_an_exception_in_a_python_guest(python: Guest) -> None:
    for depth, found in (
        (500, 1),
        (100_000, "ValueError: GET https://h/ answered 200 OK with what"),
    ):
        python.host.answer["body"] = b"[" * depth + b"]" * depth
        read = python("(lambda j: len(j))(http.get('https://h/').json())")
        assert str(read).startswith(str(found))


@pytest.mark.parametrize("call", ["sleep(0.1)", "time()", "monotonic()", "perf_counter_ns()"])
def test_a_python_guest_without_a_clock_is_told_so_and_goes_on(python: Guest, call: str) -> None:
    found = python(f"__import__('time').{call}")
    assert str(found).startswith(f"RuntimeError: time.{call.partition('(')[0]}() needs a clock")
    assert "wasi = true" in str(found)
    assert python("1 + 1") == 2


def test_a_python_guest_is_told_what_refused(python: Guest) -> None:
    python.host.refusal = ("exhausted", "16 requests are all.")
    assert python("http.get('https://h/')") == "Exhausted: 16 requests are all."

    python.host.refusal = None
    python.host.answer = {"status": 503, "headers": [], "body": b""}
    assert python("http.get('https://h/').raise_for_status()") == (
        "HttpError: GET https://h/ answered 503 Service Unavailable"
    )


def test_a_python_guest_reads_configuration_and_has_things_signed(python: Guest) -> None:
    assert python("config.get('limits.daily', 5, type=int)") == 7
    assert python("config.get('units', type=int)") == (
        "Invalid: the configuration's units is text, not integer"
    )
    assert python("[credentials.exists('github'), credentials.sign_jwt('app', {'a': 1})]") == [
        True,
        "app jwt",
    ]
    assert python("credentials.reveal('github')") == "Denied: No level grants github."


# TypeScript


def test_fetch_sends_a_request_and_answers_the_platform_s_response(typescript: Guest) -> None:
    typescript.host.answer = {
        "status": 404,
        "headers": [["content-type", "application/json"], ["set-cookie", "a"], ["set-cookie", "b"]],
        "body": '{"name": "Zoë"}'.encode(),
    }

    found = typescript(
        "{ const r = await fetch('https://h/a b?q=ä', { method: 'patch', timeoutMs: 1.2,"
        "    credential: 'github', headers: { 'X-A': 'b' }, body: JSON.stringify({ n: 1 }) });"
        "  return [r.status, r.ok, r.statusText, r.url, r instanceof Response,"
        "    r.headers.get('Content-Type'), r.headers.getSetCookie(),"
        "    (await r.clone().json()).name, (await r.bytes()).length, r.bodyUsed]; }"
    )

    assert found == [
        *[404, False, "Not Found", "https://h/a%20b?q=%C3%A4", True, "application/json"],
        *[["a", "b"], "Zoë", 16, True],
    ]
    assert typescript.host.sent == [
        {
            "method": "PATCH",
            "url": "https://h/a%20b?q=%C3%A4",
            "headers": [["content-type", "text/plain;charset=UTF-8"], ["x-a", "b"]],
            "body": b'{"n":1}',
            "credential": "github",
            "timeout-ms": 2,
        }
    ]


@pytest.mark.parametrize(
    ("body", "sent", "content_type"),
    [
        ("'text'", b"text", "text/plain;charset=UTF-8"),
        ("''", b"", "text/plain;charset=UTF-8"),
        ("new Uint8Array([1, 255])", b"\x01\xff", None),
        ("new Blob(['x'], { type: 'a/b' })", b"x", "a/b"),
        (
            "new URLSearchParams({ a: 'b c' })",
            b"a=b+c",
            "application/x-www-form-urlencoded;charset=UTF-8",
        ),
        ("null", None, None),
        ("undefined", None, None),
    ],
)
def test_fetch_takes_the_platform_s_bodies(
    typescript: Guest, body: str, sent: bytes | None, content_type: str | None
) -> None:
    typescript(f"(await fetch('https://h/', {{ method: 'POST', body: {body} }})).status")

    request = typescript.host.sent[-1]
    assert request["body"] == sent
    assert dict(request["headers"]).get("content-type") == content_type


def test_fetch_takes_a_request_as_libraries_make_it(typescript: Guest) -> None:
    made = "new Request('https://h/', { method: 'PUT', body: 'x', headers: { a: 'b' } })"

    typescript(f"(await http.fetch({made}, {{ credential: 'c' }})).status")

    request = typescript.host.sent[-1]
    assert (request["method"], request["body"], request["credential"]) == ("PUT", b"x", "c")
    assert ["a", "b"] in request["headers"]


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (204, b"", [204, True, "No Content", ""]),
        (304, b"", [304, False, "Not Modified", ""]),
        (999, b"x", [999, False, "", "x"]),
    ],
)
def test_no_status_that_a_server_answers_is_an_exception(
    typescript: Guest, status: int, body: bytes, found: list[Any]
) -> None:
    # The platform's own constructor refuses each of these.
    typescript.host.answer = {"status": status, "headers": [["x", "café 中"]], "body": body}

    assert (
        typescript(
            "{ const r = await fetch('https://h/');"
            "  return [r.status, r.ok, r.statusText, await r.text()]; }"
        )
        == found
    )


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        ("fetch('https://h/', { redirect: 'manual' })", "Invalid: redirects are followed by the"),
        ("fetch('https://h/', { timeoutMs: 0 })", "Invalid: timeoutMs is a number above 0"),
        ("fetch('/relative')", "TypeError: "),
        ("fetch('https://h/', { body: 'x' })", "TypeError: "),
        (
            "{ const c = new AbortController(); c.abort();"
            "  return fetch('https://h/', { signal: c.signal }); }",
            "AbortError: ",
        ),
    ],
)
def test_fetch_rejects_before_anything_is_sent(typescript: Guest, call: str, refusal: str) -> None:
    body = call if call.startswith("{") else f"{{ return {call}; }}"

    found = typescript(f"(async () => {body})().catch((e) => `${{e.name}}: ${{e.message}}`)")

    assert found.startswith(refusal)
    assert typescript.host.sent == []


def test_fetch_rejects_with_what_the_host_says(typescript: Guest) -> None:
    typescript.host.refusal = ("denied", "The grant does not cover it.")

    told = typescript("fetch('https://h/').catch((e) => `${e.name}: ${e.message}`)")

    assert told == "Denied: The grant does not cover it."


def test_a_promise_that_is_rejected_is_in_the_log_before_the_call_ends(typescript: Guest) -> None:
    typescript.host.refusal = ("denied", "The grant does not cover it.")

    with pytest.raises(CallError):
        typescript("fetch('https://h/')")

    assert typescript.host.lines == ["Denied: The grant does not cover it."]


def test_a_typescript_guest_reads_configuration_and_has_things_signed(typescript: Guest) -> None:
    assert typescript("[config.get('limits.daily', 5), config.getAll().units]") == [7, "metric"]
    assert typescript("[credentials.exists('x'), credentials.signHmac('hook', 'text')]") == [
        False,
        "hook hmac-sha256",
    ]


def test_the_documents_examples_in_typescript_run(typescript: Guest) -> None:
    typescript.host.answer["body"] = b'[{"title": "A"}, {"title": "B"}]'

    assert (
        typescript("[await authors.openIssues('bug'), await readme.titles()]") == [["A", "B"]] * 2
    )
    assert typescript("authors.signed('text')") == "webhook hmac-sha256"

    first, second = typescript.host.sent
    assert first["url"] == "https://api.example.org/repos/text/issues?labels=bug"
    assert (second["credential"], second["timeout-ms"]) == ("github", 3000)
