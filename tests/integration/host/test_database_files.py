"""The files of a host's SQLite database."""

from __future__ import annotations

from pathlib import Path

import pytest

from wardian import Settings, open_host

pytestmark = pytest.mark.anyio


async def test_nobody_but_the_hosts_own_user_can_read_its_database(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)  # a folder that somebody has made before
    (tmp_path / "data" / "wardian.db").touch(mode=0o644)

    async with open_host(Settings(data_dir=tmp_path / "data")):
        kept = {
            path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "data").glob("*.db*")
        }

    assert "wardian.db" in kept
    assert set(kept.values()) == {0}
