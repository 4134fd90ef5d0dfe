"""The samples: built where that is needed, and installed with all that they ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wardian.cli import authoring
from wardian.cli.authoring import ToolchainMissing
from wardian.cli.demo.stand_in import REPOSITORY, StandIn, asks_services
from wardian.cli.terminal import Terminal
from wardian.crypto.digests import sha256_hex
from wardian.errors import NotFound
from wardian.plugins.package import read_directory
from wardian.runtime.credentials import CredentialOrder
from wardian.runtime.host import PluginHost

ACTOR = "demo"

FIRST = "csv-insights"
"""The sample that must be there: it needs nothing but Python."""

TRIAGE = "issue-triage"

DIGEST = "digest"

CHAT = "chat"
LANGUAGE = "detect-language"
SUMMARIZERS = ("summarize-lead", "summarize-rank")

LEFT_OUT = "misbehaving"
"""The sample that is for `wardian run`: it would only be in the way of who looks around."""


@dataclass(frozen=True, slots=True)
class Built:
    """The samples that there are now, and why the others are not."""

    directories: list[Path]
    skipped: dict[str, str]

    def has(self, name: str) -> bool:
        """Tell whether a sample is among them."""
        return any(path.name == name for path in self.directories)


def build_all(terminal: Terminal, samples: Path) -> Built:
    """Build each sample that is not built yet; one whose toolchain is missing is skipped.

    Raises:
        NotFound: the sample that must be there is not.
    """
    found = sorted(path.parent for path in samples.glob("*/plugin.toml"))
    directories = [directory for directory in found if directory.name != LEFT_OUT]
    if samples / FIRST not in directories:
        raise NotFound(f"There is no sample plugin {FIRST!r} in {str(samples)!r}.")
    built = Built([], {})
    for directory in directories:
        try:
            _build(terminal, directory)
            built.directories.append(directory)
        except ToolchainMissing as error:
            built.skipped[directory.name] = error.message
            terminal.note(f"{directory.name}: skipped. {error.message}", "yellow")
    return built


def _build(terminal: Terminal, directory: Path) -> None:
    if authoring.is_built(directory):
        terminal.note(f"{directory.name}: built already")
        return
    with terminal.busy(f"{directory.name}: building") as progress:
        authoring.build(directory, progress=_prefixed(directory.name, progress))
    terminal.note(f"{directory.name}: built", "green")


def _prefixed(name: str, progress: Callable[[str], None]) -> Callable[[str], None]:
    return lambda text: progress(f"{name}: {text}")


@dataclass(frozen=True, slots=True)
class Installation:
    """Where samples are installed.

    Attributes:
        folder: for manifests that are written anew.
    """

    host: PluginHost
    tenant: str
    stand_in: StandIn | None
    folder: Path

    async def install_all(self, terminal: Terminal, directories: list[Path]) -> None:
        """Install each sample, with everything granted that it asks for."""
        for directory in directories:
            terminal.note(f"{directory.name}: installing; the first time this compiles it")
            with terminal.busy(f"{directory.name}: compiling"):
                await self._install(directory)
            terminal.note(f"{directory.name}: installed, with everything granted that it asks for")

    async def _install(self, directory: Path) -> None:
        if self.stand_in is None or not asks_services(directory):
            await self._put(directory, keep=True)
            return
        # It is elsewhere each time, and has forgotten what was done to its issues.
        await self._put(self.stand_in.variant(directory, self.folder), keep=False)
        if directory.name == TRIAGE:
            await self._equip(self.stand_in)
        elif directory.name == CHAT:
            await self._set(_token(CHAT, CHAT, self.stand_in, "/v1/"))

    async def _put(self, directory: Path, *, keep: bool) -> None:
        """Install a sample; ``keep`` leaves it when this very component is installed already."""
        package = await asyncio.to_thread(read_directory, directory)
        name = package.manifest.name
        installed = {view.name: view for view in await self.host.plugins(tenant=self.tenant)}
        if name in installed:
            if keep and installed[name].digest == sha256_hex(package.component):
                return
            await self.host.uninstall(name, tenant=self.tenant, actor=ACTOR)
        await self.host.install(directory, grants="all", tenant=self.tenant, actor=ACTOR)

    async def _equip(self, stand_in: StandIn) -> None:
        """Do what an operator does for `issue-triage`: credentials, and a configuration."""
        key = CredentialOrder(
            name="github-webhook",
            kind="hmac-key",
            fields={"key": stand_in.webhook_key},
            plugin=TRIAGE,
            description="What the demonstration signs its webhook with.",
        )
        for order in (_token("github", TRIAGE, stand_in, "/repos/"), key):
            await self._set(order)
        values = {"repository": REPOSITORY, "dry_run": False}
        await self.host.set_config(TRIAGE, values, tenant=self.tenant, actor=ACTOR)

    async def _set(self, order: CredentialOrder) -> None:
        await self.host.credentials.set(order, tenant=self.tenant, actor=ACTOR)


def _token(name: str, plugin: str, stand_in: StandIn, path: str) -> CredentialOrder:
    """The token that the stand-in demands, as a credential for what is below ``path``."""
    return CredentialOrder(
        name=name,
        kind="bearer",
        fields={"token": stand_in.token},
        plugin=plugin,
        origins=[stand_in.url + path],
        description="For the stand-in of the demonstration.",
    )
