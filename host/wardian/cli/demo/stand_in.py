"""The stand-in for the services that samples ask, and the samples' manifests made to ask it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from wardian.errors import HostUnusable
from wardian.plugins.manifest import MANIFEST_NAME
from wardian.settings import Settings

SCRIPT = "stand_in.py"

SERVICES = (
    "https://api.github.com",
    "https://api.open-meteo.com",
    "https://api.openai.com",
    "https://geocoding-api.open-meteo.com",
)
"""What it stands in for."""

REPOSITORY = "example/garden"
"""The one whose issues it has."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """A stand-in that runs.

    Attributes:
        token: what its issues API demands.
        webhook_key: what the webhooks are signed with that tell of its issues.
    """

    url: str
    token: str = field(repr=False)
    webhook_key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def opened(self, settings: Settings) -> Settings:
        """Let plugins' requests reach it: this machine is closed to them otherwise."""
        network = f"127.0.0.1/32:{urlsplit(self.url).port}"
        networks = (*settings.egress_allowed_networks, network)
        return settings.model_copy(update={"egress_allowed_networks": networks})

    def variant(self, sample: Path, folder: Path) -> Path:
        """Write a built sample anew into ``folder``, its manifest with this address everywhere.

        A manifest asks for the real service's address, and a grant cannot be wider than it.
        """
        target = folder / sample.name
        target.mkdir(parents=True)
        for path in (*sample.glob("*.wasm"), sample / "README.md"):
            if path.is_file():
                shutil.copy2(path, target)
        text = manifest_text(sample)
        for service in SERVICES:
            text = text.replace(service, self.url)
        (target / MANIFEST_NAME).write_text(text, encoding="utf-8")
        return target


def asks_services(sample: Path) -> bool:
    """Tell whether a sample asks a service that there is a stand-in for."""
    return any(service in manifest_text(sample) for service in SERVICES)


def manifest_text(sample: Path) -> str:
    """Return a sample's manifest as it is written."""
    return (sample / MANIFEST_NAME).read_text(encoding="utf-8")


@contextmanager
def standing_in(samples: Path, *options: str) -> Iterator[StandIn | None]:
    """Run the samples' stand-in while the context lasts; None where it is not among them.

    Raises:
        HostUnusable: it does not start.
    """
    script = samples / SCRIPT
    if not script.is_file():
        yield None
        return
    token = secrets.token_urlsafe(24)
    # It ends when its input does, so that it cannot outlive this process however that ends.
    command = [sys.executable, "-I", str(script), "--while-input", *options]
    environment = {**os.environ, "STAND_IN_TOKEN": token}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101 - the same
        try:
            line = process.stdout.readline()
            if not line:
                raise HostUnusable(f"{script} did not start; it stands in for other services.")
            yield StandIn(url=msgspec.json.decode(line)["url"], token=token)
        finally:
            process.stdin.close()
