"""What a plugin asks for, as a table to review; and the same before it is installed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from wardian.cli.client import connect, plugin_path
from wardian.cli.enhancements_asked import show_enhancements
from wardian.cli.failures import Failure
from wardian.cli.schedules_asked import show_asked
from wardian.cli.terminal import Json, Terminal, command
from wardian.errors import InvalidArguments, NotFound
from wardian.plugins.demands import demands_of
from wardian.plugins.enhancements import enhancements_asked
from wardian.plugins.manifest import Manifest, parse_manifest
from wardian.plugins.package import manifest_at, read_source
from wardian.plugins.schedules import schedule_asked
from wardian.policy.grants import Authority
from wardian.policy.levels import Level
from wardian.policy.permissions import parse_permission
from wardian.policy.reviews import Asked, Demands, review, widened
from wardian.runtime.webhook_asks import webhook_asks

RISK_STYLES = {"medium": "yellow", "high": "red", "critical": "bold red"}

_STATUS = {
    "granted": "granted",
    "partly-granted": "granted in part",
    "not-granted": "not granted",
}


@command
def review_source(
    source: Annotated[Path, typer.Argument(help="A .wardian file, or a plugin's directory.")],
    installed: Annotated[
        bool,
        typer.Option("--installed", help="Compare with the version installed on the host."),
    ] = False,
    json: Json = False,
) -> None:
    """Show what a plugin asks for, with reasons and risks, before it is installed.

    Needs no host, unless it is compared with the installed version.
    """
    terminal = Terminal(json=json)
    manifest = _manifest_at(source)
    demands = demands_of(manifest)
    view = _installed_view(manifest.name) if installed else None
    running = None if view is None else _demands_of_view(view)
    authority = Authority(
        asked=manifest.asked(),
        granted=tuple(map(parse_permission, view["granted"] if view else ())),
        level=manifest.sandbox_level,
    )
    answer = {
        "name": manifest.name,
        "version": manifest.version,
        "level": manifest.sandbox_level,
        "review": msgspec.to_builtins(review(demands, authority, running)),
        "required_scopes": list(demands.required_scopes),
        "oauth_scopes": list(demands.oauth_scopes),
        "schedules": msgspec.to_builtins([schedule_asked(each) for each in manifest.schedule]),
        "enhancements": msgspec.to_builtins(enhancements_asked(manifest.enhancements)),
        "webhooks": msgspec.to_builtins(webhook_asks(manifest)),
        "running_version": view["version"] if view else None,
        "widened": msgspec.to_builtins(widened(running, demands)) if running else [],
    }
    terminal.answer(answer, lambda: _show(terminal, answer, source, compared=installed))


def show_review(terminal: Terminal, items: list[dict[str, Any]]) -> None:
    """Print what a plugin asks for, what of it is granted, and what that risks."""
    if not items:
        terminal.line("It asks for no permission.")
        return
    told = any(item["change"] not in ("same", "new") for item in items)
    columns = [
        "grant",
        "risk",
        "permission",
        *(["change"] if told else []),
        "its reason",
        "what it risks",
    ]
    rows = []
    for item in items:
        change = [_changed(item)] if told else []
        reason = item["reason"] + (" (optional)" if item["optional"] else "")
        first = [_granted(item), item["risk"], item["permission"]]
        rows.append([*first, *change, reason, item["why"]])
        rows += [["  granted", "", held] + [""] * (len(columns) - 3) for held in item["held"]]
        rows += [["  excluded", "", out] + [""] * (len(columns) - 3) for out in item["excluded"]]
    terminal.table(columns, rows, {"risk": RISK_STYLES})


def show_webhooks(terminal: Terminal, items: list[dict[str, Any]]) -> None:
    """Print which webhooks a plugin receives, and with which credentials they are verified."""
    for item in items:
        becomes = f", published to {item['event']}" if item["event"] else ""
        terminal.line(
            f"It receives the webhook {item['name']}{becomes}, signed as {item['recipe']} with the "
            f"credential {item['credential']}; until that is set, every request is refused."
        )


def note_how_to_grant(terminal: Terminal, verb: str, items: list[dict[str, Any]]) -> None:
    """Say how to grant what was asked for and is not granted, as a line to paste."""
    missing = [
        item
        for item in items
        if item["status"] in ("not-granted", "partly-granted") and item["change"] != "removed"
    ]
    needed = [shlex.quote(item["permission"]) for item in missing if not item["optional"]]
    if needed:
        terminal.note(f"It asks for more than it has. To grant that: {verb} {' '.join(needed)}")
    elif missing:
        terminal.note(f"All that it lacks is optional. To grant some: {verb} PERMISSION")


def _granted(item: dict[str, Any]) -> str:
    if item["status"] == "never":
        return f"never ({item['refused_by']})"
    return _STATUS[item["status"]]


def _changed(item: dict[str, Any]) -> str:
    if item["instead_of"]:
        return f"{item['change']} from {item['instead_of']}"
    return str(item["change"])


def _show(terminal: Terminal, answer: dict[str, Any], source: Path, *, compared: bool) -> None:
    title = f"{answer['name']} {answer['version']}, made for the level {answer['level']}"
    before = answer["running_version"]
    against = f", compared with the installed {before}" if before else ""
    terminal.line(f"{title}{against}.", "bold")
    show_review(terminal, answer["review"])
    show_asked(terminal, answer["schedules"])
    show_enhancements(terminal, answer["enhancements"])
    for name in ("required_scopes", "oauth_scopes"):
        if answer[name]:
            terminal.line(f"{name.replace('_', ' ')}: {', '.join(answer[name])}")
    show_webhooks(terminal, answer["webhooks"])
    if before:
        _show_widened(terminal, answer["widened"])
    else:
        if compared:
            terminal.note("The host has no plugin of this name.")
        verb = f"wardian install {shlex.quote(str(source))}"
        terminal.note(f"{verb} grants none of it; add --grant PERMISSION, or --grant-all.")


def _show_widened(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    if not found:
        terminal.line("It asks for nothing that the installed version did not cover.", "green")
        return
    terminal.line("It asks for more than the installed version:", "bold")
    for item in found:
        terminal.line(f"  {item['text']} {item['why']}", RISK_STYLES.get(item["risk"], ""))


def _manifest_at(source: Path) -> Manifest:
    """Read a manifest; of a directory nothing needs to be built yet."""
    if not source.exists():
        raise InvalidArguments(f"There is no file or directory {str(source)!r}.")
    try:
        if source.is_dir():
            return parse_manifest(manifest_at(source))
        return read_source(source).manifest
    except OSError as error:
        raise InvalidArguments(
            f"{error.filename or str(source)} cannot be read: {error.strerror}."
        ) from error


def _installed_view(name: str) -> dict[str, Any] | None:
    with connect() as client:
        try:
            found: dict[str, Any] = client.get(plugin_path(name, "/grants"))
        except Failure as failed:
            if failed.error["type"] == NotFound.type:
                return None
            raise
    return found


def _demands_of_view(view: dict[str, Any]) -> Demands:
    return Demands(
        permissions=tuple(
            Asked(parse_permission(item["permission"]), item["reason"], item["optional"])
            for item in view["asked"]
        ),
        level=Level(view["level"]),
        required_scopes=tuple(view["required_scopes"]),
        oauth_scopes=tuple(view["oauth_scopes"]),
        webhooks=tuple(item["surface"] for item in view["webhooks"]),
    )
