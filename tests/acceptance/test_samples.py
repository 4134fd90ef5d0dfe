"""The sample plugins, built from source, on a real host over HTTP."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from commands import CommandLine, announced, serve_process, stop
from packages import KEY
from wardian.bootstrap import COMPILED
from wardian.crypto.digests import sha256_hex
from wardian.plugins.package import pack

pytestmark = pytest.mark.toolchain

SAMPLES = Path(__file__).parents[2] / "sample-plugins"
HEADERS = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def packages(built_samples: dict[str, Path]) -> dict[str, bytes]:
    return {name: pack(folder) for name, folder in built_samples.items()}


@pytest.fixture(scope="module")
def data_dir(
    tmp_path_factory: pytest.TempPathFactory,
    built_samples: dict[str, Path],
    with_code: Callable[..., None],
) -> Path:
    data = tmp_path_factory.mktemp("host") / "state"
    with_code(data / COMPILED, *built_samples)
    return data


@pytest.fixture(scope="module")
def api(packages: dict[str, bytes], data_dir: Path) -> Iterator[httpx.Client]:
    options = ("--json", "--log-level", "error", "--port", 0, "--data-dir", data_dir)
    with serve_process(*options, WARDIAN_BOOTSTRAP_KEY=KEY) as process:
        url = announced(process)["url"]
        with httpx.Client(base_url=url, headers=HEADERS, trust_env=False, timeout=180) as client:
            yield client
        assert stop(process) == (0, "")


def install(api: httpx.Client, packages: dict[str, bytes], name: str) -> dict[str, Any]:
    if name not in packages:
        pytest.skip(f"the toolchain of {name} is not installed")
    answer = api.post(
        "/api/v1/plugins", content=packages[name], headers={"Content-Type": "application/zip"}
    )
    assert answer.status_code in {201, 409}, answer.text
    shown: dict[str, Any] = api.get(f"/api/v1/plugins/{name}").json()
    assert shown["state"] == "active"
    return shown


def call(api: httpx.Client, name: str, function: str, /, **arguments: Any) -> Any:
    path = f"/api/v1/plugins/{name}/functions/{function}"
    answer = api.post(path, json={"arguments": arguments})
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def refused(api: httpx.Client, name: str, function: str, /, **arguments: Any) -> Any:
    path = f"/api/v1/plugins/{name}/functions/{function}"
    answer = api.post(path, json={"arguments": arguments})
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"].endswith("/guest-error")
    return answer.json()["payload"]


def test_csv_insights_describes_the_shipped_csv(
    api: httpx.Client, packages: dict[str, bytes]
) -> None:
    shown = install(api, packages, "csv-insights")
    assert shown["imports"] == []

    report = call(
        api, "csv-insights", "analyze", csv=(SAMPLES / "csv-insights/data/planets.csv").read_text()
    )

    columns = {column["name"]: column for column in report["columns"]}
    assert report["rows"] == 8
    assert columns["planet"]["unique"] == 8
    assert columns["rings"]["kind"] == "boolean"
    assert columns["discovered"]["missing"] == 6
    around = api.get("/api/v1/plugins/csv-insights/enhancements").json()["functions"]
    assert [layer["kind"] for layer in around[0]["layers"]] == ["monitor", "cache", "timeout"]
    radius = columns["mean radius (km)"]
    assert radius["kind"] == "number"


def test_csv_insights_says_what_is_wrong_with_a_csv(
    api: httpx.Client, packages: dict[str, bytes]
) -> None:
    install(api, packages, "csv-insights")

    assert "tag" in refused(api, "csv-insights", "analyze", csv="")


def test_markdown_becomes_html_without_scripts(
    api: httpx.Client, packages: dict[str, bytes]
) -> None:
    shown = install(api, packages, "markdown")
    assert shown["imports"] == []

    text = "# Hello *you*\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n\n- a\n- b\n"
    rendered = call(api, "markdown", "render", markdown=text, options=None)

    assert rendered["title"] == "Hello you"
    assert rendered["headings"][0]["level"] == 1
    assert "<li>a</li>" in rendered["html"]
    assert "<script" not in rendered["html"]
    assert 'href="javascript' not in rendered["html"]


def test_digest_counts_each_event_once_and_its_schedule_sums_them_up(
    api: httpx.Client, packages: dict[str, bytes]
) -> None:
    shown = install(api, packages, "digest")
    asked = [item["permission"] for item in shown["asked"]]
    assert shown["schedules"][0]["when"] == "0 8 * * * Europe/Berlin"
    api.put("/api/v1/plugins/digest/grants", json={"granted": asked}).raise_for_status()

    for number in range(5):
        event = {"topic": "orders.created", "data": {"amount": number}}
        api.post("/api/v1/events", json=event).raise_for_status()
    api.post("/api/v1/events", json={"topic": "orders.paid", "data": "5"}).raise_for_status()
    counted(api)
    assert call(api, "digest", "counted") == [
        {"topic": "orders.created", "events": 5, "amount": 10},
        {"topic": "orders.paid", "events": 1, "amount": 0},
    ]

    # The very same event again, as after a host that was killed.
    event = {
        "id": "e-1", "topic": "orders.paid", "source": "app:shop", "time": "2026-11-25T08:00:00Z",
        "correlation-id": "c", "key": None, "attempt": 1, "data": '{"amount": 7}',
    }  # fmt: skip
    handle = "wardian:plugin/event-handler@1.0.0#handle".replace("#", "%23").replace("/", "%2F")
    for attempt in (1, 2):
        call(api, "digest", handle, event=event | {"attempt": attempt})
    assert call(api, "digest", "counted")[1] == {"topic": "orders.paid", "events": 2, "amount": 7}

    runs = [api.post("/api/v1/schedules/digest/daily/run").json() for _ in range(2)]

    assert [(run["state"], run["cause"]) for run in runs] == [("done", "operator")] * 2
    latest = call(api, "digest", "latest")
    assert latest["id"] == runs[0]["id"]  # the second had nothing to sum up
    (event,) = api.get("/api/v1/events", params={"topic": "digest.*"}).json()["events"]
    assert event["data"]["id"] == runs[0]["id"]
    assert event["data"]["lines"]["orders.created"] == {"events": 5, "amount": 10}
    assert call(api, "digest", "counted") == []


def counted(api: httpx.Client) -> None:
    """Wait until `digest` has handled what waits for it."""
    while any(
        each["queued"]
        for each in api.get("/api/v1/events/subscribers").json()
        if each["plugin"] == "digest"
    ):
        time.sleep(0.02)


def test_counter_is_refused_what_was_not_granted_and_counts_with_grants(
    api: httpx.Client, packages: dict[str, bytes]
) -> None:
    shown = install(api, packages, "counter")
    asked = [item["permission"] for item in shown["asked"]]

    refusal = refused(api, "counter", "increment", name="visits")
    assert refusal["tag"] == "refused"
    assert "kv:read" in refusal["val"] or "kv:write" in refusal["val"]

    api.put("/api/v1/plugins/counter/grants", json={"granted": asked}).raise_for_status()
    api.put("/api/v1/plugins/counter/config", json={"step": 2, "maximum": 5}).raise_for_status()
    assert call(api, "counter", "increment", name="visits") == {
        "name": "visits",
        "value": 2,
        "remaining": 3,
    }
    assert call(api, "counter", "increment", name="visits")["value"] == 4
    assert refused(api, "counter", "increment", name="visits") == {"tag": "at-maximum", "val": 5}
    assert call(api, "counter", "names") == ["visits"]
    assert call(api, "counter", "read", name="visits")["value"] == 4


def test_everything_is_there_after_a_restart_without_compiling_again(
    api: httpx.Client,
    packages: dict[str, bytes],
    built_samples: dict[str, Path],
    data_dir: Path,
) -> None:
    several = [name for name in ("counter", "csv-insights", "markdown") if name in packages]
    for name in several:
        install(api, packages, name)
    components = [(built_samples[name] / "plugin.wasm").read_bytes() for name in several]
    before = made_at(data_dir, components)
    # The host holds its directory alone, so the restart happens on a copy of it.
    copy = data_dir.with_name("restarted")
    shutil.copytree(data_dir, copy, copy_function=shutil.copy2)

    options = ("--json", "--log-level", "warning", "--port", 0, "--data-dir", copy)
    with serve_process(*options) as process:
        url = announced(process)["url"]
        with httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
            assert call(client, "csv-insights", "analyze", csv="a,b\n1,2\n")["rows"] == 1
        assert stop(process) == (0, "")

    assert made_at(copy, components) == before


def made_at(data: Path, components: list[bytes]) -> list[int]:
    """When the code of each was written."""
    found = [next(data.rglob(f"{sha256_hex(each)}.code")) for each in components]
    return [path.stat().st_mtime_ns for path in found]


def test_each_sample_is_in_the_api_document_with_its_real_schema(
    api: httpx.Client, packages: dict[str, bytes]
) -> None:
    install(api, packages, "csv-insights")

    document = api.get("/openapi.json").json()

    paths = [path for path in document["paths"] if "csv-insights/functions/" in path]
    assert [path.split("/")[2] for path in sorted(paths)] == ["v1", "v2"]
    assert '"csv"' in api.get("/openapi.json").text


@pytest.fixture
def misbehaving(
    packages: dict[str, bytes],
    data_dir: Path,
    with_code: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The package of the sample that is stopped by limits, for `wardian run`."""
    if "misbehaving" not in packages:
        pytest.skip("the toolchain of misbehaving is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(data_dir.parent / "cache"))
    if not (data_dir.parent / "cache").exists():
        with_code(data_dir.parent / "cache" / "wardian", "misbehaving")
    path = data_dir.parent / "misbehaving.wardian"
    path.write_bytes(packages["misbehaving"])
    return path


BRIEF = ("--limit", "wall_seconds=0.3")
MISBEHAVIOURS: dict[str, tuple[tuple[str, ...], str, list[str]]] = {
    "spin": (BRIEF, "deadline-exceeded", ["wall_seconds"]),
    "eat-memory": ((), "memory-exceeded", ["memory_bytes"]),
    "recurse": ((), "trap", []),
    "crash": ((), "trap", []),
    "huge-result": ((), "result-too-large", ["result_bytes"]),
    "flood-logs": ((), "guest-error", ["host_calls", "log_lines"]),
    "flood-host-calls": ((), "guest-error", ["host_calls"]),
    "ignore-refusals": ((), "trap", ["host_calls"]),
    "publish-storm": ((), "guest-error", ["events"]),
}


def test_every_misbehaviour_is_tried(misbehaving: Path) -> None:
    assert set(CommandLine().json("inspect", misbehaving)["functions"]) == set(MISBEHAVIOURS)


@pytest.mark.parametrize("function", MISBEHAVIOURS)
def test_a_misbehaviour_is_stopped_by_the_limit_that_is_named(
    misbehaving: Path, function: str
) -> None:
    options, kind, limits = MISBEHAVIOURS[function]

    done = CommandLine()("run", misbehaving, function, *options, "--json")

    assert done.code == 1
    assert done.json["error"]["type"] == kind
    assert [met["name"] for met in done.json["error"]["limits"]] == limits


def console_example(page: Path) -> list[tuple[list[str], str]]:
    """The commands of the page's section about limits, each with what it prints."""
    section = page.read_text().partition("## See limits at work")[2]
    block = section.partition("```console\n")[2].partition("```")[0]
    parts = [part.split("\n", 1) for part in block.split("$ wardian ")[1:]]
    return [(command.split(), printed) for command, printed in parts]


def without_measures(text: str) -> str:
    """Leave out what every run measures anew."""
    measured = re.sub(r"^[\d.]+ ms, .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"; used .*", "", measured)


def test_the_operators_page_shows_what_misbehaving_prints(misbehaving: Path) -> None:
    (build_it, nothing), *runs = console_example(SAMPLES.parent / "docs/operators.md")
    assert (build_it, nothing) == (["build", "sample-plugins/misbehaving"], "")

    for (verb, path, *rest), printed in runs:
        assert (verb, path) == ("run", "sample-plugins/misbehaving")
        done = CommandLine()(verb, misbehaving, *rest)
        assert (done.code, done.out) == (1, "")
        assert without_measures(done.err) == without_measures(printed)
