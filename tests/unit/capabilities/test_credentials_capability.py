"""credentials: permission first, then what the vault says, exactly typed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from callings import calling, refusing
from helds import NOW, ORIGIN
from hosts import FakeHost, fake_host, package
from signing_keys import opened, pem
from wardian.capabilities.base import Refused
from wardian.capabilities.credentials import Credentials
from wardian.crypto.digests import sha256_hex
from wardian.policy.bindings import parse_binding
from wardian.policy.leaks import Leaks
from wardian.policy.levels import Level
from wardian.policy.secret import Secret
from wardian.storage.audit import AuditRepository
from wardian.vault import Bound, Kind

pytestmark = pytest.mark.anyio

USE = "credentials:use:*"
REVEAL = "credentials:reveal:*"
AWS_REQUEST = {
    "method": "GET",
    "url": f"{ORIGIN}items",
    "headers": [],
    "body-sha256": sha256_hex(b""),
    "region": "eu-central-1",
    "service": "execute-api",
}


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with fake_host(tmp_path / "data") as opened_host:
        await opened_host.host.install(package())
        yield opened_host


@pytest.fixture
def credentials(host: FakeHost) -> Credentials:
    return Credentials(host.parts.vault, host.parts.database, lambda: NOW)


async def put(host: FakeHost, name: str, kind: Kind, *origins: str, **more: Any) -> None:
    secrets = more.pop("secrets")
    settings: dict[str, Any] = {"owner": None, "public": {}} | more
    await host.parts.vault.put(
        "default",
        name=name,
        kind=kind,
        secrets={field: Secret(text) for field, text in secrets.items()},
        bound=Bound(origins=tuple(parse_binding(origin) for origin in origins)),
        **settings,
    )


async def test_exists_tells_of_the_plugins_own_and_of_the_tenants(
    host: FakeHost, credentials: Credentials
) -> None:
    plugin = (await host.parts.registry.get("default", "stores")).id
    await put(host, "shared", Kind.OPAQUE, secrets={"value": "canary-1"})
    await put(host, "own", Kind.OPAQUE, secrets={"value": "canary-2"}, owner=plugin)
    await put(host, "old", Kind.OPAQUE, secrets={"value": "canary-3"}, expires_at=NOW)

    async def exists(name: str, plugin_id: str = plugin) -> bool:
        return await credentials.exists(calling(USE, plugin_id=plugin_id), name)

    assert await exists("shared")
    assert await exists("own")
    assert await exists("old")
    assert not await exists("other")
    assert not await exists("own", "another plugin")
    assert not await credentials.exists(calling(USE, tenant="other"), "shared")


async def test_hmac_jwt_and_sigv4_are_signed_and_no_key_is_in_an_answer(
    host: FakeHost, credentials: Credentials
) -> None:
    await put(host, "mac", Kind.HMAC_KEY, secrets={"key": "canary-key-of-hmac"})
    await put(host, "jwt", Kind.PRIVATE_KEY, secrets={"pem": pem()}, public={"issuer": "ops"})
    await put(
        host,
        "aws",
        Kind.AWS,
        ORIGIN,
        secrets={"secret_access_key": "canary-key-of-aws"},
        public={"access_key_id": "AKIDEXAMPLE"},
    )
    call = calling(USE)

    mac = await credentials.sign(call, "mac", {"tag": "hmac-sha256", "val": "hello"})
    token = await credentials.sign(call, "jwt", {"tag": "jwt", "val": '{"sub":"ann"}'})
    aws = await credentials.sign(call, "aws", {"tag": "aws-sigv4", "val": AWS_REQUEST})

    assert len(mac["value"]) == 64
    assert mac["headers"] == []
    assert opened(token["value"])[1]["iss"] == "ops"
    assert aws["value"] == ""
    assert [name for name, _ in aws["headers"]] == [
        "x-amz-date",
        "x-amz-content-sha256",
        "authorization",
    ]
    keys = Leaks(["canary-key-of-hmac", "canary-key-of-aws", pem()])
    assert not keys.found(msgspec.json.encode([mac, token, aws]))
    assert call.given_out == []


async def test_a_session_token_goes_with_its_signature_and_may_be_sent(
    host: FakeHost, credentials: Credentials
) -> None:
    await put(
        host,
        "aws",
        Kind.AWS,
        ORIGIN,
        secrets={"secret_access_key": "canary-key-of-aws", "session_token": "canary-session"},
        public={"access_key_id": "AKIDEXAMPLE"},
    )
    call = calling(USE)

    for _ in range(2):
        aws = await credentials.sign(call, "aws", {"tag": "aws-sigv4", "val": AWS_REQUEST})

    assert dict(aws["headers"])["x-amz-security-token"] == "canary-session"
    assert call.given_out == [Secret("canary-session")]


async def test_refusals_are_exactly_typed(host: FakeHost, credentials: Credentials) -> None:
    await put(host, "opaque", Kind.OPAQUE, secrets={"value": "canary-1"})
    await put(host, "bound", Kind.HMAC_KEY, ORIGIN, secrets={"key": "canary-2"})
    await put(host, "old", Kind.HMAC_KEY, secrets={"key": "canary-3"}, expires_at=NOW)
    asked = {"tag": "hmac-sha256", "val": "x"}
    call = calling(USE, REVEAL, level=Level.TRUSTED)

    with refusing("not-found"):
        await credentials.sign(call, "missing", asked)
    with refusing("not-found"):
        await credentials.reveal(call, "missing")
    with refusing("invalid", "kind opaque"):
        await credentials.sign(call, "opaque", asked)
    with refusing("denied", "bound to origins"):
        await credentials.sign(call, "bound", asked)
    with refusing("denied", "expired"):
        await credentials.sign(call, "old", asked)
    with refusing("denied", "expired"):
        await credentials.reveal(call, "old")
    with refusing("denied", "manifest"):
        await credentials.sign(calling("credentials:use:other"), "old", asked)


async def test_a_sealed_vault_is_unavailable(
    host: FakeHost, credentials: Credentials, tmp_path: Path
) -> None:
    await put(host, "mac", Kind.HMAC_KEY, secrets={"key": "canary-1"})
    (tmp_path / "data" / "root.key").unlink()
    await host.parts.vault.open()
    call = calling(USE, REVEAL, level=Level.TRUSTED)

    with pytest.raises(Refused) as refused:
        await credentials.exists(call, "mac")
    assert refused.value.case == "unavailable"
    assert "is sealed" in refused.value.text
    assert str(tmp_path) not in refused.value.text  # why is the operator's to know
    with refusing("unavailable", "sealed"):
        await credentials.sign(call, "mac", {"tag": "hmac-sha256", "val": "x"})
    with refusing("unavailable", "sealed"):
        await credentials.reveal(call, "mac")


@pytest.mark.parametrize("level", [each for each in Level if each is not Level.TRUSTED])
async def test_no_level_but_trusted_reveals(
    host: FakeHost, credentials: Credentials, level: Level
) -> None:
    await put(host, "opaque", Kind.OPAQUE, secrets={"value": "canary-1"})

    with refusing("denied", f"level {level}"):
        await credentials.reveal(calling(REVEAL, level=level), "opaque")


async def test_to_use_is_not_to_reveal(host: FakeHost, credentials: Credentials) -> None:
    await put(host, "opaque", Kind.OPAQUE, secrets={"value": "canary-1"})

    with refusing("denied", "manifest"):
        await credentials.reveal(calling(USE, level=Level.TRUSTED), "opaque")


REVEALED: list[tuple[Kind, dict[str, Any], dict[str, str], Any]] = [
    (Kind.OPAQUE, {}, {"value": "v-1"}, "v-1"),
    (Kind.BEARER, {}, {"token": "t-1"}, "t-1"),
    (Kind.HMAC_KEY, {"encoding": "text"}, {"key": "k-1"}, "k-1"),
    (
        Kind.BASIC,
        {"username": "ann"},
        {"password": "p-1"},
        {"username": "ann", "password": "p-1"},
    ),
    (
        Kind.AWS,
        {"access_key_id": "AKID", "region": "r"},
        {"secret_access_key": "s-1"},
        {"access_key_id": "AKID", "secret_access_key": "s-1"},
    ),
    (Kind.OAUTH2_TOKEN, {}, {"access_token": "a-1", "refresh_token": "r-1"}, "a-1"),
]


@pytest.mark.parametrize(("kind", "public", "secrets", "expected"), REVEALED)
async def test_what_is_revealed_of_each_kind(
    host: FakeHost,
    credentials: Credentials,
    kind: Kind,
    public: dict[str, Any],
    secrets: dict[str, str],
    expected: Any,
) -> None:
    await put(host, "c", kind, secrets=secrets, public=public)
    call = calling(REVEAL, level=Level.TRUSTED)

    found = await credentials.reveal(call, "c")

    assert (found if isinstance(expected, str) else json.loads(found)) == expected
    assert "r-1" not in found
    assert {each.reveal() for each in call.given_out} == set(secrets.values()) - {"r-1"}


async def test_who_read_a_credential_is_in_the_audit_trail_and_its_value_is_not(
    host: FakeHost, credentials: Credentials
) -> None:
    await put(host, "opaque", Kind.OPAQUE, secrets={"value": "canary-1"})
    await credentials.reveal(calling(REVEAL, level=Level.TRUSTED), "opaque")

    async with host.parts.database.reading() as connection:
        entries = await AuditRepository(connection, "default").recent(10)

    (entry,) = [each for each in entries if each.action == "credential.revealed"]
    assert (entry.actor, entry.subject) == ("plugin:counter", "opaque")
    assert entry.detail == {"plugin": "counter", "version": "1.0.0", "call_id": "call-1"}
    assert "canary" not in str(entries)


async def test_a_credential_is_not_revealed_when_that_cannot_be_written_down(
    host: FakeHost, credentials: Credentials
) -> None:
    await put(host, "opaque", Kind.OPAQUE, secrets={"value": "canary-1"})
    call = calling(REVEAL, level=Level.TRUSTED, tenant="default")
    async with host.parts.database.transaction() as connection:
        await connection.execute(text("DROP TABLE audit"))

    with refusing("unavailable"):
        await credentials.reveal(call, "opaque")

    assert call.given_out == []


@pytest.mark.parametrize("name", ["", "a b", "A", "x" * 600, "a\x00"])
async def test_a_name_that_is_no_name_is_invalid(credentials: Credentials, name: str) -> None:
    with refusing("invalid"):
        await credentials.exists(calling(USE), name)


async def test_it_still_counts_until_the_moment_it_expires(
    host: FakeHost, credentials: Credentials
) -> None:
    later = NOW + timedelta(seconds=1)
    await put(host, "mac", Kind.HMAC_KEY, secrets={"key": "canary-1"}, expires_at=later)

    signed = await credentials.sign(calling(USE), "mac", {"tag": "hmac-sha256", "val": "x"})

    assert signed["value"]
