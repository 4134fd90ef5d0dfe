"""The plugin on the loop's own host: put there, and replaced by what is new."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wardian.cli.authoring.manifest import Checked, check_source
from wardian.cli.dev.examples import question_to_try, short_name
from wardian.errors import Fault, NotFound
from wardian.plugins import PluginState
from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.compatibility import Change, compare
from wardian.plugins.package import read_directory
from wardian.runtime.host import PluginHost
from wardian.runtime.views import AskedPermission, PluginView
from wardian.sandbox import Description
from wardian.sandbox.description import FunctionDescription

ACTOR = "dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """A plugin in its new version.

    Attributes:
        first: whether it was not there before.
        changes: what is different for callers, breaking ones first.
        asked: what it asks for and did not before.
        warnings: what its manifest could do better.
        question: that can be put to it, if it is an agent.
    """

    view: PluginView
    functions: Mapping[str, FunctionDescription]
    first: bool
    changes: tuple[Change, ...] = ()
    asked: tuple[AskedPermission, ...] = ()
    warnings: tuple[Fault, ...] = ()
    question: Mapping[str, Any] | None = None

    def is_asked_by(self, function: str) -> bool:
        """Tell whether it is by this function that an agent is asked, which only the host calls."""
        return function in (AGENT_ASK, short_name(AGENT_ASK, self.functions))


class Target:
    """Where a directory's plugin runs while it is worked on.

    Attributes:
        present: the plugin as it runs now, if it does.
    """

    def __init__(self, host: PluginHost, tenant: str, directory: Path) -> None:
        self._host = host
        self._tenant = tenant
        self._directory = directory
        self.present: Reloaded | None = None

    async def reload(self) -> Reloaded | None:
        """Put the directory's plugin in place of what runs; None if it runs as it is already.

        Everything that it asks for is granted. Calls that are running end on the old version.

        Raises:
            WardianError: it cannot be installed.
        """
        package = await asyncio.to_thread(read_directory, self._directory)
        manifest = check_source(package.manifest_source)
        name = manifest.name
        before = await self._found(name)
        question = question_to_try(manifest)
        if before is not None and before.view.package_digest == package.digest:
            unchanged = self.present is not None
            self.present = replace(before, question=question)
            return None if unchanged else self.present
        await reload(self._host, name, package.content, self._tenant)
        after = await self._found(name)
        assert after is not None  # noqa: S101 -- it was put there a moment ago
        if self.present is not None and self.present.view.name != name:
            await self._host.uninstall(self.present.view.name, tenant=self._tenant, actor=ACTOR)
        found = after if before is None else _compared(before, after)
        checked = Checked(manifest=package.manifest, source=package.manifest_source)
        self.present = replace(
            found,
            warnings=tuple(checked.remarks(found.view.imports)),
            question=question,
        )
        return self.present

    async def _found(self, name: str) -> Reloaded | None:
        try:
            view = await self._host.plugin(name, tenant=self._tenant)
        except NotFound:
            return None
        functions = await self._host.functions(name, tenant=self._tenant)
        return Reloaded(view=view, functions=functions, first=True, asked=tuple(view.asked))


async def reload(host: PluginHost, name: str, package: bytes, tenant: str) -> None:
    """Let ``package`` take the place of the installed plugin of this name, if there is one."""
    installed = {view.name for view in await host.plugins(tenant=tenant)}
    if name not in installed:
        await host.install(package, grants="all", tenant=tenant, actor=ACTOR)
        return
    await host.upgrade(
        package,
        name=name,
        approve="all",
        allow_breaking=True,
        allow_older=True,
        reload=True,
        tenant=tenant,
        actor=ACTOR,
    )
    if (await host.plugin(name, tenant=tenant)).state == PluginState.QUARANTINED:
        # It was set aside for what its version before did, and that was worked on since.
        await host.disable(name, tenant=tenant, actor=ACTOR)
        await host.enable(name, tenant=tenant, actor=ACTOR)


def _compared(before: Reloaded, after: Reloaded) -> Reloaded:
    known = {request.permission for request in before.view.asked}
    return Reloaded(
        view=after.view,
        functions=after.functions,
        first=False,
        changes=compare(_described(before), _described(after)).changes,
        asked=tuple(asked for asked in after.view.asked if asked.permission not in known),
    )


def _described(plugin: Reloaded) -> Description:
    return Description(
        digest=plugin.view.digest,
        size_bytes=plugin.view.size_bytes,
        imports=plugin.view.imports,
        exports=[],
        functions=dict(plugin.functions),
    )
