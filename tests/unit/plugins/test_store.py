"""Components on disk."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
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


def test_a_folder_that_cannot_be_synced_fails_the_write_and_leaves_nothing(
    store: PackageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = store.write(b"kept")

    def failing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)

    for package in (b"component", b"kept"):
        with pytest.raises(WardianError, match="Input/output error"):
            store.write(package)
    # Another plugin may run what was here before.
    assert [path.name for path in (tmp_path / "packages").iterdir()] == [f"{kept}.wardian"]


def test_file_and_folder_are_synced_in_this_order_around_the_rename(
    store: PackageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    store.write(b"component")

    assert steps == ["file", "rename", "folder"]


def test_only_the_host_s_user_can_read_packages(tmp_path: Path) -> None:
    folder = tmp_path / "packages"
    folder.mkdir(mode=0o755)
    former = os.umask(0)
    try:
        digest = PackageStore(folder).write(b"component")
    finally:
        os.umask(former)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / f"{digest}.wardian").stat().st_mode) == 0o600


KILLED = """
import os, signal, sys
from pathlib import Path
from wardian.plugins import PackageStore

def killed(path, target):
    os.kill(os.getpid(), signal.SIGKILL)

Path.replace = killed
PackageStore(Path(sys.argv[1])).write(b"component")
"""


def test_a_host_killed_before_the_rename_leaves_a_draft_that_the_next_one_sweeps(
    store: PackageStore, tmp_path: Path
) -> None:
    folder = tmp_path / "packages"
    wanted = store.write(b"wanted")

    done = subprocess.run([sys.executable, "-c", KILLED, folder], check=False)

    assert done.returncode == -signal.SIGKILL
    drafts = [path.name for path in folder.iterdir() if path.name != f"{wanted}.wardian"]
    assert len(drafts) == 1
    with pytest.raises(NotFound):
        store.read(sha256_hex(b"component"))
    assert PackageStore(folder).sweep([wanted]) == drafts
    assert [path.name for path in folder.iterdir()] == [f"{wanted}.wardian"]


def test_a_link_or_a_device_in_place_of_a_package_is_not_read(
    store: PackageStore, tmp_path: Path
) -> None:
    digest = store.write(b"component")
    path = tmp_path / "packages" / f"{digest}.wardian"
    (tmp_path / "elsewhere").write_bytes(b"component")

    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WardianError, match="cannot be read"):
        store.read(digest)

    path.unlink()
    os.mkfifo(path)
    with pytest.raises(WardianError, match="not a regular file"):
        store.read(digest)


def test_sweeping_lets_folders_be_which_are_not_its_own(
    store: PackageStore, tmp_path: Path
) -> None:
    (tmp_path / "packages" / "lost+found").mkdir()
    (tmp_path / "packages" / "link").symlink_to(tmp_path)

    assert store.sweep([]) == ["link"]
    assert tmp_path.is_dir()


def test_a_file_that_was_changed_is_mended_by_writing_the_package_again(
    store: PackageStore, tmp_path: Path
) -> None:
    digest = store.write(b"component")
    (tmp_path / "packages" / f"{digest}.wardian").write_bytes(b"another")

    store.write(b"component")

    assert store.read(digest) == b"component"
