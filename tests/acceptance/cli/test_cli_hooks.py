"""Webhooks from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

import senders
from commands import CommandLine
from guests.webhooks import hooked

WEBHOOKS = """
[[webhooks]]
name = "github"
recipe = "github"
credential = "hook-key"

[[webhooks]]
name = "events"
recipe = "stripe"
event = "hooked.payments"
"""


def test_who_reviews_or_installs_a_plugin_sees_its_webhooks_and_their_credentials(
    remote: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "hooked.wardian"
    path.write_bytes(hooked("hooked", WEBHOOKS))

    reviewed = remote("review", path).out
    try:
        installed = remote("install", path, "--grant-all").out
        granted = remote.json("permissions", "show", "hooked")
        for shown in (reviewed, installed, remote("show", "hooked").out):
            plain = " ".join(shown.split())
            assert "receives the webhook github, signed as github with the credential" in plain
            assert "hook-key; until that is set, every request is refused." in plain
            assert "receives the webhook events, published to hooked.payments" in plain
        assert [each["surface"] for each in granted["webhooks"]] == [
            "github:github:hook-key",
            "events:stripe:events:hooked.payments",
        ]
        path.write_bytes(hooked("hooked", WEBHOOKS.replace("hook-key", "other"), version="1.1.0"))
        review = remote.json("review", path, "--installed")
        assert [each["subject"] for each in review["widened"]] == ["webhook"]
    finally:
        remote.json("uninstall", "hooked", "--yes")


def test_a_webhook_s_address_and_what_came_to_it_are_shown(
    remote: CommandLine, server: dict[str, Any], tmp_path: Path
) -> None:
    assert "No plugin receives webhooks" in remote("hooks", "list").out
    path = tmp_path / "hooked.wardian"
    path.write_bytes(hooked("hooked", WEBHOOKS))
    remote.json("install", path, "--grant-all")
    try:
        before = remote("hooks", "show", "hooked", "github")
        assert "every request is refused" in before.err.replace("\n", " ")
        remote.json(
            "credential", "set", "hook-key", "--kind", "hmac-key", "--plugin", "hooked",
            stdin=f"{senders.SECRET}\n",
        )  # fmt: skip
        view = remote.json("hooks", "show", "hooked", "github")
        assert view["url"].endswith("/api/v1/hooks/default/hooked/github")
        url = f"{server['url']}/api/v1/hooks/default/hooked/github"
        for secret, status in ((senders.SECRET, 200), ("a guess", 401)):
            sent = httpx.post(
                url, content=b"{}", headers=senders.github(b"{}", secret), trust_env=False
            )
            assert sent.status_code == status

        shown = remote("hooks", "show", "hooked", "github").out
        assert "accepted: 1" in shown
        assert "refused, wrong-signature: 1" in shown
        listed = remote("hooks", "list", "hooked").out
        assert "hooked.payments" in listed
        assert len(remote.json("hooks", "list")["webhooks"]) == 2
        assert remote.error("hooks", "show", "hooked", "none")["type"] == "not-found"
        assert remote.error("hooks", "list", "none")["type"] == "not-found"
    finally:
        remote.json("uninstall", "hooked", "--yes")
