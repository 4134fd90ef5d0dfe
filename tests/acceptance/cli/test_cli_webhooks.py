"""Webhooks from the command line."""

from __future__ import annotations

from commands import CommandLine

CLOSED = "https://127.0.0.1:1/in"
"""Where the server is not to post anything."""


def test_an_endpoint_is_added_shown_changed_tried_out_and_removed(remote: CommandLine) -> None:
    made = remote.json("webhooks", "add", CLOSED, "--topic", "orders.*", "--description", "shop")
    endpoint = made["id"]
    assert made["secret"].startswith("whsec_")

    assert [each["id"] for each in remote.json("webhooks", "list")["endpoints"]] == [endpoint]
    assert "orders.*" in remote("webhooks", "list").out
    changed = remote.json("webhooks", "change", endpoint, "--topic", "a.*", "--topic", "b")
    assert (changed["topics"], changed["url"]) == (["a.*", "b"], CLOSED)
    shown = remote("webhooks", "show", endpoint).out
    assert "state: enabled" in shown
    assert "secret" not in shown
    assert "state: disabled" in remote("webhooks", "disable", endpoint).out
    assert remote.json("webhooks", "enable", endpoint)["state"] == "enabled"

    tried = remote("webhooks", "ping", endpoint)
    assert tried.code == 1
    assert "refused by the operator" in tried.out
    assert "endpoint.ping" in remote("webhooks", "attempts", endpoint).out
    (attempt,) = remote.json("webhooks", "attempts", endpoint)["attempts"]
    assert attempt["outcome"] == "ping"

    rotated = remote("webhooks", "rotate", endpoint, "--overlap", 1)
    assert rotated.out.startswith("whsec_")
    assert made["secret"] not in rotated.out
    assert "The one before signs, too, until" in rotated.err
    assert "old one is over" in remote("webhooks", "rotate", endpoint, "--overlap", 0).err

    assert "no dead letters" in remote("webhooks", "dead", endpoint).out
    assert remote.error("webhooks", "requeue", endpoint, "x")["type"] == "not-found"
    assert remote.error("webhooks", "discard", endpoint, "x", "--yes")["type"] == "not-found"
    assert "Removed" in remote("webhooks", "remove", endpoint, "--yes").out
    assert "no endpoints" in remote("webhooks", "list").out


def test_an_endpoint_that_cannot_be_is_refused(remote: CommandLine) -> None:
    plain = remote.error("webhooks", "add", "http://shop.example/in", "--topic", "*")
    assert plain["type"] == "invalid-arguments"
    assert "WARDIAN_WEBHOOK_ALLOW_HTTP" in plain["detail"]
    assert remote.error("webhooks", "show", "none")["type"] == "not-found"
