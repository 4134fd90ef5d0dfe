"""`wardian doctor`: what it finds, and what that does to its exit code."""

from __future__ import annotations

import os
import re
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from commands import CommandLine
from wardian.cli.authoring import ToolchainMissing
from wardian.cli.checks import machine, storage, toolchains, workers
from wardian.cli.checks.check import Status
from wardian.policy.limits import MIB
from wardian.runtime.executor.zygote import Zygote
from wardian.sandbox import wasmtime_version
from wardian.settings import Settings


@pytest.fixture
def wardian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandLine:
    monkeypatch.setenv("WARDIAN_DATA_DIR", str(tmp_path / "state"))
    return CommandLine()


def by_name(found: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in found["checks"]}


def test_a_machine_that_can_run_a_host_is_told_so(wardian: CommandLine, tmp_path: Path) -> None:
    found = wardian.json("doctor")

    assert found["usable"] is True
    assert by_name(found)["Wasmtime"]["found"].startswith(wasmtime_version())
    assert not (tmp_path / "state").exists()  # it looks, and makes nothing


def test_people_read_a_table_and_what_to_do(
    wardian: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "Zygote", partial(Zygote, entry="zygotes:without_landlock"))

    answered = wardian("doctor")

    assert answered.code == 0
    assert "Landlock: missing\n" in answered.out
    assert "Plugins of the level `isolated` are refused without it." in answered.out


def test_a_missing_protection_is_named_and_what_the_setting_makes_of_it(
    wardian: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "Zygote", partial(Zygote, entry="zygotes:without_landlock"))
    monkeypatch.setenv("WARDIAN_ALLOW_WEAK_ISOLATION", "true")

    found = by_name(wardian.json("doctor"))

    assert found["Landlock"]["status"] == "weak"
    assert "isolated` run without it" in found["Landlock"]["advice"]
    assert found["seccomp"]["status"] == "ok"


def failing(wardian: CommandLine) -> dict[str, dict[str, str]]:
    answered = wardian("doctor", "--json")
    assert answered.code == 1
    assert answered.json["usable"] is False
    return {
        name: check for name, check in by_name(answered.json).items() if check["status"] == "failed"
    }


def test_workers_that_do_not_start_fail_it(
    wardian: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "Zygote", partial(Zygote, entry="zygotes:missing"))

    assert "AttributeError" in failing(wardian)["workers"]["found"]


def test_a_database_of_a_newer_version_fails_it(wardian: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    with sqlite3.connect(tmp_path / "state/wardian.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('v9999')")
    database.close()

    assert "'v9999'" in failing(wardian)["database"]["found"]


def test_a_database_that_does_not_answer_fails_it(
    wardian: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARDIAN_DATABASE_URL", f"sqlite:///{tmp_path}/missing/wardian.db")

    assert "cannot be reached" in failing(wardian)["database"]["found"]


def test_compiled_code_of_another_user_fails_it(
    wardian: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state/compiled").mkdir(parents=True)
    (tmp_path / "state").chmod(0o700)
    real = os.geteuid()
    monkeypatch.setattr(storage.os, "geteuid", lambda: real + 1)

    assert f"user {real}" in failing(wardian)["compiled code"]["found"]


def test_a_full_disk_fails_it(wardian: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "FREE_BYTES_LEAST", 1 << 62)

    assert "MiB are free" in failing(wardian)["disk"]["found"]


def test_a_data_directory_that_others_can_read_is_weak(
    wardian: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)

    found = by_name(wardian.json("doctor"))

    assert found["data directory"]["status"] == "weak"
    assert "chmod 700" in found["data directory"]["advice"]


def test_data_of_another_user_is_weak(
    wardian: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    real = os.geteuid()
    monkeypatch.setattr(storage.os, "geteuid", lambda: real + 1)

    found = by_name(wardian.json("doctor"))["data directory"]

    assert found["status"] == "weak"
    assert f"user {real}" in found["found"]


def test_a_disk_across_a_network_is_weak(
    wardian: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_filesystem", lambda path: "nfs4")

    found = by_name(wardian.json("doctor"))["SQLite"]

    assert (found["status"], "nfs4" in found["found"]) == ("weak", True)
    assert "WARDIAN_DATABASE_URL" in found["advice"]


@pytest.mark.parametrize(
    ("name", "attribute", "value", "word"),
    [
        ("user", "geteuid", lambda: 0, "a user of its own"),
        ("descriptors", "wanted_descriptors", lambda soft, hard: 512, "LimitNOFILE"),
        ("processes", "_most_processes", lambda: 10, "WARDIAN_WORKERS_MAX"),
        ("memory", "_available_bytes", lambda: 100 * MIB, "WARDIAN_WORKERS_MAX"),
    ],
)
def test_what_a_host_is_short_of_is_weak_and_says_what_to_do(
    name: str, attribute: str, value: object, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = machine.os if attribute == "geteuid" else machine
    monkeypatch.setattr(owner, attribute, value)

    (found,) = [check for check in machine.machine_checks(Settings()) if check.name == name]

    assert found.status is Status.WEAK
    assert word in found.advice


def test_a_variable_that_is_none_is_weak_and_names_the_nearest(
    wardian: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WARDIAN_LEVELMAX", "standard")

    found = by_name(wardian.json("doctor"))["environment"]

    assert found["status"] == "weak"
    assert "WARDIAN_LEVEL_MAX?" in found["found"]


def test_a_language_whose_tools_are_missing_is_told_what_the_build_would_say(
    wardian: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ToolchainMissing("Install Rust.")

    monkeypatch.setattr(toolchains.rust, "require_tools", missing)

    found = by_name(wardian.json("doctor"))["Rust plugins"]

    assert (found["status"], found["advice"]) == ("weak", "Install Rust.")


def test_whatever_is_not_fine_comes_with_what_to_do(wardian: CommandLine) -> None:
    for check in wardian("doctor", "--json").json["checks"]:
        assert check["found"]
        assert check["advice"] or check["status"] == "ok"


def test_the_operators_page_shows_every_check(wardian: CommandLine) -> None:
    page = (Path(__file__).parents[3] / "docs/operators.md").read_text()
    shown = page.partition("check                 status")[2].partition("\n\n")[0]

    names = [re.split(r"  +", line)[0] for line in shown.splitlines()[1:]]

    assert names == list(by_name(wardian.json("doctor")))


def test_files_of_configuration_that_cannot_be_read_are_weak(
    wardian: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "config"
    monkeypatch.setenv("WARDIAN_CONFIG_DIR", str(folder))

    def check() -> dict[str, str]:
        return by_name(wardian.json("doctor"))["configuration files"]

    assert check()["status"] == Status.WEAK
    (folder / "tenants" / "acme").mkdir(parents=True)
    (folder / "production.toml").write_text("[tenant]\nregion = 'eu'\n")
    (folder / "staging.toml").write_text("nonsense")
    assert check()["status"] == Status.OK

    (folder / "tenants" / "acme" / "production.toml").write_text("\n[plugin.x]\n")

    assert check()["status"] == Status.WEAK
    assert check()["found"].startswith("tenants/acme/production.toml:2: 'plugin' is no table")
