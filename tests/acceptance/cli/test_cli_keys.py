"""API keys and limits of tenants by command."""

from __future__ import annotations

import pytest

from commands import CommandLine


def test_a_key_is_made_shown_changed_and_rotated(
    remote: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = remote.json(
        "keys", "create", "ci", "--scope", "admin", "--expires-in", "90d",
        "--description", "Deploys.", "--rate", "600/minute", "--network", "127.0.0.0/8",
    )  # fmt: skip
    assert (made["description"], made["rate"]) == ("Deploys.", "600/minute")
    assert made["networks"] == ["127.0.0.0/8"]

    rotated = remote.json("keys", "rotate", made["id"], "--overlap", "2h")
    assert rotated["id"] == made["id"]
    assert rotated["old_token_until"] is not None
    for key in (made, rotated):
        monkeypatch.setenv("WARDIAN_API_KEY", key["token"])
        assert remote.json("keys", "list")["keys"]

    assert remote.json("keys", "change", made["id"], "--rate", "")["rate"] is None
    remote.json("keys", "rotate", made["id"], "--overlap", "0s", "--expires-in", "1d")
    assert remote.error("keys", "list")["type"] == "unauthenticated"


def test_people_see_when_keys_expire_and_when_they_were_used(remote: CommandLine) -> None:
    made = remote("keys", "create", "brief", "--expires-in", "12h")
    assert "It expires at 20" in made.err

    listed = remote("keys", "list").out
    assert "expires" in listed
    assert "last used" in listed
    assert "never" in listed


@pytest.mark.parametrize("text", ["90", "d", "-1d", "1w", "1.5h", "9999999999d"])
def test_a_time_without_a_number_and_a_unit_is_refused(remote: CommandLine, text: str) -> None:
    refused = remote.error("keys", "create", "k", f"--expires-in={text}")
    assert refused["type"] == "invalid-arguments"
    assert "90d" in refused["detail"]


def test_a_tenant_s_limits_are_shown_and_set(remote: CommandLine) -> None:
    remote.json("tenants", "create", "limited")
    assert remote.json("tenants", "limits", "limited") == {"rate": None, "key_rate": None}

    remote.json("tenants", "limits", "limited", "--rate", "60/minute")
    found = remote.json("tenants", "limits", "limited", "--key-rate", "6/minute")
    assert found == {"rate": "60/minute", "key_rate": "6/minute"}
    assert "60/minute" in remote("tenants", "limits", "limited").out
    cleared = remote.json("tenants", "limits", "limited", "--rate", "", "--key-rate", "")
    assert cleared == {"rate": None, "key_rate": None}
    assert remote.error("tenants", "limits", "nobody")["type"] == "not-found"
    assert (
        remote.error("tenants", "limits", "limited", "--rate", "x")["type"] == "invalid-arguments"
    )
