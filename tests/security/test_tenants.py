"""D-1: whoever guesses an id of another tenant's finds nothing there, and changes nothing.

Every route of the API is in one of the tables below; one that is not fails here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from guests.handlers import HANDLE
from hosts import WASM, FakeHost, fake_host, package
from mcps import message
from signing import KEY, NEXT_KEY, list_of, rotation_of
from wardian.api.app import app_over
from wardian.api.openapi import static_document
from wardian.errors import GuestError
from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.archive import write_archive
from wardian.runtime.credentials import CredentialOrder
from wardian.runtime.endpoints import EndpointOrder
from wardian.runtime.jobs import JobOrder
from wardian.runtime.rows.rows import RowPlace
from wardian.settings import Settings
from wardian.storage.rows import now
from wardian.storage.tables import metadata
from wardian.telemetry import Line

pytestmark = pytest.mark.anyio

CANARY = "canary-of-the-victim"
VICTIM, SPY = "victim", "spies"
MORE = """
[[permissions]]
permission = "events:subscribe:orders.*"
reason = "Follows orders."

[[oauth]]
provider = "github"
authorize_url = "https://github.test/authorize"
token_url = "https://github.test/token"
scopes = ["read"]

[[schedule]]
name = "nightly"
cron = "0 3 * * *"
function = "run"

[[webhooks]]
name = "pushes"
recipe = "github"
credential = "pushes"

[[row_data]]
kind = "users"
data_schema.properties.plan.type = "string"
"""


AGENT = """
name = "answers"
version = "1.0.0"
description = "{canary}"
category = "ai_agent"
capabilities = ["summarize@1.0.0"]
"""


@dataclass(frozen=True)
class Case:
    """A request with ids of the victim's, by an administrator of another tenant."""

    body: Any = None
    content: bytes | None = None
    status: int = 404
    query: Mapping[str, str] = field(default_factory=dict)


def sent(**body: Any) -> Case:
    return Case(body=body)


_CONFIG = {"values": {"greeting": "spied"}}

NAMED: Mapping[tuple[str, str], Case] = {
    ("GET", "/plugins/{name}"): Case(),
    ("DELETE", "/plugins/{name}"): Case(),
    ("POST", "/plugins/{name}/enable"): Case(),
    ("POST", "/plugins/{name}/disable"): Case(),
    ("POST", "/plugins/{name}/health"): Case(),
    ("POST", "/plugins/{name}/upgrade"): Case(content=package("stores")),
    ("POST", "/plugins/{name}/rollback"): sent(),
    ("GET", "/plugins/{name}/versions"): Case(),
    ("GET", "/plugins/{name}/upgrades"): Case(),
    ("GET", "/plugins/{name}/dependencies"): Case(),
    ("GET", "/plugins/{name}/grants"): Case(),
    ("PUT", "/plugins/{name}/grants"): sent(granted=[]),
    ("PUT", "/plugins/{name}/monitoring"): sent(enabled=True),
    ("GET", "/plugins/{name}/permissions/uses"): Case(),
    ("DELETE", "/plugins/{name}/permissions/uses"): Case(),
    ("GET", "/plugins/{name}/permissions/suggestion"): Case(),
    ("GET", "/plugins/{name}/config"): Case(),
    ("PUT", "/plugins/{name}/config"): sent(**_CONFIG),
    ("PATCH", "/plugins/{name}/config"): sent(set={"greeting": "spied"}),
    ("POST", "/plugins/{name}/config/validate"): sent(**_CONFIG),
    ("GET", "/plugins/{name}/config/explain"): Case(),
    ("GET", "/plugins/{name}/config/history"): Case(),
    ("POST", "/plugins/{name}/config/revert"): sent(to=1),
    ("GET", "/plugins/{name}/oauth"): Case(),
    ("POST", "/plugins/{name}/oauth/{provider}/start"): sent(),
    ("DELETE", "/plugins/{name}/oauth/{provider}"): Case(),
    ("GET", "/plugins/{name}/functions"): Case(),
    ("POST", "/plugins/{name}/functions/{function}"): sent(arguments={}),
    ("GET", "/plugins/{name}/kv"): Case(),
    ("GET", "/plugins/{name}/kv/keys"): Case(),
    ("GET", "/plugins/{name}/kv/entry"): Case(query={"key": "k"}),
    ("GET", "/plugins/{name}/kv/export"): Case(),
    ("POST", "/plugins/{name}/kv/clear"): sent(all=True),
    ("GET", "/plugins/{name}/api/{path}"): Case(),
    ("DELETE", "/plugins/{name}/api/{path}"): Case(),
    ("POST", "/plugins/{name}/api/{path}"): sent(),
    ("PUT", "/plugins/{name}/api/{path}"): sent(),
    ("PATCH", "/plugins/{name}/api/{path}"): sent(),
    ("GET", "/plugins/{name}/rows"): Case(),
    ("POST", "/plugins/{name}/rows/migrate"): Case(),
    ("GET", "/plugins/{name}/rows/{kind}"): Case(),
    ("GET", "/plugins/{name}/rows/{kind}/{row}"): Case(),
    ("PUT", "/plugins/{name}/rows/{kind}/{row}"): sent(data={"plan": "spied"}),
    ("DELETE", "/plugins/{name}/rows/{kind}/{row}"): Case(),
    # Nothing is beside a row of this kind and name in the caller's own tenant.
    ("GET", "/rows/{kind}/{row}"): Case(status=200),
    ("DELETE", "/rows/{kind}/{row}"): Case(status=200),
    ("GET", "/plugins/{name}/enhancements"): Case(),
    ("POST", "/plugins/{name}/enhancements/empty-cache"): Case(),
    ("GET", "/schedules/{plugin}/{name}"): Case(),
    ("GET", "/schedules/{plugin}/{name}/runs"): Case(),
    ("POST", "/schedules/{plugin}/{name}/pause"): Case(),
    ("POST", "/schedules/{plugin}/{name}/resume"): Case(),
    ("POST", "/schedules/{plugin}/{name}/run"): Case(),
    ("GET", "/webhooks/{endpoint_id}"): Case(),
    ("PATCH", "/webhooks/{endpoint_id}"): sent(topics=["*"]),
    ("DELETE", "/webhooks/{endpoint_id}"): Case(),
    ("GET", "/webhooks/{endpoint_id}/attempts"): Case(),
    ("GET", "/webhooks/{endpoint_id}/dead"): Case(),
    ("POST", "/webhooks/{endpoint_id}/dead/requeue"): sent(ids=["{letter}"]),
    ("POST", "/webhooks/{endpoint_id}/dead/discard"): sent(ids=["{letter}"]),
    ("POST", "/webhooks/{endpoint_id}/enable"): Case(),
    ("POST", "/webhooks/{endpoint_id}/disable"): Case(),
    ("POST", "/webhooks/{endpoint_id}/ping"): Case(),
    ("POST", "/webhooks/{endpoint_id}/secret"): sent(),
    ("PUT", "/plugins/{name}/recording"): sent(calls=1),
    ("GET", "/plugins/{name}/recordings"): Case(),
    ("DELETE", "/plugins/{name}/recordings"): Case(),
    ("GET", "/recordings/{call_id}"): Case(),
    ("GET", "/recordings/{call_id}/export"): Case(),
    ("POST", "/recordings/{call_id}/replay"): sent(),
    ("GET", "/credentials/{name}"): Case(),
    ("DELETE", "/credentials/{name}"): Case(),
    # It sets one of the caller's own of this name, and the victim's stays as it is.
    ("PUT", "/credentials/{name}"): Case({"kind": "opaque", "fields": {"value": "x"}}, status=200),
    ("POST", "/events/subscribers/{name}/pause"): Case(),
    ("POST", "/events/subscribers/{name}/resume"): Case(),
    ("POST", "/events/dead/requeue"): sent(ids=["{letter}"]),
    ("POST", "/events/dead/discard"): sent(ids=["{letter}"]),
    ("GET", "/publishers/{name}"): Case(),
    ("DELETE", "/publishers/{name}"): Case(),
    ("POST", "/publishers/{name}/keys"): sent(public_key=str(NEXT_KEY.public)),
    ("POST", "/publishers/{name}/keys/{key_id}/retire"): sent(reason="spied"),
    ("POST", "/publishers/{name}/keys/{key_id}/revoke"): sent(reason="spied"),
    ("POST", "/publishers/{name}/rotate"): Case(content=rotation_of().signed(KEY, NEXT_KEY)),
    ("PUT", "/publishers/{name}/revocations"): Case(content=list_of(1).signed(KEY)),
    ("DELETE", "/revocations/{revocation_id}"): Case(),
    ("PATCH", "/keys/{key_id}"): sent(description="spied"),
    ("DELETE", "/keys/{key_id}"): Case(),
    ("POST", "/api/v2/plugins/{name}/functions/{function}"): sent(arguments={}),
    ("GET", "/api/v2/jobs/{job_id}"): Case(),
    ("GET", "/api/v2/jobs/{job_id}/result"): Case(),
    ("GET", "/api/v2/jobs/{job_id}/stream"): Case(),
    ("DELETE", "/api/v2/jobs/{job_id}"): Case(),
    ("POST", "/keys/{key_id}/rotate"): sent(),
    # How many requests a tenant may make is for those who run the host to say.
    ("GET", "/tenants/{name}/limits"): Case(status=403),
    ("PUT", "/tenants/{name}/limits"): Case({"rate": None, "key_rate": None}, status=403),
    # Whose key it is to be is for those who run the host to say, and for nobody else.
    ("POST", "/keys"): Case(body={"name": "k", "scopes": ["admin"], "tenant": VICTIM}, status=403),
    # So is what others may use, and what they do.
    ("GET", "/tenants/{name}/quotas"): Case(status=403),
    ("PUT", "/tenants/{name}/quotas"): Case(body={"quotas": {"calls": 0}}, status=403),
    ("GET", "/analytics"): Case(query={"tenant": VICTIM, "group": "function"}, status=403),
    ("GET", "/analytics/top"): Case(query={"tenant": "*"}, status=403),
    ("GET", "/agents/{name}"): Case(),
    ("PATCH", "/agents/{name}"): sent(paused=True),
    ("GET", "/agents/{name}/trial"): Case(),
    ("PUT", "/agents/{name}/trial"): sent(version="0.9.0"),
    ("DELETE", "/agents/{name}/trial"): Case(),
    ("GET", "/asks/{ask_id}"): Case(),
    ("POST", "/asks/{ask_id}/feedback"): sent(score=0.0),
    # It sets one of the caller's own, and the victim's stays as it is.
    ("PUT", "/agent-budgets/{capability}/{period}"): Case({"limit": 0}, status=200),
    ("DELETE", "/agent-budgets/{capability}/{period}"): Case(query={}, status=204),
    # The capability that it asks for is one of the victim's agents alone.
    ("POST", "/agents/ask"): sent(capability="summarize", input="x"),
    # Nobody would be asked.
    ("POST", "/agents/explain"): Case({"capability": "summarize", "input": "x"}, status=200),
    ("POST", "/api/v2/agents/ask"): sent(capability="summarize", input="x"),
}
"""Routes that take something by its name or id."""

LISTS = [
    "/plugins", "/config", "/config/explain", "/config/history", "/credentials", "/vault",
    "/events", "/events/subscribers", "/events/dead", "/publishers", "/trust/policy",
    "/revocations", "/keys", "/hooks", "/schedules", "/webhooks", "/audit", "/audit/head",
    "/audit/verification", "/audit/export", "/quotas", "/logs", "/api/v2/jobs", "/agents", "/asks",
    "/agent-rules", "/agent-budgets",
]  # fmt: skip
"""Routes that show what a tenant has: nothing of another's."""

STREAMS = ["/events/stream", "/logs/stream"]
"""They show it for as long as they are open."""

OWN = [
    ("POST", "/plugins"), ("POST", "/installs"), ("PUT", "/config"), ("PATCH", "/config"),
    ("POST", "/config/validate"), ("POST", "/config/revert"), ("POST", "/config/reload"),
    ("POST", "/credentials"), ("POST", "/vault/open"), ("POST", "/vault/rotate"),
    ("POST", "/events"), ("POST", "/publishers"), ("PUT", "/trust/policy"),
    ("POST", "/revocations"), ("POST", "/webhooks"), ("POST", "/api/v2/batch"),
    ("PUT", "/agent-rules"),
]  # fmt: skip
"""Routes that change what is the caller's, and name nothing that could be another's."""

NOBODYS = ["/api/versions"]
"""Routes that are the same for everybody, whether they have a key or not."""

OPERATORS = [("GET", "/tenants"), ("POST", "/tenants"), ("POST", "/vault/rekey")]
"""Routes for those who run the host."""

API = "/api/v1"


@dataclass
class Scene:
    """A host with a tenant that has one of everything, and a client of another tenant's."""

    made: FakeHost
    spy: httpx.AsyncClient
    ids: dict[str, str] = field(default_factory=dict)

    def path(self, template: str) -> str:
        noun = template.split("/")[1]
        names = {
            "credentials": "signs",
            "publishers": "acme",
            "schedules": "nightly",
            "tenants": VICTIM,
            "agents": "answers",
        }
        return at(template).format(
            **self.ids,
            name=names.get(noun, "stores"),
            provider="github",
            function="run",
            path="run",
            kind="users",
            row="ann",
            plugin="stores",
            capability="summarize",
            period="day",
        )

    def of(self, case: Case) -> dict[str, Any]:
        if case.content is not None:
            return {"content": case.content}
        if case.body is None:
            return {"params": case.query}
        text = json.dumps(case.body).replace("{letter}", self.ids["letter"])
        return {"content": text, "headers": {"Content-Type": "application/json"}}


def at(path: str) -> str:
    """The path of a route that the tables name; those of version 1 without what they begin with."""
    return path if path.startswith("/api/") else API + path


async def answered(arguments: Mapping[str, Any], answer: Any) -> Any:
    return CANARY


async def answering(arguments: Mapping[str, Any], answer: Any) -> Any:
    text = json.dumps(CANARY)
    return {"output": text, "units": 1, "confidence": None, "cacheable": False}


async def rejected(arguments: Mapping[str, Any], answer: Any) -> Any:
    raise GuestError(payload={"tag": "reject", "val": CANARY})


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    functions = {"run": answered, HANDLE: rejected, AGENT_ASK: answering}
    async with asyncio.timeout(120), fake_host(folder / "data", functions) as made:
        app = app_over(made.host, Settings(data_dir=folder / "data"))
        for tenant in (VICTIM, SPY):
            await made.host.tenants.create(tenant)
        spy = await made.host.keys.create("spy", ["admin"], SPY)
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": f"Bearer {spy.token}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://host", headers=headers, trust_env=False
        ) as client:
            found = Scene(made, client)
            found.ids = await one_of_everything(made)
            yield found


async def one_of_everything(made: FakeHost) -> dict[str, str]:
    """Give the victim all that a tenant can have; return the ids."""
    host = made.host
    await host.install(package(more=MORE), grants="all", tenant=VICTIM)
    await host.set_config("stores", {"greeting": CANARY}, tenant=VICTIM)
    await host.recordings.set_calls("stores", 5, tenant=VICTIM)
    beside = RowPlace(plugin="stores", kind="users", row="ann", tenant=VICTIM)
    await host.rows.put(beside, {"plan": CANARY})
    call = await host.call("stores", "run", {}, tenant=VICTIM)
    order = CredentialOrder(name="signs", kind="opaque", fields={"value": CANARY})
    await host.credentials.set(order, tenant=VICTIM)
    await host.publishers.add("acme", ["acme-*"], [str(KEY.public)], tenant=VICTIM)
    revoked = await host.revocations.add(name="bad", versions="*", reason=CANARY, tenant=VICTIM)
    key = await host.keys.create(CANARY, ["read"], VICTIM)
    await host.bus.publish("orders.new", CANARY, tenant=VICTIM)
    async with made.parts.delivering.kept():
        while not (letters := (await host.deliveries.dead(tenant=VICTIM)).dead_letters):
            await asyncio.sleep(0.01)
    await made.parts.recorder.flush()
    owner = await host.keys.authenticate(
        (await host.keys.create("owner", ["read", "webhooks"], VICTIM)).token
    )
    endpoint = await host.webhooks.endpoints.register(
        EndpointOrder(url=f"https://{CANARY}.example.org/", topics=("orders.*",)), caller=owner
    )
    job = await host.jobs.submit(
        JobOrder(plugin="stores", function="run", arguments={"canary": CANARY}), tenant=VICTIM
    )
    await made.parts.jobbing.dispatcher.run_waiting()
    host.lines.write(
        VICTIM,
        Line(
            sequence=0,
            time=now(),
            plugin="stores",
            call_id=call.call_id,
            level="info",
            message=CANARY,
            fields={},
        ),
    )
    ask_id = await one_of_every_agent(made)
    await host.analytics.query(tenant=VICTIM)  # which folds what its calls used
    await made.parts.recorder.flush()
    return {
        "ask_id": ask_id,
        "job_id": job.id,
        "endpoint_id": endpoint.id,
        "call_id": call.call_id,
        "key_id": key.id,
        "revocation_id": revoked.id,
        "letter": letters[0].id,
    }


async def one_of_every_agent(made: FakeHost) -> str:
    """Give the victim an agent, and what belongs to it; return the id of a question."""
    agents = made.host.agents
    manifest = AGENT.format(canary=CANARY).encode()
    await made.host.install(
        write_archive({"plugin.toml": manifest, "plugin.wasm": WASM}), tenant=VICTIM
    )
    await agents.budgets.set(VICTIM, CANARY, "day", 1.0, "victim")
    asked = await agents.ask("summarize", CANARY, tenant=VICTIM, subject=CANARY)
    await agents.feedback.give(VICTIM, asked.id, score=1.0, comment=CANARY, by=CANARY)
    await agents.registry.sync()
    return asked.id


async def rows_of(made: FakeHost, tenant: str) -> dict[str, list[str]]:
    """Everything that is stored of a tenant."""
    found = {}
    async with made.parts.database.reading() as connection:
        for name, table in sorted(metadata.tables.items()):
            if "tenant" in table.c:
                rows = await connection.of(tenant).execute(
                    table.select().where(table.c.tenant == tenant)
                )
                found[name] = sorted(map(repr, rows))
    return found


def routes() -> set[tuple[str, str]]:
    document = static_document(app_over(None, Settings()))  # type: ignore[arg-type]  # no request
    return {
        (method.upper(), path.removeprefix(API))
        for path, item in document["paths"].items()
        for method in item
        if path.startswith("/api/")
    }


def test_d1_every_route_of_the_api_has_its_case_here() -> None:
    shown = [*LISTS, *STREAMS, *NOBODYS]
    cases = [*NAMED, *OWN, *OPERATORS, *(("GET", path) for path in shown)]

    assert sorted(cases) == sorted(routes())
    parametrised = {route for route in routes() if "{" in route[1]}
    assert parametrised <= set(NAMED)


@pytest.mark.usefixtures("on_both_databases")
async def test_d1_ids_of_another_tenant_lead_nowhere_on_any_route(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        before = await rows_of(found.made, VICTIM)
        wrong = []
        for (method, template), case in NAMED.items():
            answer = await found.spy.request(method, found.path(template), **found.of(case))
            if answer.status_code != case.status or CANARY in answer.text:
                wrong.append(f"{method} {template}: {answer.status_code} {answer.text}")

        assert not wrong, "\n".join(wrong)
        assert any(CANARY in row for rows in before.values() for row in rows)
        assert await rows_of(found.made, VICTIM) == before


@pytest.mark.usefixtures("on_both_databases")
async def test_d1_tools_for_models_are_the_tenant_s_own(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        headers = {"Host": "localhost"}
        listed = await found.spy.post("/mcp", json=message("tools/list"), headers=headers)
        call = message("tools/call", {"name": "stores__run", "arguments": {}})
        called = await found.spy.post("/mcp", json=call, headers=headers)

        assert listed.json()["result"]["tools"] == []
        assert called.json()["error"]["message"] == "There is no tool 'stores__run'."


@pytest.mark.usefixtures("on_both_databases")
async def test_d1_lists_and_streams_show_nothing_of_another_tenant(tmp_path: Path) -> None:
    async with scene(tmp_path) as found:
        ids = [value for name, value in found.ids.items() if name != "key"]
        for path in [*LISTS, *NOBODYS]:
            answer = await found.spy.get(at(path))
            assert answer.status_code == 200, path
            assert not [each for each in (CANARY, KEY.public.id, *ids) if each in answer.text], path

        for path in ("/analytics?group=tenant,plugin,function", "/analytics/top"):
            mine = (await found.spy.get(API + path)).json()
            assert (mine.get("groups"), mine.get("rows")) in (([], None), (None, [])), path

        spy = await found.made.host.bus.subscribe("*", tenant=SPY)
        own = await found.made.host.bus.publish("orders.new", "mine", tenant=SPY)
        await found.made.host.bus.publish("orders.new", CANARY, tenant=VICTIM)
        assert (await anext(spy)).id == own.id
        for method, path in OPERATORS:
            answer = await found.spy.request(method, API + path, json={"name": "mine"})
            assert answer.status_code == 403, path


def test_d1_every_table_but_that_of_tenants_says_whose_its_rows_are() -> None:
    """On PostgreSQL row-level security is forced on each; `storage/test_postgres.py` asks it."""
    without = [name for name, table in metadata.tables.items() if "tenant" not in table.c]

    # A ledger is a host's, with the calls of all of its tenants.
    assert without == ["tenants", "usage_ledgers"]
