"""ETag, If-None-Match and If-Match: nothing is read twice in vain, and nothing overwritten."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from apis import clients, serving
from hosts import MANIFEST, WASM, FakeHost, fake_host
from packages import package
from signing import KEY, NEXT_KEY
from wardian.api.app import app_over
from wardian.api.openapi import static_document
from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.archive import write_archive
from wardian.runtime.credentials import CredentialOrder
from wardian.runtime.endpoints import EndpointOrder
from wardian.settings import Settings

pytestmark = pytest.mark.anyio

V1 = "/api/v1"
STORES = f"{V1}/plugins/stores"
ACME = f"{V1}/publishers/acme"
POLICY = f"{V1}/trust/policy"
NIGHTLY = f"{V1}/schedules/stores/nightly"
SHARED = f"{V1}/credentials/api"
OWN = f"{V1}/credentials/own?plugin=stores"
ENDPOINT = f"{V1}/webhooks/ENDPOINT"
AGENT = f"{V1}/agents/lead"
TRIAL = f"{V1}/agents/lead/trial"
RULES = f"{V1}/agent-rules"
BUDGETS = f"{V1}/agent-budgets"
STALE = '"nobody-has-this"'
LEAD = 'category = "ai_agent"\ncapabilities = ["summarize@1.0.0"]'
MORE = """
[[schedule]]
name = "nightly"
cron = "0 3 * * *"
function = "run"
"""


def stores(version: str) -> bytes:
    manifest = MANIFEST.format(name="stores", more=MORE).replace("1.0.0", version, 1)
    component = WASM + version.encode()
    return write_archive({"plugin.toml": manifest.encode(), "plugin.wasm": component})


VALUE = {"kind": "opaque", "fields": {"value": "another"}}

# What has a tag, and a change that takes it.
CHANGES: list[tuple[str, str, str, Any]] = [
    (STORES, "POST", f"{STORES}/disable", None),
    (STORES, "PUT", f"{STORES}/grants", {"granted": ["kv:read"]}),
    (STORES, "PUT", f"{STORES}/monitoring", {"enabled": True}),
    (STORES, "PUT", f"{STORES}/recording", {"calls": 5}),
    (STORES, "POST", f"{STORES}/upgrade", stores("1.2.0")),
    (STORES, "POST", f"{STORES}/rollback", {}),
    (STORES, "DELETE", STORES, None),
    (f"{STORES}/grants", "PUT", f"{STORES}/grants", {"granted": ["kv:read"]}),
    (ACME, "POST", f"{ACME}/keys", {"public_key": str(NEXT_KEY.public)}),
    (ACME, "POST", f"{ACME}/keys/{KEY.public.id}/retire", {}),
    (ACME, "POST", f"{ACME}/keys/{KEY.public.id}/revoke", {"reason": "lost"}),
    (ACME, "DELETE", ACME, None),
    (POLICY, "PUT", POLICY, {"unsigned": "warn"}),
    (NIGHTLY, "POST", f"{NIGHTLY}/pause", None),
    (SHARED, "PUT", SHARED, VALUE),
    (SHARED, "DELETE", SHARED, None),
    (OWN, "PUT", OWN, VALUE),
    (OWN, "DELETE", OWN, None),
    (ENDPOINT, "PATCH", ENDPOINT, {"description": "other"}),
    (ENDPOINT, "POST", f"{ENDPOINT}/disable", None),
    (ENDPOINT, "POST", f"{ENDPOINT}/secret", {}),
    (ENDPOINT, "DELETE", ENDPOINT, None),
    (f"{V1}/keys", "DELETE", f"{V1}/keys/SPARE", None),
    (AGENT, "PATCH", AGENT, {"priority": 80}),
    (RULES, "PUT", RULES, {"rules": [], "default": "cheapest"}),
    (BUDGETS, "PUT", f"{BUDGETS}/summarize/day", {"limit": 5}),
    (BUDGETS, "DELETE", f"{BUDGETS}/summarize/day", None),
]
NAMES = [
    f"{method} {path.removeprefix(V1)}".replace(KEY.public.id, "KEY") + f" by {read[-12:]}"
    for read, method, path, _ in CHANGES
]


@dataclass
class Scene:
    """A host with one of everything that can be changed, and an administrator of it."""

    made: FakeHost
    http: httpx.AsyncClient
    ids: dict[str, str]

    def path(self, template: str) -> str:
        for name, value in self.ids.items():
            template = template.replace(name, value)
        return template

    async def tag(self, template: str) -> str:
        answer = await self.http.get(self.path(template))
        assert answer.status_code == 200, answer.text
        return str(answer.headers["etag"])

    async def change(self, method: str, template: str, body: Any, tag: str) -> httpx.Response:
        path, headers = self.path(template), {"If-Match": tag}
        if isinstance(body, bytes):
            return await self.http.request(method, path, content=body, headers=headers)
        return await self.http.request(method, path, json=body, headers=headers)


async def _nothing(arguments: Any, answer: Any) -> None:
    return None


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    async with fake_host(folder / "data", {"run": _nothing, AGENT_ASK: _nothing}) as made:
        host = made.host
        await host.install(stores("1.0.0"), grants="all")
        await host.upgrade(stores("1.1.0"))
        await host.install(package("lead", WASM, LEAD))
        await host.agents.budgets.set("default", "summarize", "day", 1.0)
        await host.publishers.add("acme", ["acme-*"], [str(KEY.public)])
        for name, plugin in (("api", None), ("own", "stores")):
            fields: dict[str, str | list[str]] = {"value": "v" * 20}
            await host.credentials.set(
                CredentialOrder(name=name, kind="opaque", fields=fields, plugin=plugin)
            )
        key = await host.keys.create("app", ["admin"], "default")
        spare = await host.keys.create("spare", ["read"], "default")
        caller = await host.keys.authenticate(key.token)
        order = EndpointOrder(url="https://a.example.org/", topics=("*",))
        endpoint = await host.webhooks.endpoints.register(order, caller=caller)
        settings = Settings(data_dir=folder / "data")
        async with clients(host, settings)(key.token) as client:
            yield Scene(made, client, {"ENDPOINT": endpoint.id, "SPARE": spare.id})


@pytest.mark.usefixtures("on_both_databases")
@pytest.mark.parametrize(("read", "method", "path", "body"), CHANGES, ids=NAMES)
async def test_a_change_is_made_from_the_state_it_names_and_from_no_other(
    tmp_path: Path, read: str, method: str, path: str, body: Any
) -> None:
    async with scene(tmp_path) as found:
        tag = await found.tag(read)
        for stale in (STALE, f"W/{tag}", f'"x{tag[1:]}', '"", "."'):
            refused = await found.change(method, path, body, stale)
            assert refused.status_code == 412, (stale, refused.text)
            assert refused.json()["type"] == "/problems/precondition-failed"
            assert await found.tag(read) == tag
        done = await found.change(method, path, body, f"{STALE}, {tag}")
        assert done.is_success, done.text
        again = await found.change(method, path, body, tag)
        # An upgrade to what is in use is refused before it would begin to change anything.
        assert again.status_code == (409 if path.endswith("/upgrade") else 412), again.text


@pytest.mark.usefixtures("on_both_databases")
async def test_a_trial_is_ended_and_begun_anew_from_the_state_it_names(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        host = found.made.host
        await host.upgrade(package("lead", WASM, LEAD, version="1.1.0"))
        await host.agents.trials.start("default", "lead", "1.0.0")
        tags = [await found.tag(TRIAL)]
        for method, body in (("DELETE", None), ("PUT", {"version": "1.0.0"})):
            for stale in (STALE, *tags[:-1]):
                refused = await found.change(method, TRIAL, body, stale)
                assert refused.status_code == 412, refused.text
            assert await found.tag(TRIAL) == tags[-1]
            done = await found.change(method, TRIAL, body, tags[-1])
            assert done.status_code == 200, done.text
            tags.append(await found.tag(TRIAL))
        assert len(set(tags)) == 3


@pytest.mark.usefixtures("on_both_databases")
async def test_of_twenty_who_change_the_same_one_does(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        tag = await found.tag(ENDPOINT)
        answers = await asyncio.gather(
            *(
                found.change("PATCH", ENDPOINT, {"description": f"of {number}"}, tag)
                for number in range(20)
            )
        )
        assert Counter(each.status_code for each in answers) == {200: 1, 412: 19}
        (won,) = (each for each in answers if each.status_code == 200)
        shown = await found.http.get(found.path(ENDPOINT))
        assert shown.json()["description"] == won.json()["description"]


async def test_a_star_takes_any_state(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        assert (await found.change("POST", f"{STORES}/disable", None, "*")).status_code == 200
        assert (await found.change("DELETE", f"{V1}/plugins/none", None, "*")).status_code == 404


async def test_what_is_not_there_is_in_no_state_that_anybody_saw(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        tag = await found.tag(STORES)
        for other in (tag, STALE):
            refused = await found.change("DELETE", f"{V1}/publishers/none", None, other)
            assert refused.status_code == 412


async def test_calls_that_are_counted_change_the_tag_and_stand_in_no_change_s_way(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as found:
        before = await found.tag(STORES)
        await found.made.host.call("stores", "run", {})
        await found.made.parts.accounts.folding.flush()
        after = await found.tag(STORES)
        assert after != before
        unchanged = {"If-None-Match": before}
        assert (await found.http.get(STORES, headers=unchanged)).status_code == 200
        assert (await found.change("POST", f"{STORES}/disable", None, before)).status_code == 200


@pytest.mark.parametrize("tag", ["x", '"open', '"a" "b"', "W/x", '"\x01"', '"a",', ", ", "'a'"])
async def test_what_is_no_tag_is_refused(tmp_path: Path, tag: str) -> None:
    async with scene(tmp_path) as found:
        refused = await found.change("POST", f"{STORES}/disable", None, tag)
        assert (refused.status_code, refused.json()["path"]) == (400, "header.If-Match")


async def test_a_thousand_tags_are_too_many(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        many = ", ".join(f'"{number}"' for number in range(1_000))
        assert (await found.change("POST", f"{STORES}/disable", None, many)).status_code == 400


async def test_a_condition_that_nobody_would_look_at_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        for method, path, body in (
            ("POST", f"{V1}/keys", {"name": "k", "scopes": ["read"]}),
            ("POST", f"{STORES}/config/validate", {}),
            ("POST", f"{V1}/events", {"topic": "a"}),
        ):
            refused = await found.change(method, path, body, STALE)
            assert (refused.status_code, refused.json()["path"]) == (400, "header.If-Match")


async def test_a_condition_holds_for_one_request_only(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        assert (await found.change("POST", f"{STORES}/disable", None, STALE)).status_code == 412
        assert (await found.http.post(f"{STORES}/disable")).status_code == 200


STREAMS = {f"{V1}/events/stream", f"{V1}/logs/stream", f"{V1}/audit/export"}
TELL_THE_TIME = {f"{V1}/analytics", f"{V1}/analytics/top"}
"""What they answer ends at the moment in which it is asked for, and is another one each time."""


async def test_every_answer_in_json_can_be_asked_for_again_in_vain(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        settings = Settings(data_dir=tmp_path / "data")
        document = static_document(app_over(found.made.host, settings))
        paths = [path for path, item in document["paths"].items() if "get" in item]
        plain = [path for path in paths if path.startswith("/api/") and "{" not in path]
        read = [each for each, *_ in CHANGES] + [
            *plain,
            "/openapi.json", f"{STORES}/config", f"{STORES}/functions", f"{STORES}/versions",
        ]  # fmt: skip
        for template in set(read) - STREAMS - TELL_THE_TIME:
            path = found.path(template)
            whole = await found.http.get(path)
            tag = whole.headers["etag"]
            assert tag.startswith('"'), path
            for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                answer = await found.http.get(path, headers={"If-None-Match": known})
                assert (answer.status_code, answer.content) == (304, b""), path
                assert answer.headers["etag"] == tag
                assert "content-type" not in answer.headers
            for other in ('"other"', tag.strip('"'), "", "x" * 10_000):
                answer = await found.http.get(path, headers={"If-None-Match": other})
                assert (answer.status_code, answer.content) == (200, whole.content), path


async def test_a_tag_is_of_what_is_shown_and_not_of_errors(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        missing = await found.http.get(f"{V1}/plugins/none", headers={"If-None-Match": "*"})
        assert missing.status_code == 404
        assert "etag" not in missing.headers
        config = f"{STORES}/config"
        tags = {await found.tag(config), await found.tag(f"{config}?key=step")}
        assert len(tags) == 2


async def test_a_configuration_s_tag_is_one_of_its_version_and_of_what_is_shown(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as found:
        config = f"{STORES}/config"
        tag = await found.tag(config)
        first = await found.change("PATCH", config, {"set": {"step": 5}}, tag)
        assert first.status_code == 200
        second = await found.change("PATCH", config, {"set": {"step": 6}}, tag)
        assert (second.status_code, second.json()["type"]) == (409, "/problems/conflict")
        third = await found.change("PATCH", config, {"set": {"step": 7}}, first.headers["etag"])
        assert third.status_code == 200


async def test_over_a_socket_answers_without_a_body_end_where_they_end(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        settings = Settings(data_dir=tmp_path / "data")
        headers = dict(found.http.headers)
        async with (
            serving(found.made.host, settings) as (address, port),
            httpx.AsyncClient(
                base_url=f"http://{address}:{port}",
                headers={"Authorization": headers["authorization"]},
                limits=httpx.Limits(max_connections=1),
                trust_env=False,
            ) as client,
        ):
            whole = await client.get(STORES)
            known = {"If-None-Match": whole.headers["etag"]}
            for _ in range(3):
                assert (await client.get(STORES, headers=known)).status_code == 304
            once = {"Idempotency-Key": "1"}
            for _ in range(3):
                gone = await client.delete(found.path(f"{V1}/keys/SPARE"), headers=once)
                assert (gone.status_code, gone.content) == (204, b"")
            assert gone.headers["idempotency-replayed"] == "true"
            assert (await client.get(STORES)).content == whole.content
