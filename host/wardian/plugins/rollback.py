"""Protection from going back: what a tenant has seen of a plugin's name outlives the plugin.

It is for signed packages. The version of an unsigned one is whatever its last handler wrote into
it, so to compare numbers would hinder authors and stop nobody; that it happened is written down.
"""

from __future__ import annotations

from dataclasses import dataclass

from wardian.errors import Conflict, SignatureInvalid
from wardian.plugins.versions import is_older
from wardian.storage.rows import SeenRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What an operator allows, against the protection.

    Attributes:
        older: a version that is older than one the tenant had, or the same with other content.
        other_publisher: a package that is not signed by whoever signed the plugin before.
    """

    older: bool = False
    other_publisher: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A version that is about to be installed, and what the operator allows for that."""

    row: SeenRow
    allowed: Allowed = Allowed()


def check_publisher(name: str, seen: SeenRow | None, sighting: Sighting) -> list[str]:
    """Compare who signed a version with who signed the plugin before.

    Returns:
        What would have been refused, had the operator not allowed it.

    Raises:
        SignatureInvalid: another publisher did, and nobody or somebody else this package.
    """
    fault = _other_publisher(name, seen, sighting.row) if seen else None
    if fault is None:
        return []
    if not sighting.allowed.other_publisher:
        raise SignatureInvalid(f"{fault} If that is meant, allow it with --allow-other-publisher.")
    return [fault]


def check_version(name: str, seen: SeenRow | None, sighting: Sighting) -> list[str]:
    """Compare a version with the highest that the tenant ever had of the name.

    Returns:
        What would have been refused, had the operator not allowed it, or anybody signed.

    Raises:
        Conflict: it is older, or the same version with other content.
    """
    fault = _not_newer(name, seen, sighting.row) if seen else None
    if fault is None:
        return []
    is_signed = seen is not None and (seen.publisher or sighting.row.publisher) is not None
    if is_signed and not sighting.allowed.older:
        raise Conflict(f"{fault} If that is meant, allow it with --allow-older.")
    return [fault]


def _other_publisher(name: str, seen: SeenRow, new: SeenRow) -> str | None:
    if seen.publisher in (None, new.publisher):
        return None
    found = "is not signed" if new.publisher is None else f"is signed by {new.publisher!r}"
    return (
        f"{name} {new.plugin_version} {found}, and {name} {seen.plugin_version}, which this tenant "
        f"had before, was signed by {seen.publisher!r}."
    )


def _not_newer(name: str, seen: SeenRow, new: SeenRow) -> str | None:
    if is_older(new.plugin_version, seen.plugin_version):
        return (
            f"{name} {new.plugin_version} is older than {seen.plugin_version}, which this tenant "
            "had; an older version may have faults that a newer one has not."
        )
    if is_older(seen.plugin_version, new.plugin_version) or (
        new.package_digest == seen.package_digest
    ):
        return None
    return (
        f"{name} {new.plugin_version} has the SHA-256 {new.package_digest}, and {name} "
        f"{seen.plugin_version}, which this tenant had, {seen.package_digest}: one version is one "
        "package."
    )
