"""What an upgrade would change, and what stands in its way: known before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from wardian.errors import Conflict, InvalidArguments
from wardian.plugins import Installed
from wardian.plugins.askable import unaskable
from wardian.plugins.compatibility import Change, Compatibility, compare, next_version, reaches
from wardian.plugins.demands import demands_of
from wardian.plugins.dependencies import dependents
from wardian.plugins.enhancements import EnhancementChange, enhancement_changes
from wardian.plugins.imports import imported_in_vain
from wardian.plugins.releases import Release
from wardian.plugins.versions import in_order, is_older
from wardian.policy.grants import Authority
from wardian.policy.reviews import Reviewed, Subject, Widening, review, widened
from wardian.runtime.intake import Candidate, Delivery
from wardian.runtime.rerun import ReplayReport


class MigrationStep(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the new version's ``migrate``."""

    from_version: str
    to_version: str
    description: str = ""


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """What stops an upgrade.

    Attributes:
        type: of the error that it would be.
    """

    step: str
    type: str
    detail: str


class DependentView(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that needs the one that is upgraded, and whether it takes the new version.

    One that is not enabled does not stop the upgrade, and is not enabled after it if it does not.
    """

    name: str
    version: str
    state: str
    range: str
    takes_it: bool


class UpgradeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one version of a plugin changes from another.

    Attributes:
        advice, next_version: the part of the version that semantic versioning asks to grow, and the
            first version that says so.
        breaking: whether callers of the old version may fail with the new one.
        announced: whether the new version's number says as much.
        changes: of functions and imports.
        new_permissions, dropped_permissions: what the new version asks for beside what the old one
            did, and the other way round.
        widened: all that it newly asks for, also a level that trusts more and further scopes.
        needs_approval: the same as text: what an approval names.
        review: every permission, with its risk and its difference to the old version.
        migrations: the calls of ``migrate`` that bring the stored data along.
        enhancements: what the host does otherwise around its functions.
        dependents: the plugins that need this one.
        warnings: about who signed it, and imports that nobody asked for.
        replay: what the new version did with calls that were recorded, if any were to be replayed.
        obstacles: what stops the upgrade as it was asked for; none if nothing does.
    """

    name: str
    from_version: str
    to_version: str
    from_level: str
    to_level: str
    advice: str
    next_version: str
    breaking: bool
    announced: bool
    changes: tuple[Change, ...] = ()
    new_permissions: tuple[str, ...] = ()
    dropped_permissions: tuple[str, ...] = ()
    widened: tuple[Widening, ...] = ()
    needs_approval: tuple[str, ...] = ()
    review: tuple[Reviewed, ...] = ()
    migrations: tuple[MigrationStep, ...] = ()
    enhancements: tuple[EnhancementChange, ...] = ()
    dependents: tuple[DependentView, ...] = ()
    warnings: tuple[str, ...] = ()
    replay: ReplayReport | None = None
    obstacles: tuple[Obstacle, ...] = ()


def report(plugin: Installed, candidate: Candidate, authority: Authority) -> UpgradeReport:
    """Compare an installed plugin with what shall take its place, and would have this authority."""
    manifest = candidate.manifest
    found: Compatibility = compare(plugin.description, candidate.description)
    wanted = next_version(plugin.version, found.advice)
    old, new = demands_of(plugin.manifest), demands_of(manifest)
    more = widened(old, new)
    return UpgradeReport(
        name=plugin.name,
        from_version=plugin.version,
        to_version=manifest.version,
        from_level=plugin.level.value,
        to_level=manifest.sandbox_level.value,
        advice=found.advice.value,
        next_version=wanted,
        breaking=found.breaking,
        announced=reaches(manifest.version, wanted),
        changes=found.changes,
        new_permissions=tuple(each.wanted for each in more if each.subject is Subject.PERMISSION),
        dropped_permissions=tuple(
            str(asked.permission)
            for asked in old.permissions
            if not any(kept.permission.covers(asked.permission) for kept in new.permissions)
        ),
        widened=more,
        needs_approval=tuple(map(_named, more)),
        review=review(new, authority, running=old),
        migrations=migrations(plugin, candidate),
        enhancements=enhancement_changes(plugin.manifest.enhancements, manifest.enhancements),
        warnings=(
            *candidate.verdict.warnings,
            *imported_in_vain(manifest, candidate.description),
            *unaskable(manifest, candidate.description.functions),
        ),
    )


def dependents_of(name: str, version: str, there: Sequence[Release]) -> tuple[DependentView, ...]:
    """Tell which plugins need one, and whether they take a version of it."""
    return tuple(
        DependentView(
            name=each.release.name,
            version=each.release.version,
            state=str(each.release.state),
            range=str(each.accepts),
            takes_it=version in each.accepts,
        )
        for each in dependents(name, there)
    )


def check_newer(
    plugin: Installed, candidate: Candidate, delivery: Delivery, *, reload: bool
) -> None:
    """Refuse what is no newer version.

    Raises:
        Conflict
    """
    name, version = plugin.name, candidate.manifest.version
    if candidate.package.digest == plugin.package_digest:
        raise Conflict(f"Exactly this package of {name} {version} is in use already.")
    if version == plugin.version and not reload:
        raise Conflict(
            f"{name} {version} is in use with other content. A version is one package: give the "
            "new one a number of its own."
        )
    if is_older(version, plugin.version) and not delivery.allow_older:
        raise Conflict(
            f"{name} {version} is older than {plugin.version}, which is in use. Go back to a kept "
            f"version with `wardian rollback {name}`, or allow it with --allow-older."
        )


def check_breaking(found: UpgradeReport, *, allowed: bool) -> None:
    """Refuse a version that breaks callers and does not say so.

    Raises:
        Conflict
    """
    if not found.breaking or found.announced or allowed:
        return
    first = next(change for change in found.changes if change.breaking)
    place = f", {first.place}" if first.place else ""
    raise Conflict(
        f"{found.name} {found.to_version} breaks callers of {found.from_version} "
        f"({first.subject}{place}: {first.text}), and its number does not say so: that takes "
        f"{found.next_version} or later. Allow it with --allow-breaking if no caller minds."
    )


def check_replayed(found: ReplayReport | None, *, accepted: bool) -> None:
    """Refuse a version that does something else with recorded calls.

    Raises:
        Conflict
    """
    if found is None or found.same or accepted:
        return
    if not found.different:
        raise Conflict(
            f"{found.left_out} recorded calls could not be run in time; {found.replayed} did what "
            "they had done. Replay fewer, or take it all the same with --accept-differences."
        )
    first = next(outcome for outcome in found.outcomes if not outcome.same)
    raise Conflict(
        f"{found.different} of {found.replayed} recorded calls do something else, the newest of "
        f"them {first.call_id} of {first.function}. --dry-run shows the differences; take them "
        "with --accept-differences."
    )


def approved_grants(found: UpgradeReport, approve: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return the new permissions that are granted with the upgrade.

    ``approve`` lists them, or is ``all`` or ``none``; None approves nothing, not even that the
    others stay ungranted.

    Raises:
        Conflict: something needs approval and has none.
        InvalidArguments: what is approved is not asked for.
    """
    if approve is None:
        if found.needs_approval:
            raise Conflict(
                f"{found.name} {found.to_version} asks for more than {found.from_version}: "
                f"{', '.join(found.needs_approval)}. Approve all of it with --approve all, some by "
                "naming them, or upgrade and grant none of it with --approve none.",
                needs_approval=found.needs_approval,
            )
        return ()
    if isinstance(approve, str):
        if approve not in ("all", "none"):
            raise InvalidArguments(
                "What is approved is a list of permissions, 'all' or 'none'; not "
                f"{approve[:80]!r}.",
                path="approve",
            )
        approve = found.needs_approval if approve == "all" else ()
    _check_approved(approve, found)
    return tuple(sorted(set(approve) & set(found.new_permissions)))


def _check_approved(approve: Sequence[str], found: UpgradeReport) -> None:
    for index, permission in enumerate(approve):
        if permission not in found.needs_approval:
            listed = ", ".join(found.needs_approval) or "nothing"
            raise InvalidArguments(
                f"{permission[:200]!r} needs no approval: {found.name} {found.to_version} newly "
                f"asks for {listed}.",
                path=f"approve[{index}]",
            )
    # A permission may stay ungranted; without the rest the new version is not what it is.
    needed = [_named(each) for each in found.widened if each.subject is not Subject.PERMISSION]
    missing = [name for name in needed if name not in approve]
    if missing:
        words = " ".join(f"--approve {name}" for name in missing)
        raise Conflict(
            f"{found.name} {found.to_version} cannot do without {', '.join(missing)}, which "
            f"{found.from_version} did; approve that with {words}.",
            needs_approval=missing,
        )


def migrations(plugin: Installed, candidate: Candidate) -> tuple[MigrationStep, ...]:
    """Return the calls of ``migrate`` that bring a plugin's data from its version to the new one.

    A manifest that lists ``migration_scripts`` is taken at its word: each that begins at or before
    the version that the data has, and ends after it and not after the new version, is one call.
    Without a list there is one call, from the old version to the new one.
    """
    functions = candidate.description.functions
    migrates = any(
        name.startswith("wardian:plugin/lifecycle@") and name.endswith("#migrate")
        for name in functions
    )
    target = candidate.manifest.version
    if not migrates or not is_older(plugin.version, target):
        return ()
    if not candidate.manifest.migration_scripts:
        return (MigrationStep(from_version=plugin.version, to_version=target),)
    steps: list[MigrationStep] = []
    present = plugin.version
    scripts = candidate.manifest.migration_scripts
    for script in sorted(scripts, key=lambda script: in_order(script.to_version)):
        begins = not is_older(present, script.from_version)
        if begins and is_older(present, script.to_version):
            if is_older(target, script.to_version):
                continue
            steps.append(
                MigrationStep(
                    from_version=present,
                    to_version=script.to_version,
                    description=script.description,
                )
            )
            present = script.to_version
    return tuple(steps)


def _named(widening: Widening) -> str:
    """Return how an approval names what it is for."""
    if widening.subject is Subject.PERMISSION:
        return widening.wanted
    return f"{widening.subject}:{widening.wanted}"
