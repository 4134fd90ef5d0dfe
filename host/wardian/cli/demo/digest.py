"""`digest` at work: events are published, counted by the plugin, and summed up by its schedule."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from wardian.cli.demo.samples import DIGEST
from wardian.cli.failures import Failure
from wardian.cli.terminal import Terminal
from wardian.cli.text import moment

SCHEDULE = "daily"
ORDERS = (("orders.created", 1999), ("orders.created", 450), ("orders.cancelled", 450))

HANDLED_SECONDS = 60.0
"""How long the demonstration waits for its events to be counted, on however slow a machine."""

_LOOKS_SECONDS = 0.05


async def summarized(url: str, key: str) -> dict[str, Any]:
    """Publish orders, wait until they are counted, and have the schedule run now.

    Raises:
        Failure: the host refused something.
    """
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=f"{url}/api/v1", headers=headers, trust_env=False, timeout=60
    ) as client:
        for topic, amount in ORDERS:
            await _asked(client, "POST", "/events", {"topic": topic, "data": {"amount": amount}})
        async with asyncio.timeout(HANDLED_SECONDS):
            while await _waits(client):  # noqa: ASYNC110 -- the host says nothing of it by itself
                await asyncio.sleep(_LOOKS_SECONDS)
        schedule = f"/schedules/{DIGEST}/{SCHEDULE}"
        run = await _asked(client, "POST", f"{schedule}/run")
        latest = await _asked(
            client, "POST", f"/plugins/{DIGEST}/functions/latest", {"arguments": {}}
        )
        shown = await _asked(client, "GET", schedule)
    return {"run": run, "next_run": shown["next_run"], "summary": latest["result"]}


def show_digest(terminal: Terminal, found: dict[str, Any]) -> None:
    """Show what came of it."""
    when = f", next on {moment(found['next_run'])}" if found["next_run"] else ""
    terminal.line(
        f"{DIGEST}, which counted {len(ORDERS)} events; its schedule {SCHEDULE}, run now{when}",
        "bold",
    )
    terminal.table(
        ["topic", "events", "amount"],
        [
            [line["topic"], str(line["events"]), str(line["amount"])]
            for line in found["summary"]["lines"]
        ],
    )


async def _waits(client: httpx.AsyncClient) -> bool:
    found = await _asked(client, "GET", "/events/subscribers")
    return any(each["queued"] for each in found if each["plugin"] == DIGEST)


async def _asked(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None
) -> Any:
    answer = await client.request(method, path, json=body)
    if answer.is_error:
        raise Failure(answer.json())
    return answer.json()
