"""Keys, signatures, publishers and revocations on the command line."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import CommandLine
from guests import guest
from signing import KEY, package_of


def package(path: Path, name: str, version: str = "1.0.0") -> Path:
    target = path / f"{name}-{version}.wardian"
    target.write_bytes(package_of(name, version, guest("memory")))
    return target


@pytest.fixture
def key(wardian: CommandLine, tmp_path: Path) -> dict[str, Any]:
    """A publisher's key, as `keygen` made it."""
    found: dict[str, Any] = wardian.json("keygen", "-o", tmp_path / "acme.key")
    return found


@pytest.fixture
def acme(remote: CommandLine, key: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """That publisher, trusted by the server for plugins named `acme-…`."""
    remote.json("publishers", "add", "acme", "--plugins", "acme-*", "--key", key["public_key"])
    yield key
    for item in remote.json("revocations", "list")["revocations"]:
        remote.json("revocations", "remove", item["id"])
    remote.json("publishers", "remove", "acme")


def test_a_key_is_made_for_its_owner_and_its_public_half_is_printed(
    wardian: CommandLine, key: dict[str, Any], tmp_path: Path
) -> None:
    assert stat.S_IMODE(Path(key["key"]).stat().st_mode) == 0o600
    assert key["public_key"].startswith("ed25519:")
    assert Path(key["public_key_file"]).read_text() == key["public_key"] + "\n"
    assert "never overwritten" in wardian.error("keygen", "-o", key["key"])["detail"]

    (tmp_path / "secret").write_text("correct horse\n")
    protected = tmp_path / "protected.key"
    wardian.json("keygen", "-o", protected, "--passphrase-file", tmp_path / "secret")
    source = package(tmp_path, "acme-protected")
    assert "passphrase" in wardian.error("sign", source, "--key", protected)["detail"]
    wardian.json("sign", source, "--key", protected, "--passphrase-file", tmp_path / "secret")


def test_a_package_is_signed_and_verified_without_a_host(
    wardian: CommandLine, key: dict[str, Any], tmp_path: Path
) -> None:
    source = package(tmp_path, "acme-local")
    assert (
        "has no signature" in wardian.error("verify", source, "--key", key["public_key"])["detail"]
    )
    signed = wardian.json("sign", source, "--key", key["key"])
    assert signed["signature"] == f"{source}.sig"
    assert json.loads(Path(signed["signature"]).read_text())["payloadType"] == (
        "application/vnd.wardian.package.v1+json"
    )

    good = wardian.json("verify", source, "--publisher-key", key["public_key_file"])
    assert (good["verified"], good["key_id"]) == (True, key["key_id"])
    assert "it holds" in wardian("verify", source, "--key", key["public_key"]).out
    foreign = wardian.error("verify", source, "--key", str(KEY.public))
    assert foreign["type"] == "signature-invalid"
    assert key["key_id"] in foreign["detail"]
    assert KEY.public.id in foreign["detail"]
    assert wardian.error("verify", source)["type"] == "invalid-arguments"

    source.write_bytes(package_of("acme-local", "1.0.0", guest("calculator")))
    changed = wardian.error("verify", source, "--key", key["public_key"])
    assert changed["type"] == "signature-invalid"
    assert good["sha256"] in changed["detail"]


def test_from_a_key_to_a_revocation(
    remote: CommandLine, acme: dict[str, Any], tmp_path: Path
) -> None:
    first, second = (package(tmp_path, "acme-memory", each) for each in ("1.0.0", "1.1.0"))
    remote.json("sign", first, "--key", acme["key"])
    installed = remote.json("install", first)
    assert (installed["publisher"], installed["key_id"]) == ("acme", acme["key_id"])
    assert "signed by: acme" in remote("show", "acme-memory").out

    refused = remote.error("upgrade", second)
    assert refused["type"] == "signature-invalid"
    assert "was signed by 'acme'" in refused["detail"]
    remote.json("sign", second, "--key", acme["key"])
    assert remote.json("upgrade", second)["plugin"]["key_id"] == acme["key_id"]

    listed = tmp_path / "revoked.json"
    entry = {"name": "acme-memory", "versions": "1.1.0", "reason": "it forgets"}
    listed.write_text(json.dumps({"number": 1, "revoked": [entry]}))
    signed = remote.json("revocations", "sign", listed, "--key", acme["key"])
    taken = remote("revocations", "upload", "acme", signed["list"])
    assert "acme-memory is quarantined." in taken.out
    assert remote.error("call", "acme-memory", "recall")["type"] == "revoked"
    assert "it forgets" in remote("publishers", "show", "acme").out
    remote.json("uninstall", "acme-memory")


def test_an_unsigned_package_is_installed_with_a_warning_or_refused(
    remote: CommandLine, tmp_path: Path
) -> None:
    source = package(tmp_path, "unsigned")
    assert "warning: It is not signed" in remote("install", source).err
    shown = remote("trust", "set", "--unsigned", "refuse").out
    assert "unsigned: refuse" in shown
    assert "unsigned is quarantined." in shown
    remote.json("uninstall", "unsigned")
    assert remote.error("install", source)["type"] == "signature-invalid"
    remote.json("trust", "set", "--unsigned", "warn")
    assert remote.json("trust", "show")["policy"]["unsigned"] == "warn"
    assert remote.error("trust", "set")["type"] == "invalid-arguments"


def test_a_key_is_succeeded_by_another(
    remote: CommandLine, acme: dict[str, Any], tmp_path: Path
) -> None:
    successor = remote.json("keygen", "-o", tmp_path / "next.key", "--successor-of", acme["key"])
    view = remote.json("publishers", "rotate", "acme", successor["rotation"])
    assert [key["state"] for key in view["keys"]] == ["retired", "active"]

    source = package(tmp_path, "acme-next")
    remote.json("sign", source, "--key", acme["key"])
    assert "retired" in remote.error("install", source)["detail"]
    remote.json("sign", source, "--key", successor["key"])
    remote.json("install", source)
    gone = remote("publishers", "revoke-key", "acme", successor["key_id"], "--reason", "lost")
    assert "acme-next is quarantined." in gone.out
    remote.json("uninstall", "acme-next")


def test_the_operator_revokes_what_nobody_signed(remote: CommandLine, tmp_path: Path) -> None:
    remote.json("install", package(tmp_path, "spies"))
    revoked = remote.json("revocations", "add", "spies", "--versions", "<2", "--reason", "it spies")
    assert revoked["quarantined"] == ["spies"]
    assert "it spies" in remote.error("call", "spies", "recall")["detail"]
    assert "spies <2" in remote("revocations", "list").out
    remote.json("revocations", "remove", revoked["id"])
    remote.json("uninstall", "spies")
    assert remote.error("revocations", "add", "--reason", "x")["type"] == "invalid-arguments"
    assert "acme" not in remote("publishers", "list").out


def test_packages_that_are_installed_together_have_each_their_signature(
    remote: CommandLine, acme: dict[str, Any], tmp_path: Path
) -> None:
    sources = [package(tmp_path, name) for name in ("acme-one", "acme-two")]
    for source in sources:
        remote.json("sign", source, "--key", acme["key"])

    refused = remote.error("install", *sources, "--signature", f"{sources[0]}.sig")
    assert "each has its own" in refused["detail"]
    installed = remote.json("install", *sources)["installed"]
    assert [(view["name"], view["publisher"]) for view in installed] == [
        ("acme-one", "acme"),
        ("acme-two", "acme"),
    ]
    for view in installed:
        remote.json("uninstall", view["name"])


def test_a_private_key_given_where_a_public_one_belongs_is_neither_shown_nor_sent(
    wardian: CommandLine, remote: CommandLine, key: dict[str, Any], tmp_path: Path
) -> None:
    source = package(tmp_path, "acme-local")
    wardian.json("sign", source, "--key", key["key"])
    private = Path(key["key"]).read_text().splitlines()[1]
    for command in (
        ("verify", source, "--publisher-key", key["key"]),
        ("verify", source, "--key", key["key"]),
        ("verify", source, "--key", key["public_key"], "--signature", key["key"]),
        ("publishers", "add", "acme", "--plugins", "acme-*", "--key", key["key"]),
        ("publishers", "rotate", "acme", key["key"]),
        ("revocations", "upload", "acme", key["key"]),
        ("install", source, "--signature", key["key"]),
    ):
        found = remote.error(*command)
        assert "is a private key" in found["detail"]
        assert private not in str(found)


def test_what_is_revoked_is_named_in_one_way(remote: CommandLine) -> None:
    for what in ((), ("acme-orders",), ("--versions", "*"), ("acme", "--sha256", "0" * 64)):
        found = remote.error("revocations", "add", *what, "--reason", "It leaks.")
        assert found["detail"] == "Say what is revoked: NAME with --versions, or --sha256 DIGEST."
    assert remote("revocations", "list").out == "Nothing is revoked.\n"
