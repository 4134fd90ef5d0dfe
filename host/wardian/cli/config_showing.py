"""Configurations shown to people."""

from __future__ import annotations

from typing import Any

from wardian.cli.terminal import Terminal
from wardian.cli.text import as_json, moment
from wardian.config.secrets import suspicious

_LAYERS = {
    "defaults": "dim",
    "environment": "cyan",
    "user": "green",
    "runtime": "bold yellow",
}
_SHOWN_CHARS = 60


def show_explanation(terminal: Terminal, found: dict[str, Any]) -> None:
    """Show each value with where it came from, and below it what it lies over."""
    whose = found["plugin"] or "all plugins of the tenant"
    terminal.line(
        f"The configuration of {whose} in {found['environment']}, version {found['version']}."
    )
    rows: list[list[str]] = []
    for value in found["values"]:
        rows.append([value["key"], *_origin(value)])
        rows += [["  over", *_origin(each)] for each in value["overrides"]]
    columns = ["key", "value", "layer", "scope", "set by", "set at", "from"]
    if rows:
        terminal.table(columns, rows, {"layer": _LAYERS})
    _show_faults(terminal, found["faults"])


def show_history(terminal: Terminal, page: dict[str, Any]) -> None:
    """Show changes, each with its values before and after."""
    rows: list[list[str]] = []
    for entry in page["entries"]:
        head = [
            str(entry["id"]),
            moment(entry["changed_at"]),
            entry["changed_by"],
            _layer(entry),
        ]
        for change in entry["changes"] or [{"key": ""}]:
            rows.append([*head, change["key"], _before(change), _after(change), entry["note"]])
            head = [""] * len(head)
            entry = {**entry, "note": ""}
    if rows:
        columns = ["id", "changed at", "changed by", "layer", "key", "before", "after", "note"]
        terminal.table(columns, rows)
    else:
        terminal.line("Nothing was changed.")
    if page["next"] is not None:
        terminal.note(f"There are more: --before {page['next']}")


def show_judgement(terminal: Terminal, found: dict[str, Any]) -> None:
    """Show what a change would come to, or all that stops it."""
    for fault in found["faults"]:
        terminal.line(f"{fault['plugin']}: {fault['message']}", "bold red")
    if found["valid"]:
        changed = ", ".join(found["changed"]) or "nothing"
        plugins = ", ".join(found["plugins"]) or "no plugin"
        terminal.line(f"This is valid. It changes {changed}; {plugins} would see it.", "green")
        terminal.value(found["configuration"])
    for warning in found["warnings"]:
        terminal.note(warning, "yellow")


def show_reloaded(terminal: Terminal, found: dict[str, Any]) -> None:
    """Show what came of reading a file."""
    if found["file"] is None:
        terminal.line("This host reads no files of configuration: WARDIAN_CONFIG_DIR is not set.")
        return
    if not found["faults"]:
        what = ", ".join(found["changed"]) or "nothing"
        terminal.line(f"{found['file']} is in force; it changed {what}.", "green")
    for name in found["waiting"]:
        terminal.note(f"{name} is not installed; its values wait for it.", "yellow")
    _show_faults(terminal, found["faults"])


def warn_of_secrets(terminal: Terminal, values: dict[str, Any]) -> None:
    """Say which values have the names of secrets."""
    for path in suspicious(values):
        terminal.note(
            f"{path} has the name of a secret, and configurations are for all to read who may read "
            "the tenant's plugins. Secrets are kept with `wardian credential set NAME`.",
            "yellow",
        )


def _show_faults(terminal: Terminal, faults: list[dict[str, Any]]) -> None:
    for fault in faults:
        where = fault["file"] + (f":{fault['line']}" if fault["line"] else "")
        whom = f" {fault['plugin']} refuses it." if fault["plugin"] else ""
        terminal.line("")
        terminal.line(f"{where} is not in force, but its last good state.{whom}", "bold red")
        terminal.line(fault["message"])


def _origin(value: dict[str, Any]) -> list[str]:
    came = value["file"] or value["origin"]
    if value["line"]:
        came += f":{value['line']}"
    return [
        _short(value["value"]),
        value["layer"],
        value["scope"],
        value["set_by"] or "-",
        moment(value["set_at"]) or "-",
        came,
    ]


def _layer(entry: dict[str, Any]) -> str:
    return entry["environment"] or str(entry["layer"])


def _before(change: dict[str, Any]) -> str:
    return _short(change["before"]) if "before" in change else "-"


def _after(change: dict[str, Any]) -> str:
    return _short(change["after"]) if "after" in change else "-"


def _short(value: Any) -> str:
    text = as_json(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…"
