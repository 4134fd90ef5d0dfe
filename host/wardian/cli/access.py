"""A host of this process's own, handed to whoever sits before it: a key, and a line to paste."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from wardian.cli.text import as_json
from wardian.runtime.host import PluginHost
from wardian.tenants import Scope


async def fresh_key(host: PluginHost, tenant: str, name: str) -> str:
    """Make a key; a token is stored nowhere, so an earlier key of this name is replaced."""
    key = await host.keys.create(name, [Scope.ADMIN], tenant, actor=name)
    for known in await host.keys.list(tenant):
        if known.name == name and known.id != key.id and known.revoked_at is None:
            await host.keys.revoke(known.id, tenant, actor=name)
    return key.token


def curl_line(url: str, key: str, body: Mapping[str, Any]) -> str:
    """Return a shell command that posts ``body`` to ``url``."""
    return (
        f"curl -s {shlex.quote(url)} -H {shlex.quote(f'Authorization: Bearer {key}')} "
        f"-d {shlex.quote(as_json(body))}"
    )
