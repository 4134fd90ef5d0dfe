"""`weather` and `issue-triage` on a real host, asking a stand-in over real sockets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import senders
from commands import announced, serve_process, stop
from packages import KEY
from wardian.bootstrap import COMPILED
from wardian.cli.authoring import Language, build, scaffold
from wardian.cli.demo.stand_in import REPOSITORY, StandIn, standing_in
from wardian.plugins.package import pack

pytestmark = pytest.mark.toolchain

SAMPLES = Path(__file__).parents[2] / "sample-plugins"
TRIAGE = "issue-triage"
LABELS = {
    1: ["bug"],
    2: ["enhancement"],
    3: ["documentation"],
    5: ["bug", "documentation"],
}
"""What the shipped rules give to the stand-in's issues; nothing to the fourth."""


@dataclass(frozen=True)
class Api:
    """A host's API, as an operator and a host app use it."""

    client: httpx.Client

    def install(self, package: bytes, **config: Any) -> dict[str, Any]:
        """Install a package anew, with all that it asks for granted."""
        headers = {"Content-Type": "application/zip"}
        answer = self.client.post("/plugins", content=package, headers=headers)
        if answer.status_code == 409:
            self.client.delete(answer.json()["detail"].split("'")[1]).raise_for_status()
        shown: dict[str, Any] = answer.raise_for_status().json()
        asked = [item["permission"] for item in shown["asked"]]
        path = f"/plugins/{shown['name']}"
        self.client.put(f"{path}/grants", json={"granted": asked}).raise_for_status()
        self.client.put(f"{path}/config", json=config).raise_for_status()
        return shown

    def configure(self, name: str, **config: Any) -> None:
        self.client.put(f"/plugins/{name}/config", json=config).raise_for_status()

    def call(self, name: str, function: str, **arguments: Any) -> Any:
        answer = self._call(name, function, arguments)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def refused(self, name: str, function: str, **arguments: Any) -> Any:
        answer = self._call(name, function, arguments)
        assert answer.status_code == 422, answer.text
        return answer.json()["payload"]

    def _call(self, name: str, function: str, arguments: dict[str, Any]) -> httpx.Response:
        path = f"/plugins/{name}/functions/{function}"
        return self.client.post(path, json={"arguments": arguments})

    def set_credential(self, token: str, *origins: str) -> None:
        body = {"kind": "bearer", "fields": {"token": token}, "origins": origins}
        self.client.put("/credentials/github", json=body).raise_for_status()


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandIn]:
    with standing_in(SAMPLES) as running:
        assert running is not None
        yield running


@pytest.fixture(scope="module")
def limited() -> Iterator[StandIn]:
    """A stand-in whose rate limit is met after three requests."""
    with standing_in(SAMPLES, "--requests", "3") as running:
        assert running is not None
        yield running


@pytest.fixture(scope="module")
def api(
    stand_in: StandIn,
    limited: StandIn,
    built_samples: dict[str, Path],
    with_code: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Api]:
    data = tmp_path_factory.mktemp("host") / "state"
    with_code(data / COMPILED, *({"weather", TRIAGE} & set(built_samples)))
    networks = [f"127.0.0.1/32:{httpx.URL(each.url).port}" for each in (stand_in, limited)]
    options = ("--json", "--log-level", "error", "--port", 0, "--data-dir", data)
    environment = {
        "WARDIAN_BOOTSTRAP_KEY": KEY,
        "WARDIAN_EGRESS_ALLOWED_NETWORKS": str(networks).replace("'", '"'),
    }
    with serve_process(*options, **environment) as process:
        url = f"{announced(process)['url']}/api/v1"
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=180) as client:
            yield Api(client)
        assert stop(process) == (0, "")


@pytest.fixture
def weather(
    api: Api, stand_in: StandIn, built_samples: dict[str, Path], tmp_path: Path
) -> Iterator[str]:
    yield from _installed(api, stand_in, built_samples, tmp_path, "weather")


@pytest.fixture
def triage(
    api: Api, stand_in: StandIn, built_samples: dict[str, Path], tmp_path: Path
) -> Iterator[str]:
    """Installed anew for each test: it remembers nothing, though the stand-in does."""
    api.set_credential(stand_in.token, f"{stand_in.url}/repos/")
    yield from _installed(api, stand_in, built_samples, tmp_path, TRIAGE)


def _installed(
    api: Api, stand_in: StandIn, built: dict[str, Path], folder: Path, name: str
) -> Iterator[str]:
    if name not in built:
        pytest.skip(f"the toolchain of {name} is not installed")
    api.install(pack(stand_in.variant(built[name], folder)))
    yield name
    api.client.delete(f"/plugins/{name}").raise_for_status()


# weather


def test_the_weather_is_that_of_the_place_in_the_configured_units(api: Api, weather: str) -> None:
    now = api.call(weather, "current", place="Quito")

    assert now["place"] == {
        "name": "Quito",
        "country": "Ecuador",
        "latitude": -0.23,
        "longitude": -78.52,
    }
    assert (now["temperature"], now["wind"], now["sky"]) == (29.9, 12.0, "light rain")

    api.configure(weather, units="imperial", place="Berlin")
    now = api.call(weather, "current")
    assert (now["place"]["name"], now["units"], now["temperature"]) == ("Berlin", "imperial", 54.5)


def test_a_forecast_has_as_many_hours_as_are_asked_for_or_configured(
    api: Api, weather: str
) -> None:
    hours = api.call(weather, "forecast", hours=3)["hours"]
    assert [hour["time"][-5:] for hour in hours] == ["12:00", "13:00", "14:00"]
    assert [hour["precipitation-percent"] for hour in hours] == [0, 10, 20]

    assert len(api.call(weather, "forecast")["hours"]) == 12
    assert api.refused(weather, "forecast", hours=49) == {"tag": "invalid-hours", "val": 49}


def test_what_stands_in_the_way_of_the_weather_is_answered(
    api: Api, weather: str, stand_in: StandIn
) -> None:
    assert api.refused(weather, "current", place="Nowhere") == {
        "tag": "unknown-place",
        "val": "Nowhere",
    }

    api.configure(weather, places_url=f"{stand_in.url}/elsewhere")
    refusal = api.refused(weather, "current")
    assert refusal["tag"] == "refused"
    assert "/elsewhere" in refusal["val"]

    api.client.put(f"/plugins/{weather}/grants", json={"granted": []}).raise_for_status()
    api.configure(weather)
    refusal = api.refused(weather, "current")
    assert refusal["tag"] == "refused"
    assert "http:request:GET" in refusal["val"]


# issue-triage


def labels(report: dict[str, Any]) -> dict[int, list[str]]:
    return {each["number"]: each["labels"] for each in report["outcomes"]}


def comments(stand_in: StandIn, number: int) -> list[str]:
    path = f"{stand_in.url}/repos/{REPOSITORY}/issues/{number}/comments"
    headers = {"Authorization": f"Bearer {stand_in.token}"}
    return [each["body"] for each in httpx.get(path, headers=headers, trust_env=False).json()]


def test_issues_are_labelled_and_answered_once_however_often_they_are_looked_at(
    api: Api, triage: str, stand_in: StandIn, built_samples: dict[str, Path], tmp_path: Path
) -> None:
    # As it is shipped nothing is changed, only told.
    api.configure(triage, repository=REPOSITORY)
    report = api.call(triage, "run")
    assert (report["dry-run"], report["seen"], report["stopped"]) == (True, 5, None)
    assert labels(report) == LABELS
    assert comments(stand_in, 1) == []

    wanted = {"repository": REPOSITORY, "dry_run": False, "comment": "Labelled {labels}."}
    api.configure(triage, **wanted)
    report = api.call(triage, "run")
    assert labels(report) == LABELS
    assert all(each["commented"] for each in report["outcomes"])
    mark = "\n\n<!-- wardian: issue-triage -->"
    assert comments(stand_in, 5) == [f"Labelled `bug`, `documentation`.{mark}"]
    assert comments(stand_in, 4) == []

    # It remembers what it has done …
    assert api.call(triage, "run")["outcomes"] == []

    # … and sees it where it has forgotten.
    api.client.delete(f"/plugins/{triage}").raise_for_status()
    api.install(pack(stand_in.variant(built_samples[triage], tmp_path / "again")), **wanted)
    report = api.call(triage, "run")
    assert labels(report) == {number: [] for number in LABELS}
    assert not any(each["commented"] for each in report["outcomes"])
    assert len(comments(stand_in, 5)) == 1


def test_a_text_is_classified_by_whole_words(api: Api, triage: str) -> None:
    rules = [{"label": "bug", "keywords": ["crash", "c++"]}, {"label": "all", "keywords": ["a"]}]
    api.configure(triage, rules=rules)

    assert api.call(triage, "classify", title="A CRASH", body="") == ["bug", "all"]
    assert api.call(triage, "classify", title="crashing bananas", body="no C++20") == []
    assert api.call(triage, "classify", title="", body="in C++, it does") == ["bug"]


def test_a_rate_limit_that_is_met_is_told_with_its_end(
    api: Api, limited: StandIn, built_samples: dict[str, Path], tmp_path: Path
) -> None:
    if TRIAGE not in built_samples:
        pytest.skip(f"the toolchain of {TRIAGE} is not installed")
    api.set_credential(limited.token, f"{limited.url}/repos/")
    api.install(
        pack(limited.variant(built_samples[TRIAGE], tmp_path)), repository=REPOSITORY, dry_run=False
    )

    # One page, the labels and the comment of one issue; the next one meets the limit.
    report = api.call(TRIAGE, "run")
    assert labels(report) == {5: LABELS[5]}
    assert "rate limit" in report["stopped"]

    refusal = api.refused(TRIAGE, "run")
    assert refusal == {"tag": "rate-limited", "val": {"seconds": None, "until": 1_900_000_000}}
    api.client.delete(f"/plugins/{TRIAGE}").raise_for_status()


def test_what_stands_in_the_way_of_triage_is_answered(
    api: Api, triage: str, stand_in: StandIn
) -> None:
    assert api.refused(triage, "run")["tag"] == "not-configured"

    api.configure(triage, repository="example/nothing")
    refusal = api.refused(triage, "run")
    assert refusal["tag"] == "not-found"
    assert "404 Not Found" in refusal["val"]

    api.configure(triage, repository=REPOSITORY)
    api.set_credential("wrong", f"{stand_in.url}/repos/")
    refusal = api.refused(triage, "run")
    assert refusal["tag"] == "unauthorized"
    assert "401" in refusal["val"]

    # Bound to another place, it is not put in, and the service wants one.
    api.set_credential(stand_in.token, "https://elsewhere.example/")
    assert api.refused(triage, "run")["tag"] in {"unauthorized", "refused"}

    api.client.delete("/credentials/github").raise_for_status()
    refusal = api.refused(triage, "run")
    assert (refusal["tag"], "github" in refusal["val"]) == ("refused", True)


# What a plugin sees of the token


PROBE = """
import json
from wardian_sdk import WardianError, http

class WitWorld:
    def fetched(self, url, authorization):
        headers = {"x-note": authorization} if authorization else None
        try:
            response = http.get(url, credential="github", headers=headers)
        except WardianError as refusal:
            return f"{type(refusal).__name__}: {refusal}"
        return json.dumps([response.status_code, list(response.headers.pairs), response.text])
"""
PROBE_WORLD = """package a:b;
world probe {
  import wardian:plugin/http@1.0.0;
  export fetched: func(url: string, authorization: string) -> string;
}
"""
PROBE_MANIFEST = """name = "probe"
version = "1.0.0"
[[permissions]]
permission = "http:request:GET:{url}/*"
reason = "To see what comes back."
[[permissions]]
permission = "credentials:use:github"
reason = "The same."
"""


@pytest.fixture(scope="module")
def probe(api: Api, stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A plugin that returns all that it gets to see of a request."""
    if not os.environ.get("CI"):
        pytest.importorskip("componentize_py", reason="wardian[python] is not installed")
    made = scaffold("probe", Language.PYTHON, tmp_path_factory.mktemp("probe"))
    (made / "wit/world.wit").write_text(PROBE_WORLD, encoding="utf-8")
    (made / "src/plugin.py").write_text(PROBE, encoding="utf-8")
    manifest = PROBE_MANIFEST.replace("{url}", stand_in.url)
    (made / "plugin.toml").write_text(manifest, encoding="utf-8")
    build(made, progress=print)
    api.install(pack(made))
    return "probe"


def test_the_token_arrives_and_is_in_nothing_that_the_plugin_sees(
    api: Api, probe: str, stand_in: StandIn
) -> None:
    api.set_credential(stand_in.token, stand_in.url)

    seen = api.call(probe, "fetched", url=f"{stand_in.url}/echo", authorization="")

    # The stand-in has it, and echoes it plainly, in base64, in hex and with its case turned.
    assert r"\"arrived\": true" in seen
    for form in (stand_in.token, stand_in.token.encode().hex(), stand_in.token.swapcase()):
        assert form not in seen
    assert stand_in.token not in api.client.get("/plugins/probe").text
    assert stand_in.token not in api.client.get("/credentials").text


def test_a_credential_goes_to_no_other_place_than_it_is_bound_to(
    api: Api, probe: str, stand_in: StandIn
) -> None:
    api.set_credential(stand_in.token, f"{stand_in.url}/repos/")

    seen = api.call(probe, "fetched", url=f"{stand_in.url}/echo", authorization="")

    assert r"\"arrived\": true" not in seen


def test_a_plugin_that_has_the_token_from_elsewhere_cannot_send_it(
    api: Api, probe: str, stand_in: StandIn
) -> None:
    api.set_credential(stand_in.token, stand_in.url)

    seen = api.call(
        probe, "fetched", url=f"{stand_in.url}/echo", authorization=f"it is {stand_in.token}"
    )

    assert seen.startswith("Denied: ")
    assert stand_in.token not in seen


def hook(api: Api, body: dict[str, Any], key: str, **headers: str) -> httpx.Response:
    content = json.dumps(body).encode()
    signed = {**senders.github(content, key), **headers}
    return api.client.post(f"/hooks/default/{TRIAGE}/github", content=content, headers=signed)


def test_an_issue_is_treated_as_it_is_opened_by_a_webhook_that_the_host_verifies(
    api: Api, triage: str, stand_in: StandIn
) -> None:
    api.configure(triage, repository=REPOSITORY, dry_run=False, comment="Labelled {labels}.")
    credential = {"kind": "hmac-key", "fields": {"key": senders.SECRET}}
    owned = f"/credentials/github-webhook?plugin={triage}"
    api.client.put(owned, json=credential).raise_for_status()
    issue = httpx.post(
        f"{stand_in.url}/repos/{REPOSITORY}/issues",
        json={"title": "A crash", "body": "With a traceback."},
        headers={"Authorization": f"Bearer {stand_in.token}"},
        trust_env=False,
    ).json()
    told = {"action": "opened", "issue": issue, "repository": {"full_name": REPOSITORY}}

    assert hook(api, told, "another key").status_code == 401
    assert comments(stand_in, issue["number"]) == []

    answer = hook(api, told, senders.SECRET)
    assert (answer.status_code, answer.text) == (200, f"#{issue['number']}: `bug`")
    assert len(comments(stand_in, issue["number"])) == 1
    again = hook(api, told, senders.SECRET)
    assert again.headers["wardian-repeated"] == "true"
    assert len(comments(stand_in, issue["number"])) == 1

    for other, status in (
        ({**told, "action": "closed"}, 200),
        ({"zen": "Keep it simple."}, 400),
        ({**told, "repository": {"full_name": "some/other"}}, 422),
    ):
        assert hook(api, other, senders.SECRET).status_code == status
    ping = hook(api, {"zen": "Anything."}, senders.SECRET, **{"x-github-event": "ping"})
    assert (ping.status_code, ping.text) == (200, "Nothing to do.")
