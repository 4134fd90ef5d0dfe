"""A host that serves as ``wardian serve`` does, with one more route, which does nothing."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import Response

from benchmarks import components
from packages import package
from wardian.cli.logs import LogFormat, LogLevel, logging_to_stderr
from wardian.cli.serve import serving
from wardian.settings import load_settings

EMPTY_PATH = "/bench/empty"
LEVELS = ("restricted", "standard")
CACHED = '[[enhancements]]\nfunction = "echo"\ncache = { ttl = 3600 }'


async def empty() -> Response:
    """The least that a route of this app can cost."""
    return Response()


async def main(folder: Path) -> None:
    """Serve until a signal; the address and a key are printed first."""
    async with serving(load_settings(data_dir=folder, port=0)) as (host, server, url):
        for level in LEVELS:
            manifest = f'sandbox_level = "{level}"'
            await host.install(package(f"echo-{level}", components.echo(), manifest))
        await host.install(package("echo-cached", components.echo(), CACHED))
        app = server.config.app
        assert isinstance(app, FastAPI)
        app.add_api_route(EMPTY_PATH, empty, methods=["POST"])
        sys.stdout.write(json.dumps({"url": url, "key": host.bootstrap_token}) + "\n")
        sys.stdout.flush()
        await server.run_until_stopped()


if __name__ == "__main__":
    with logging_to_stderr(LogFormat.TEXT, LogLevel.INFO):
        asyncio.run(main(Path(sys.argv[1])))
