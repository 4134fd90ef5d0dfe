"""Settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from wardian.errors import HostUnusable
from wardian.settings import Settings, load_settings


def test_the_defaults_are_a_host_for_one_machine() -> None:
    settings = Settings()

    assert (settings.host, settings.port) == ("127.0.0.1", 8420)
    assert settings.data_dir == Path(".wardian")
    assert settings.default_tenant == "default"
    assert settings.workers_max > 2


def test_the_environment_sets_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDIAN_PORT", "9000")
    monkeypatch.setenv("WARDIAN_QUEUE_MAX", "3")
    monkeypatch.setenv("WARDIAN_EXCLUDED_PERMISSIONS", '["kv:write"]')

    settings = load_settings(port=1234)

    assert (settings.port, settings.queue_max) == (1234, 3)
    assert settings.excluded_permissions == ("kv:write",)


@pytest.mark.parametrize(
    ("name", "value"),
    [("WARDIAN_WORKERS_MAX", "none"), ("WARDIAN_EGRESS_ALLOWED_NETWORKS", "10.1.0.0/16")],
    ids=["number", "list"],
)
def test_a_value_that_cannot_be_used_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(HostUnusable, match=f"{name} cannot be used"):
        load_settings()


def test_secrets_are_not_shown_and_settings_do_not_change() -> None:
    settings = Settings(bootstrap_key="wdn_secret-secret-secret-secret")

    assert "secret-secret" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


def test_a_clients_own_variables_are_none_of_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDIAN_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("WARDIAN_API_KEY", "wdn_x")

    assert load_settings().port == 8420
