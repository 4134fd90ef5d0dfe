"""Plugins: installed, looked at, switched, upgraded, rolled back, uninstalled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypedDict, Unpack

import msgspec

from wardian.client.answers import Answer, Reads, json_of, page_of
from wardian.client.binding import Noun, S, operation
from wardian.client.models import (
    Dependencies,
    HealthCheck,
    InstalledBatch,
    Page,
    Plugin,
    SwitchedPlugin,
    Upgrade,
    UpgradeEntry,
    UpgradeReport,
    Version,
)
from wardian.client.operations import Many, Operation, at, delete, get, given, post
from wardian.client.uploads import Progress, Source, form, one


class InstallTerms(TypedDict, total=False):
    """How packages are installed.

    Attributes:
        grant: permissions to grant, or `all` that is asked for.
        enable: whether it takes calls at once, which it does unless told otherwise.
        allow_older: also a version below one that was here.
        allow_other_publisher: also from somebody who did not sign the one before.
    """

    grant: Literal["all"] | Sequence[str]
    enable: bool
    allow_older: bool
    allow_other_publisher: bool


class UpgradeTerms(TypedDict, total=False):
    """What an upgrade may bring.

    Attributes:
        approve: permissions to grant that it newly asks for, or `all`, or `none`.
        allow_breaking: also what callers of the old version may fail with.
        allow_older: also an older version.
        allow_other_publisher: also from somebody who did not sign the one before.
        replay: how many recorded calls to try it with first.
        accept_differences: also one that does something else in these.
    """

    approve: Literal["all", "none"] | Sequence[str]
    allow_breaking: bool
    allow_older: bool
    allow_other_publisher: bool
    replay: int
    accept_differences: bool


class _Uninstalled(msgspec.Struct):
    uninstalled: list[str]


class Plugins(Noun[S]):
    """The tenant's plugins."""

    @operation
    def list(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Operation[Page[Plugin]]:
        """List the tenant's plugins."""
        return get("/plugins", page_of(Plugin), limit=limit, cursor=cursor)

    @operation
    def get(self, name: str) -> Operation[Plugin]:
        """Show one plugin."""
        return get(at("/plugins/{}", name), json_of(Plugin))

    @operation
    def install(
        self,
        package: Source,
        *,
        signature: Source | None = None,
        progress: Progress | None = None,
        **terms: Unpack[InstallTerms],
    ) -> Operation[Plugin]:
        """Install a `.wardian` package, which is a path, bytes or an open file.

        ``progress`` is told how many bytes have gone, of how many.
        """
        asked = post("/plugins", json_of(Plugin), **terms)
        return asked.with_upload(one(package, signature, progress))

    @operation
    def enable(
        self, name: str, *, cascade: bool = False, if_match: str | None = None
    ) -> Operation[SwitchedPlugin]:
        """Let a plugin take calls; with ``cascade``, also what it needs."""
        path = at("/plugins/{}/enable", name)
        return post(path, json_of(SwitchedPlugin), cascade=cascade or None).matching(if_match)

    @operation
    def disable(
        self, name: str, *, cascade: bool = False, if_match: str | None = None
    ) -> Operation[SwitchedPlugin]:
        """Let a plugin take no more calls; with ``cascade``, also those that need it."""
        path = at("/plugins/{}/disable", name)
        return post(path, json_of(SwitchedPlugin), cascade=cascade or None).matching(if_match)

    @operation
    def uninstall(
        self, name: str, *, cascade: bool = False, if_match: str | None = None
    ) -> Operation[Many[str]]:
        """Uninstall a plugin, with what it kept; what was uninstalled, in order.

        With ``cascade``, also the enabled plugins that need it.
        """

        def gone(answer: Answer) -> Many[str]:
            if not answer.content:
                return [name]
            return msgspec.json.decode(answer.content, type=_Uninstalled).uninstalled

        reads = Reads(gone, _Uninstalled)
        return delete(at("/plugins/{}", name), reads, cascade=cascade or None).matching(if_match)

    @operation
    def check_health(self, name: str) -> Operation[HealthCheck]:
        """Check now how a plugin feels, and act on the answer as the schedule would."""
        return post(at("/plugins/{}/health", name), json_of(HealthCheck))

    @operation
    def dependencies(self, name: str) -> Operation[Dependencies]:
        """Show what a plugin needs, and what needs it."""
        return get(at("/plugins/{}/dependencies", name), json_of(Dependencies))

    @operation
    def upgrade(
        self,
        name: str,
        package: Source,
        *,
        signature: Source | None = None,
        progress: Progress | None = None,
        if_match: str | None = None,
        **terms: Unpack[UpgradeTerms],
    ) -> Operation[Upgrade]:
        """Have a newer version take the plugin's place, or nothing happen at all."""
        asked = post(at("/plugins/{}/upgrade", name), json_of(Upgrade), **terms)
        return asked.with_upload(one(package, signature, progress)).matching(if_match)

    @operation
    def upgrade_report(
        self,
        name: str,
        package: Source,
        *,
        signature: Source | None = None,
        progress: Progress | None = None,
        if_match: str | None = None,
        **terms: Unpack[UpgradeTerms],
    ) -> Operation[UpgradeReport]:
        """Tell what an upgrade would change, and what would stop it; nothing is changed."""
        path = at("/plugins/{}/upgrade", name)
        asked = post(path, json_of(UpgradeReport), dry_run=True, **terms)
        return asked.with_upload(one(package, signature, progress)).matching(if_match)

    @operation
    def rollback(
        self,
        name: str,
        to: str | None = None,
        *,
        stored: Literal["keep", "restore"] | None = None,
        if_match: str | None = None,
    ) -> Operation[Plugin]:
        """Go back to a version that is kept, or to the one before.

        ``stored`` says what becomes of stored data that was migrated since.
        """
        body = given(to=to, stored=stored)
        return post(at("/plugins/{}/rollback", name), json_of(Plugin), body).matching(if_match)

    @operation
    def versions(self, name: str) -> Operation[Many[Version]]:
        """List the versions that are kept, the newest installation first."""
        return get(at("/plugins/{}/versions", name), json_of(Many[Version]))

    @operation
    def upgrades(self, name: str) -> Operation[Many[UpgradeEntry]]:
        """List upgrades and rollbacks, also those that failed, the newest first."""
        return get(at("/plugins/{}/upgrades", name), json_of(Many[UpgradeEntry]))


class Installs(Noun[S]):
    """Installs of several packages in one change."""

    @operation
    def install(
        self,
        packages: Iterable[Source | tuple[Source, Source]],
        *,
        progress: Progress | None = None,
        **terms: Unpack[InstallTerms],
    ) -> Operation[InstalledBatch]:
        """Install all of several packages, or none; they may need each other.

        Each is a package, or a package and its signature.
        """
        files: Many[tuple[str, Source]] = []
        for each in packages:
            package, *signatures = each if isinstance(each, tuple) else (each,)
            files.append(("package", package))
            files += [("signature", signature) for signature in signatures]
        asked = post("/installs", json_of(InstalledBatch), **terms)
        return asked.with_upload(form(files, progress))
