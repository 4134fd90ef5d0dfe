"""What plugins keep, as operators see it."""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from credentials import put as set_credential
from hosts import FakeHost, fake_host, package
from wardian.errors import InvalidArguments, NotFound, WardianError
from wardian.policy.redaction import MARKER
from wardian.storage import kv_survey
from wardian.storage.audit import AuditRepository
from wardian.storage.kv import Entry, KvRepository, Quota, now_ms
from wardian.storage.kv_layout import NAMESPACES_MAX, Namespace

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("on_both_databases")]

AMPLE = Quota(bytes=64 * 1024 * 1024, keys=100_000)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path, kv_keys_max=1_000) as opened:
        await opened.host.install(package(), grants="all")
        yield opened


async def put(
    made: FakeHost, *entries: tuple[str, str, str], ttl_ms: int | None = None, name: str = "stores"
) -> None:
    plugin = await made.parts.registry.get("default", name)
    expires_at = None if ttl_ms is None else now_ms() + ttl_ms
    async with made.parts.database.transaction() as connection:
        for namespace, key, value in entries:
            space = Namespace(namespace)
            repository = KvRepository(connection, "default", plugin.id, space)
            await repository.put(key.encode(), Entry(value.encode(), expires_at), AMPLE)


async def exported(made: FakeHost, namespace: str | None = None) -> list[dict[str, Any]]:
    file = io.BytesIO()
    done = await made.host.kv.export("stores", file, namespace=namespace, actor="ann")
    lines = file.getvalue().split(b"\n")
    assert lines.pop() == b""
    assert (done.entries, done.size_bytes) == (len(lines), len(file.getvalue()))
    return [json.loads(line) for line in lines]


async def test_usage_is_told_by_namespace_and_beside_the_quota(made: FakeHost) -> None:
    await put(made, ("", "k", "four"), ("b", "k", "v"), ("a", "k", "v"), ("a", "l", "v"))
    await put(made, ("gone", "k", "v"), ttl_ms=-1)

    found = await made.host.kv.usage("stores")

    assert (found.used_bytes, found.used_keys) == (5 + 5 + 10 + 8, 5)
    assert (found.bytes_max, found.keys_max) == (64 * 1024 * 1024, 1_000)
    assert found.namespaces_max == NAMESPACES_MAX
    assert [(each.name, each.keys, each.size_bytes) for each in found.namespaces] == [
        ("", 1, 5),
        ("a", 2, 10),
        ("b", 1, 5),
    ]


async def test_a_plugin_that_keeps_nothing_has_its_nameless_namespace(made: FakeHost) -> None:
    found = await made.host.kv.usage("stores")

    assert (found.used_bytes, found.used_keys) == (0, 0)
    assert [each.name for each in found.namespaces] == [""]
    assert await exported(made) == []


async def test_keys_come_in_pages_of_one_namespace(made: FakeHost) -> None:
    await put(made, *((name, f"x{n}", "v") for name in ("", "a") for n in range(5)))
    await put(made, ("a", "y", "v"), ("a", "x9", "é"), ttl_ms=60_000)

    first = await made.host.kv.keys("stores", namespace="a", prefix="x", limit=4)
    last = await made.host.kv.keys("stores", namespace="a", prefix="x", limit=4, after=first.next)

    assert [each.key for each in first.keys] == ["x0", "x1", "x2", "x3"]
    assert [each.key for each in last.keys] == ["x4", "x9"]
    assert (first.next, last.next) == ("x3", None)
    assert last.keys[0].expires_at is None
    assert last.keys[1].expires_at is not None
    assert last.keys[1].size_bytes == len("x9") + len("é".encode()) + len("a") + 2
    assert len((await made.host.kv.keys("stores")).keys) == 5


async def test_an_entry_is_shown_and_one_that_is_not_there_is_told(made: FakeHost) -> None:
    await put(made, ("a", "k", "value"))

    found = await made.host.kv.entry("stores", "k", namespace="a")

    assert (found.value, found.redacted, found.size_bytes) == ("value", False, 9)
    with pytest.raises(NotFound, match="keeps nothing at 'k' in its nameless namespace"):
        await made.host.kv.entry("stores", "k")
    with pytest.raises(NotFound, match="'ab'"):
        await made.host.kv.entry("stores", "k", namespace="ab")


@pytest.mark.parametrize(
    ("namespace", "key", "value"),
    [
        ("", "api-token", "s3cr3t-value"),
        ("tokens", "ann", "s3cr3t-value"),
        ("", "login", '{"user": "ann", "password": "s3cr3t-value"}'),
        ("", "note", "Authorization: Bearer s3cr3t-value"),
        ("", "cached", "it said vault-s3cr3t-value then"),
    ],
)
async def test_a_value_is_shown_without_its_secrets(
    made: FakeHost, namespace: str, key: str, value: str
) -> None:
    await set_credential(made.parts.vault, "vaulted", "vault-s3cr3t-value")
    await put(made, (namespace, key, value))

    found = await made.host.kv.entry("stores", key, namespace=namespace)

    assert found.redacted
    assert MARKER in found.value
    assert "s3cr3t-value" not in found.value


async def test_an_export_has_every_entry_as_it_is(
    made: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kv_survey, "BATCH_BYTES", 40)
    monkeypatch.setattr(kv_survey, "_LOOKED_AHEAD", 3)
    texts = ["", "plain", "a\x00b\n\u2028\u202e", "\U0010ffff", "x" * 100]
    entries = [(name, f"k{n}", text) for name in ("", "a", "b") for n, text in enumerate(texts)]
    await put(made, *entries)
    await put(made, ("", "late", "v"), ttl_ms=60_000)
    await put(made, ("", "gone", "v"), ttl_ms=-1)
    await put(made, ("", "api-token", "exact"))

    found = await exported(made)

    assert [(each["namespace"], each["key"], each["value"]) for each in found] == sorted(
        [*entries, ("", "late", "v"), ("", "api-token", "exact")]
    )
    assert [each["key"] for each in found if each["expires_at"] is not None] == ["late"]
    assert {each["namespace"] for each in await exported(made, "a")} == {"a"}
    assert {each["namespace"] for each in await exported(made, "")} == {""}
    assert await exported(made, "c") == []


async def test_an_export_is_of_one_moment(made: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kv_survey, "BATCH_BYTES", 1)
    monkeypatch.setattr(kv_survey, "_LOOKED_AHEAD", 1)
    await put(made, *(("", f"k{n}", "before") for n in range(4)))
    looked = kv_survey.KvSurvey.batches

    async def disturbed(self: Any, run: Any) -> AsyncIterator[Any]:
        async for batch in looked(self, run):
            yield batch
            await made.host.kv.clear("stores", everything=True)
            await put(made, *(("", f"k{n}", "after") for n in range(9)))

    monkeypatch.setattr(kv_survey.KvSurvey, "batches", disturbed)

    found = await exported(made)

    assert [(each["key"], each["value"]) for each in found] == [
        (f"k{n}", "before") for n in range(4)
    ]


async def test_no_credential_of_the_tenant_is_in_an_export(made: FakeHost) -> None:
    await set_credential(made.parts.vault, "vaulted", "vault-s3cr3t-value")
    await put(made, ("", "cached", "it said vault-s3cr3t-value then"), ("", "k", "v"))

    file = io.BytesIO()
    done = await made.host.kv.export("stores", file)

    assert done.redacted == 1
    assert b"vault-s3cr3t-value" not in file.getvalue()
    assert b"it said" in file.getvalue()


class FullDisk(io.BytesIO):
    """A file whose buffer fits nowhere when it is flushed."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_an_export_that_cannot_be_written_is_told(made: FakeHost) -> None:
    await put(made, ("", "k", "v"))

    with pytest.raises(WardianError, match="No space left"):
        await made.host.kv.export("stores", FullDisk())


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({"everything": True}, []),
        ({"namespace": "a"}, ["/x1", "/x2", "/y", "ab/x1"]),
        ({"namespace": "a", "prefix": "x"}, ["/x1", "/x2", "/y", "a/y", "ab/x1"]),
        ({"namespace": ""}, ["a/x1", "a/y", "ab/x1"]),
        ({"prefix": "x"}, ["/y", "a/x1", "a/y", "ab/x1"]),
        ({"namespace": "nothing"}, ["/x1", "/x2", "/y", "a/x1", "a/y", "ab/x1"]),
    ],
)
async def test_what_is_said_is_cleared_and_nothing_else(
    made: FakeHost, said: dict[str, Any], left: list[str]
) -> None:
    for name, keys in {"": ("x1", "x2", "y"), "a": ("x1", "y"), "ab": ("x1",)}.items():
        await put(made, *((name, key, "v") for key in keys))

    done = await made.host.kv.clear("stores", **said)

    assert done.removed == 6 - len(left)
    found = [f"{each['namespace']}/{each['key']}" for each in await exported(made)]
    assert sorted(found) == left
    assert (await made.host.kv.usage("stores")).used_keys == len(left)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"prefix": ""},
        {"everything": True, "namespace": "a"},
        {"everything": True, "prefix": "x"},
        {"namespace": "a b"},
        {"prefix": "\ud800"},
    ],
)
async def test_what_to_clear_has_to_be_said_clearly(made: FakeHost, said: dict[str, Any]) -> None:
    await put(made, ("", "x", "v"))

    with pytest.raises(InvalidArguments):
        await made.host.kv.clear("stores", **said)
    assert len(await exported(made)) == 1


async def test_who_cleared_and_who_exported_is_written_down_and_told(made: FakeHost) -> None:
    await put(made, ("a", "ann@example.org/1", "v"), ("a", "other", "v"))
    await exported(made)
    await made.host.kv.clear("stores", namespace="a", prefix="ann@", actor="eve")

    cleared, taken = await made.host.events.recent(2, "plugin.*", tenant="default")
    assert json.loads(cleared.data) == {
        "plugin": "stores", "actor": "eve", "namespace": "a", "removed": 1,
    }  # fmt: skip
    assert taken.topic == "plugin.kv-exported"
    assert json.loads(taken.data)["actor"] == "ann"
    async with made.parts.database.reading() as connection:
        entry = (await AuditRepository(connection, "default").recent(1))[0]
    assert (entry.actor, entry.action, entry.subject) == ("eve", "plugin.kv-cleared", "stores")
    assert entry.detail == {"namespace": "a", "prefix": "ann@", "removed": 1}


async def test_the_plugins_of_another_tenant_are_not_there(made: FakeHost) -> None:
    await made.host.tenants.create("other")
    await put(made, ("", "k", "v"))

    for attempt in (
        made.host.kv.usage("stores", tenant="other"),
        made.host.kv.keys("stores", tenant="other"),
        made.host.kv.entry("stores", "k", tenant="other"),
        made.host.kv.export("stores", io.BytesIO(), tenant="other"),
        made.host.kv.clear("stores", everything=True, tenant="other"),
    ):
        with pytest.raises(NotFound, match="No plugin named 'stores'"):
            await attempt
    assert len(await exported(made)) == 1


@pytest.mark.parametrize("limit", [0, 1_001])
async def test_a_page_has_bounds(made: FakeHost, limit: int) -> None:
    with pytest.raises(InvalidArguments, match="1 to 1000"):
        await made.host.kv.keys("stores", limit=limit)
