"""A host that begins a call with an Idempotency-Key, and waits: ``killed_request.py FOLDER``.

Whoever hears of it may kill it. The first line it says is an API key.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apis import clients
from hosts import fake_host, package
from wardian.settings import Settings


async def _begun(arguments: Mapping[str, Any], answer: Any) -> None:
    print("begun", flush=True)  # noqa: T201 -- whoever started this waits for it
    await asyncio.Event().wait()


async def main(folder: Path) -> None:
    settings = Settings(data_dir=folder)
    async with fake_host(folder, {"run": _begun}, event_lease_seconds=1.0) as made:
        await made.host.install(package(), grants="all")
        key = await made.host.keys.create("app", ["call"], "default")
        print(key.token, flush=True)  # noqa: T201
        async with clients(made.host, settings)(key.token) as client:
            path = "/api/v1/plugins/stores/functions/run"
            await client.post(path, json={}, headers={"Idempotency-Key": "once"})


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
