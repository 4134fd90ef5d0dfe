"""One webhook, signed and sent as GitHub does it, about an issue that the stand-in has just got."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from wardian.cli.demo.samples import TRIAGE
from wardian.cli.demo.stand_in import REPOSITORY, StandIn
from wardian.cli.failures import failure
from wardian.cli.terminal import Terminal
from wardian.crypto.identifiers import new_id
from wardian.crypto.macs import hmac_sha256

NAME = "github"
"""The webhook of the sample's manifest."""

_ISSUE = {"title": "The watering can crashes", "body": "An error, each time that it is full."}


async def told(url: str, tenant: str, stand_in: StandIn) -> dict[str, Any]:
    """Open an issue, tell the plugin of it, and return what that answered.

    Raises:
        Failure: the webhook was refused, or not handled.
    """
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        opened = await client.post(
            f"{stand_in.url}/repos/{REPOSITORY}/issues",
            json=_ISSUE,
            headers={"Authorization": f"Bearer {stand_in.token}"},
        )
        body = msgspec.json.encode(
            {
                "action": "opened",
                "issue": opened.raise_for_status().json(),
                "repository": {"full_name": REPOSITORY},
            }
        )
        address = f"{url}/api/v1/hooks/{tenant}/{TRIAGE}/{NAME}"
        answer = await client.post(address, content=body, headers=_headers(stand_in, body))
    if answer.is_error:
        detail = f"It was answered with {answer.status_code}: {answer.text[:500]}"
        raise failure("webhook-failed", "The demonstration's webhook was not handled.", detail)
    return {"url": address, "status": answer.status_code, "answer": answer.text}


def show(terminal: Terminal, found: dict[str, Any]) -> None:
    """Show what the plugin answered."""
    terminal.line(
        f"{TRIAGE} was told of a new issue by a webhook in the shape of GitHub's; the host "
        "verified its signature, and the plugin never sees the key",
        "bold",
    )
    terminal.line(f"{found['status']} {found['answer']}")


def _headers(stand_in: StandIn, body: bytes) -> dict[str, str]:
    code = hmac_sha256(stand_in.webhook_key.encode(), body).hex()
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": new_id(),
        "X-Hub-Signature-256": f"sha256={code}",
    }
