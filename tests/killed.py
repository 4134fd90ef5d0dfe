"""A host that kills itself at a step of a change: ``killed.py FOLDER CHANGE STEP [TIME]``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from guests.lives import version
from wardian import Settings, open_host
from wardian.runtime.host import PluginHost


async def changed(host: PluginHost, change: str) -> None:
    """Make the change that the tests kill in the middle."""
    match change:
        case "install":
            await host.install(version(1), grants="all")
        case "upgrade":
            await host.upgrade(version(2, migrate="ok", health="healthy"), replay=5)
        case "rollback":
            await host.rollback("lives", stored="restore")
        case "uninstall":
            await host.uninstall("lives")
        case "vault-rotate":
            await host.vault.rotate()
        case "vault-rekey":
            await host.vault.rekey()


async def main(folder: Path, change: str, step: str, time: int = 1) -> None:
    times = iter(range(1, time + 1))

    def killing(*reached: str) -> None:
        if reached == (change, step) and next(times) == time:
            os.kill(os.getpid(), signal.SIGKILL)

    async with open_host(Settings(data_dir=folder, workers_max=1)) as host:
        host._parts.steps.watch(killing)
        await changed(host, change)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], *map(int, sys.argv[4:])))
