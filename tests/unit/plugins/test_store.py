"""Components on disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from wardian.crypto.digests import sha256_hex
from wardian.errors import NotFound, WardianError
from wardian.plugins import PackageStore


@pytest.fixture
def store(tmp_path: Path) -> PackageStore:
    return PackageStore(tmp_path / "packages")


def test_a_component_comes_back_under_its_digest(store: PackageStore) -> None:
    digest = store.write(b"component")

    assert digest == sha256_hex(b"component")
    assert store.read(digest) == b"component"
    assert store.write(b"component") == digest


def test_a_component_that_was_changed_on_disk_is_not_given_out(
    store: PackageStore, tmp_path: Path
) -> None:
    digest = store.write(b"component")
    (tmp_path / "packages" / f"{digest}.wardian").write_bytes(b"another")

    with pytest.raises(WardianError, match="was changed"):
        store.read(digest)


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", ""])
def test_what_is_not_there_is_not_found(store: PackageStore, digest: str) -> None:
    with pytest.raises(NotFound):
        store.read(digest)


def test_sweeping_leaves_what_is_wanted_only(store: PackageStore, tmp_path: Path) -> None:
    wanted, unwanted = store.write(b"wanted"), store.write(b"unwanted")
    (tmp_path / "packages" / ".half-written").write_bytes(b"x")

    assert store.sweep([wanted]) == sorted([".half-written", f"{unwanted}.wardian"])

    assert store.read(wanted) == b"wanted"
    assert len(list((tmp_path / "packages").iterdir())) == 1


def test_a_full_disk_fails_the_write_and_leaves_nothing(
    store: PackageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(WardianError, match="No space left"):
        store.write(b"component")
    assert list((tmp_path / "packages").iterdir()) == []
