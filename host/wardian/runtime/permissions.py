"""Grants: what operators let a plugin do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from wardian.errors import InvalidArguments
from wardian.plugins import Installed, Manifest
from wardian.plugins.registry import read_installed
from wardian.policy.permissions import parse_permission
from wardian.runtime.journal import Change, Journal
from wardian.storage.upgrades import UpgradeRepository


def wanted_grants(manifest: Manifest, grants: Sequence[str] | Literal["all"]) -> list[str]:
    """Return the permissions to grant, each once, in order.

    Raises:
        InvalidArguments: one is no permission, or the manifest does not ask for it.
    """
    if grants == "all":
        return sorted(request.permission for request in manifest.permissions)
    if isinstance(grants, str):
        raise InvalidArguments(
            f"Grants are a list of permissions, or the word 'all'; not {grants[:80]!r}.",
            path="granted",
        )
    asked = manifest.asked()
    for index, text in enumerate(grants):
        path = f"granted[{index}]"
        try:
            permission = parse_permission(text)
        except InvalidArguments as exc:
            raise InvalidArguments(exc.message, path=path) from exc
        if not any(request.covers(permission) for request in asked):
            listed = ", ".join(str(each) for each in asked) or "nothing"
            raise InvalidArguments(
                f"{manifest.name} does not ask for {text!r}, so it cannot be granted; it asks for "
                f"{listed}.",
                path=path,
            )
    return sorted(set(grants))


async def change_grants(
    journal: Journal, name: str, permissions: Sequence[str], *, tenant: str, actor: str
) -> Installed:
    """Replace a plugin's grants.

    Raises:
        NotFound: no such plugin.
        InvalidArguments: as for `wanted_grants`.
    """
    async with journal.change(tenant, actor) as change:
        plugin = await read_installed(change.connection, tenant, name)
        granted = wanted_grants(plugin.manifest, permissions)
        before = [str(permission) for permission in plugin.granted]
        await change.plugins.set_granted(plugin.id, granted, actor)
        await _drop_for_good(change, plugin, granted)
        await change.note("granted", name, {"before": before, "granted": granted})
        return await read_installed(change.connection, tenant, name)


async def _drop_for_good(change: Change, plugin: Installed, granted: Sequence[str]) -> None:
    """Have no rollback bring back what is revoked, of whatever version it was granted to."""
    left = [parse_permission(text) for text in granted]
    revoked = [each for each in plugin.granted if not any(kept.covers(each) for kept in left)]
    if not revoked:
        return
    upgrades = UpgradeRepository(change.connection, change.tenant)
    for row in await upgrades.of_plugin(plugin.id):
        dropped = [
            text
            for text in row.report.get("dropped", ())
            if not any(each.overlaps(parse_permission(text)) for each in revoked)
        ]
        if dropped != row.report.get("dropped", []):
            await upgrades.change(row.id, report={**row.report, "dropped": dropped})
