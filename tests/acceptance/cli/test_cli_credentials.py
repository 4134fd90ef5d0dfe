"""``wardian credential`` and ``wardian vault``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from commands import CommandLine, announced, serve_process
from wardian import Settings, open_host
from wardian.runtime.credentials import CredentialOrder
from wardian.vault.held import Kind

CANARY = "ghp_CanaryOfACommand"
ADMIN = "wdn_TheAdministratorOfThisTest"
ORIGIN = ("--origin", "https://api.example.org/")


def test_from_standard_input_to_a_list_with_reminders(remote: CommandLine) -> None:
    view = remote.json(
        "credential", "set", "github", "--kind", "bearer", *ORIGIN,
        "--expires", "2020-01-01", "--rotate-days", 30, "--description", "For triage.",
        stdin=f"{CANARY}\n",
    )  # fmt: skip
    assert (view["name"], view["version"], view["standing"]) == ("github", 1, "expired")

    found = remote.json("credential", "list")
    assert found["warnings"] == ["github: It expired on 2020-01-01."]
    for words in (("list",), ("show", "github")):
        shown = remote("credential", *words)
        assert (shown.code, shown.err) == (0, "")
        assert "2020-01-01" in shown.out
        assert "https://api.example.org/" in shown.out
        assert CANARY not in shown.out

    assert remote.json("credential", "remove", "github") == {"removed": "github"}
    assert remote.json("credential", "list") == {"credentials": [], "warnings": []}
    assert remote.error("credential", "show", "github")["type"] == "not-found"


def test_what_is_read_is_the_value_and_not_its_last_line_end(
    remote: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(f"{CANARY}\r\n".encode())
    monkeypatch.setenv("SESSION", CANARY)
    view = remote.json(
        "credential", "set", "cloud", "--kind", "aws", "--field", "access_key_id=AKIAEXAMPLE",
        "--from", f"file:{secret}", "--from", "session_token=env:SESSION",
    )  # fmt: skip

    assert view["public"] == {"access_key_id": "AKIAEXAMPLE"}
    remote.json("credential", "remove", "cloud")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--kind", "bearer", "--field", f"token={CANARY}"), "arguments are seen by everybody"),
        (("--kind", "bearer", "--field", CANARY), "--field takes NAME=VALUE"),
        (("--kind", "bearer", "--from", CANARY), "--from takes"),
        (("--kind", "bearer", "--from", f"token={CANARY}"), "--from takes"),
        (("--kind", "bearer", "--from", "env:NOT_SET_AT_ALL"), "is not set"),
        (("--kind", "bearer", "--from", "file:/none/at/all"), "cannot be read"),
        (("--kind", CANARY), "There is no such kind"),
        (("--kind", "bearer", "--expires", CANARY), "--expires takes a date"),
        (("--kind", "bearer", "--plugin", "none"), "'none'"),
    ],
)
def test_what_cannot_be_set_is_told_without_a_value(
    remote: CommandLine, arguments: tuple[str, ...], told: str
) -> None:
    done = remote("credential", "set", "github", *arguments, stdin=CANARY)

    assert done.code == 1
    assert told in done.err
    assert CANARY not in done.err + done.out


def test_bytes_that_are_no_text_are_refused_and_not_quoted(
    remote: CommandLine, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CANARY.encode() + b"\xff")
    error = remote.error("credential", "set", "one", "--kind", "opaque", "--from", f"file:{secret}")

    assert error["detail"] == "What was given as value is not UTF-8."


def test_the_help_of_set_names_every_kind(remote: CommandLine) -> None:
    shown = remote("credential", "set", "--help").out

    assert [kind for kind in Kind if kind not in shown] == []


def test_where_a_credential_is_put_is_shown(remote: CommandLine) -> None:
    placement = '{"in":"query","name":"key"}'
    shown = remote(
        "credential", "set", "maps", "--kind", "opaque", *ORIGIN, "--placement", placement,
        stdin=CANARY,
    ).out  # fmt: skip

    assert 'placement: {"in":"query","name":"key"}' in shown
    remote.json("credential", "remove", "maps")


def test_the_vault_is_shown_and_gets_new_keys(remote: CommandLine) -> None:
    remote.json("credential", "set", "github", "--kind", "bearer", stdin=CANARY)
    before = remote.json("vault", "status")

    rotated = remote("vault", "rotate")
    assert (rotated.code, rotated.out.partition(":")[0]) == (0, "Rotated")
    assert "1 credentials were sealed anew, 1 old keys dropped" in rotated.out
    rekeyed = remote.json("vault", "rekey")
    assert rekeyed["rewrapped"] == 1

    after = remote.json("vault", "status")
    assert after["root_key"] == rekeyed["root_key"] != before["root_key"]
    assert after["root_key"] in remote("vault", "status").out
    assert remote.json("vault", "open")["sealed"] is False
    remote.json("credential", "remove", "github")


def test_the_doctor_looks_at_the_root_key(wardian: CommandLine, tmp_path: Path) -> None:
    def found() -> tuple[str, str]:
        checks = wardian("doctor", "--json", "--data-dir", tmp_path).json["checks"]
        [check] = [check for check in checks if check["name"] == "vault"]
        return check["status"], check["found"]

    assert found() == ("ok", f"{tmp_path}/root.key is made at the first start")
    key = tmp_path / "root.key"
    key.write_text("any")
    key.chmod(0o644)
    assert found() == ("weak", f"{key} is open to others (644)")
    key.chmod(0o600)
    assert found()[0] == "weak"
    assert "has a line that is no key" in found()[1]
    key.write_text("00" * 32)
    assert found()[0] == "ok"
    (tmp_path / "wardian.db").touch()
    assert found()[0] == "ok"  # nothing was sealed yet
    key.unlink()
    assert found() == ("weak", f"{key} is not there")


def _with_a_credential(folder: Path) -> None:
    async def set_one() -> None:
        settings = Settings(data_dir=folder, workers_max=1, bootstrap_key=ADMIN)
        async with open_host(settings) as host:
            order = CredentialOrder(name="github", kind="bearer", fields={"token": CANARY})
            await host.credentials.set(order)

    asyncio.run(set_one())


def test_the_doctor_tells_a_wrong_root_key_from_the_right_one(
    wardian: CommandLine, tmp_path: Path
) -> None:
    def found() -> str:
        checks = wardian("doctor", "--json", "--data-dir", tmp_path).json["checks"]
        return str(next(check["found"] for check in checks if check["name"] == "vault"))

    _with_a_credential(tmp_path)
    key = tmp_path / "root.key"
    right = key.read_text()
    key.write_text("00" * 32)
    assert found() == f"{key} has another key than the database takes"
    key.write_text(right)
    assert found().startswith("the root key is in")


def test_opening_a_vault_fails_while_it_stays_sealed(
    wardian: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_a_credential(tmp_path)
    key = tmp_path / "root.key"
    right = key.read_text()
    key.write_text("00" * 32)
    options = ("--json", "--log-level", "error", "--port", 0, "--data-dir", tmp_path)
    with serve_process(*options) as process:
        monkeypatch.setenv("WARDIAN_URL", announced(process)["url"])
        monkeypatch.setenv("WARDIAN_API_KEY", ADMIN)
        sealed = wardian("vault", "open")
        key.write_text(right)
        opened = wardian("vault", "open")

    assert (sealed.code, "The vault is sealed." in sealed.out) == (1, True)
    assert (opened.code, "The vault is open" in opened.out) == (0, True)
