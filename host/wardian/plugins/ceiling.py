"""How much trust a plugin gets: what its manifest asks for, within what the operator allows."""

from __future__ import annotations

from dataclasses import dataclass

from wardian.errors import InvalidManifest
from wardian.plugins.manifest import Manifest
from wardian.policy.levels import Level

_STRICTNESS = {
    Level.TRUSTED: 0,
    Level.STANDARD: 1,
    Level.RESTRICTED: 2,
    Level.ISOLATED: 3,
}


def stricter(one: Level, other: Level) -> Level:
    """Return the one of two levels that trusts less."""
    return max(one, other, key=_STRICTNESS.__getitem__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelCeiling:
    """What the operator allows, whatever a stranger's manifest asks for.

    Attributes:
        level_max: the most trusting level that a plugin gets.
        default_tenant: the only one with ``trusted`` plugins, because they share the host's
            process with every tenant.
    """

    level_max: Level = Level.STANDARD
    default_tenant: str = "default"

    def effective(self, level: Level, tenant: str) -> Level:
        """Return the level at which a plugin of ``level`` runs in a tenant."""
        most = self.level_max
        if tenant != self.default_tenant:
            most = stricter(most, Level.STANDARD)
        return stricter(level, most)

    def check(self, manifest: Manifest, tenant: str) -> None:
        """Check that a tenant may have the plugin at the level that its manifest asks for.

        Raises:
            InvalidManifest: it asks for more trust; says what is allowed, and how to change it.
        """
        asked = manifest.sandbox_level
        allowed = self.effective(asked, tenant)
        if allowed is asked:
            return
        if stricter(asked, self.level_max) is asked:
            remedy = f"only the tenant {self.default_tenant!r} may have such plugins"
        else:
            remedy = (
                f"this host allows {self.level_max.value!r} at most. Ask for a stricter level, or "
                f"let the operator set WARDIAN_LEVEL_MAX={asked.value}"
            )
        raise InvalidManifest(
            f"The plugin asks for the sandbox level {asked.value!r}; {remedy}.",
            path="sandbox_level",
        )
