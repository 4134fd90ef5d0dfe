import json

import pytest

from commands import CommandLine


def test_a_client_s_configuration_names_the_host_and_not_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WARDIAN_URL", "https://wardian.example.org/")
    monkeypatch.setenv("WARDIAN_API_KEY", "wdn_secret")

    assert CommandLine().json("mcp", "--name", "plugins") == {
        "mcpServers": {
            "plugins": {
                "type": "http",
                "url": "https://wardian.example.org/mcp",
                "headers": {"Authorization": "Bearer ${WARDIAN_API_KEY}"},
            }
        }
    }


def test_people_are_shown_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARDIAN_URL", raising=False)

    printed = CommandLine()("mcp").out

    assert json.loads(printed)["mcpServers"]["wardian"]["url"] == "http://127.0.0.1:8420/mcp"
