"""Versions of an installed plugin: upgrade, roll back, versions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from wardian.cli.changes import show_changes
from wardian.cli.client import Client, connect, plugin_path
from wardian.cli.enhancements_asked import show_enhancement_changes
from wardian.cli.failures import failure
from wardian.cli.plugins import (
    AllowOlder,
    AllowOtherPublisher,
    Name,
    Signature,
    uploading,
)
from wardian.cli.replays import show_outcome
from wardian.cli.reviews import RISK_STYLES
from wardian.cli.sources import package_at, signature_of
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment
from wardian.errors import InvalidArguments
from wardian.plugins.package import read_package


class _Upload(NamedTuple):
    """A package to send, and its signature if it has one."""

    name: str
    label: str
    package: bytes
    signature: bytes | None


@command
def upgrade(
    source: Annotated[Path, typer.Argument(help="A .wardian file, or a built plugin's directory.")],
    approve: Annotated[
        list[str] | None,
        typer.Option(
            "--approve", help="A new permission to grant; repeat it for more. Or `all`, or `none`."
        ),
    ] = None,
    allow_breaking: Annotated[
        bool,
        typer.Option("--allow-breaking", help="Take it though it breaks callers unannounced."),
    ] = False,
    allow_older: AllowOlder = False,
    allow_other_publisher: AllowOtherPublisher = False,
    replay: Annotated[
        int,
        typer.Option(
            "--replay", min=0, help="Try it with so many of the last recorded calls first."
        ),
    ] = 0,
    accept_differences: Annotated[
        bool, typer.Option("--accept-differences", help="Take it though some do something else.")
    ] = False,
    signature: Signature = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Upgrade an installed plugin: everything is checked first, and a failure changes nothing.

    With --dry-run it exits with 1 if something would stop the upgrade.
    """
    terminal = Terminal(json=json)
    package = package_at(source)
    name = read_package(package).manifest.name
    upload = _Upload(name, source.name or name, package, signature_of(source, signature))
    query: dict[str, Any] = {
        "approve": approve or [],
        "allow_breaking": str(allow_breaking).lower(),
        "allow_older": str(allow_older).lower(),
        "allow_other_publisher": str(allow_other_publisher).lower(),
        "replay": replay,
        "accept_differences": str(accept_differences).lower(),
        "dry_run": str(dry_run).lower(),
    }
    with connect() as client:
        if not (dry_run or approve or json):
            query["approve"] = _asked(terminal, client, upload, query)
        answer = _send(terminal, client, upload, query)
    if dry_run:
        terminal.answer(answer, lambda: show_report(terminal, answer))
        if answer["obstacles"]:
            raise typer.Exit(1)
        return
    terminal.answer(answer, lambda: _show_upgraded(terminal, answer))


@command
def rollback(
    name: Name,
    to: Annotated[
        str | None, typer.Option("--to", help="A kept version; the one before unless given.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="What becomes of data migrated since: keep or restore."),
    ] = None,
    json: Json = False,
) -> None:
    """Go back to a version that is kept (`wardian versions` lists them)."""
    terminal = Terminal(json=json)
    if data not in (None, "keep", "restore"):
        raise InvalidArguments(f"--data is keep or restore, not {data!r}.", path="--data")
    with connect() as client, terminal.busy(f"Rolling {name} back"):
        view = client.post(plugin_path(name, "/rollback"), {"to": to, "stored": data})
    terminal.answer(
        view,
        lambda: terminal.line(f"{name} is {view['version']} again: {view['state']}.", "bold"),
    )


@command
def versions(name: Name, json: Json = False) -> None:
    """List the kept versions of a plugin, and how upgrades of it went."""
    terminal = Terminal(json=json)
    with connect() as client:
        kept = client.get(plugin_path(name, "/versions"))
        upgrades = client.get(plugin_path(name, "/upgrades"))
    answer = {"versions": kept, "upgrades": upgrades}
    terminal.answer(answer, lambda: _show_versions(terminal, kept, upgrades))


def show_report(terminal: Terminal, report: dict[str, Any]) -> None:
    """Print what an upgrade changes, and what stops it."""
    terminal.line(f"{report['name']} {report['from_version']} → {report['to_version']}", "bold")
    _show_changes(terminal, report)
    _show_asked(terminal, report)
    if report["needs_approval"]:
        terminal.line(f"needs approval: {', '.join(report['needs_approval'])}", "bold yellow")
    for step in report["migrations"]:
        terminal.line(f"migrates stored data from {step['from_version']} to {step['to_version']}")
    show_enhancement_changes(terminal, report["enhancements"])
    for user in report["dependents"]:
        takes = "takes it" if user["takes_it"] else f"takes {user['range']}, which this is not"
        style = "" if user["takes_it"] else "yellow"
        terminal.line(f"{user['name']} {user['version']}, {user['state']}, {takes}", style)
    _show_replayed(terminal, report["replay"])
    for warning in report["warnings"]:
        terminal.line(f"warning: {warning}", "yellow")
    for obstacle in report["obstacles"]:
        terminal.line(f"stops at '{obstacle['step']}': {obstacle['detail']}", "bold red")
    if not report["obstacles"]:
        terminal.line("Nothing stops this upgrade but its migration and health.", "bold green")


def _show_changes(terminal: Terminal, report: dict[str, Any]) -> None:
    if not report["changes"]:
        terminal.line("Functions and imports are the same.", "green")
        return
    show_changes(terminal, report["changes"])
    if report["breaking"] and not report["announced"]:
        terminal.line(f"Semantic versioning asks for {report['next_version']} or later.", "yellow")


def _show_replayed(terminal: Terminal, replay: dict[str, Any] | None) -> None:
    if replay is None:
        return
    if not replay["replayed"] and not replay["left_out"]:
        terminal.line("No call is recorded, so none was replayed: `wardian record`.", "yellow")
        return
    same = replay["replayed"] - replay["different"]
    terminal.line(f"{same} of {replay['replayed']} recorded calls do what they had done.")
    for outcome in replay["outcomes"]:
        if not outcome["same"]:
            show_outcome(terminal, outcome)


def _show_asked(terminal: Terminal, report: dict[str, Any]) -> None:
    for permission in report["dropped_permissions"]:
        terminal.line(f"It asks for {permission} no longer.", "green")
    for item in report["widened"]:
        terminal.line(f"{item['text']} {item['why']}", RISK_STYLES.get(item["risk"], ""))
        if item["reason"]:
            terminal.line(f"  its reason: {item['reason']}")


def _asked(terminal: Terminal, client: Client, upload: _Upload, query: dict[str, Any]) -> list[str]:
    """Have a person look at what needs approval before anything is changed."""
    if not terminal.is_interactive:
        return []
    report = _send(terminal, client, upload, {**query, "dry_run": "true"})
    if not report["needs_approval"]:
        return []
    show_report(terminal, report)
    if not terminal.confirms(f"Approve and grant {', '.join(report['needs_approval'])}?"):
        raise failure(
            "refused", "Nothing was done.", f"{upload.name} stays at {report['from_version']}."
        )
    return list(report["needs_approval"])


def _send(
    terminal: Terminal, client: Client, upload: _Upload, query: dict[str, Any]
) -> dict[str, Any]:
    name, label, package, signature = upload
    with uploading(terminal, package, label) as progress:
        answer: dict[str, Any] = client.upload(
            plugin_path(name, "/upgrade"), package, progress, query, signature
        )
    return answer


def _show_upgraded(terminal: Terminal, answer: dict[str, Any]) -> None:
    report, plugin = answer["report"], answer["plugin"]
    terminal.line(
        f"{report['name']} {report['from_version']} → {report['to_version']}: {plugin['state']}.",
        "bold",
    )
    _show_changes(terminal, report)
    _show_asked(terminal, report)
    _show_replayed(terminal, report["replay"])
    for warning in report["warnings"]:
        terminal.note(f"warning: {warning}", "yellow")


def _show_versions(
    terminal: Terminal, kept: list[dict[str, Any]], upgrades: list[dict[str, Any]]
) -> None:
    terminal.table(
        ["", "version", "level", "installed", "by", "package"],
        [
            [
                "in use" if row["in_use"] else "",
                row["version"],
                row["level"],
                moment(row["installed_at"]),
                row["installed_by"],
                row["package_digest"][:16],
            ]
            for row in kept
        ],
    )
    if upgrades:
        terminal.table(
            ["what", "from", "to", "outcome", "at step", "when", "why"],
            [
                [
                    row["kind"],
                    row["from_version"],
                    row["to_version"],
                    row["outcome"],
                    row["step"] if row["outcome"] == "rolled-back" else "",
                    moment(row["started_at"]),
                    row["reason"],
                ]
                for row in upgrades
            ],
        )
