"""What calls used: a table by plugin or function, and how it went over time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from wardian.cli.client import connect
from wardian.cli.failures import failure
from wardian.cli.plots import bar, seconds, short, sparkline, thinned
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment, size

_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_AGO = re.compile(r"([0-9]{1,6})([mhd])")
_PLOT_WIDTH = 60
_BAR_WIDTH = 12

Tenant = Annotated[
    str | None,
    typer.Option("--tenant", help="Another tenant, or * for all (keys of the default tenant)."),
]


@command
def analytics(
    start: Annotated[
        str | None,
        typer.Option("--from", help="So long ago (30m, 24h, 7d), or a moment; unless set, 24h."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="The same; unless set, until now.")
    ] = None,
    step: Annotated[
        str | None,
        typer.Option("--step", help="minute, hour or day; unless set, by the range's length."),
    ] = None,
    group: Annotated[
        str,
        typer.Option("--group", help="plugin, function, version, outcome, tenant; with commas."),
    ] = "plugin",
    plugin: Annotated[
        str | None, typer.Option("--plugin", help="Only the calls of this plugin.")
    ] = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Show what calls used: how many, how many failed, how long they took, and what they cost."""
    terminal = Terminal(json=json)
    asked = {
        "from": _moment(start, "--from"),
        "to": _moment(end, "--to"),
        "step": step,
        "group": group,
        "plugin": plugin,
        "tenant": tenant,
    }
    query = {name: value for name, value in asked.items() if value is not None}
    with connect() as client:
        found = client.get(f"/analytics?{urlencode(query)}")
    terminal.answer(found, lambda: _show(terminal, found, group))


def _moment(text: str | None, option: str) -> str | None:
    """Return a moment as the API takes it."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        past = timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
        try:
            return (datetime.now(UTC) - past).isoformat()
        except OverflowError:
            pass
    else:
        try:
            return datetime.fromisoformat(text).isoformat()
        except ValueError:
            pass
    raise failure(
        "invalid-arguments",
        "The arguments do not fit what was asked.",
        f"{option} takes how long ago (30m, 24h, 7d) or a moment (2026-11-26T08:00Z), not "
        f"{text!r}.",
    )


def _show(terminal: Terminal, found: dict[str, Any], group: str) -> None:
    totals = found["totals"]
    terminal.line(
        f"{moment(found['start'])} to {moment(found['end'])} UTC: {totals['calls']:,} calls, "
        f"{totals['errors']:,} failed, cost {totals['cost']} {found['currency']}"
    )
    if not totals["calls"]:
        return
    terminal.line(_summary(totals))
    calls = _by_step(found)
    if len(calls) > 1:
        terminal.line(f"calls by {found['step']}: {sparkline(thinned(calls, _PLOT_WIDTH))}", "cyan")
    wrong = sorted(totals["errors_by_type"].items(), key=lambda each: -each[1])
    if wrong:
        terminal.line("not ok: " + ", ".join(f"{name} {count:,}" for name, count in wrong))
    names = [name.strip() for name in group.split(",") if name.strip()]
    if found["groups"]:
        terminal.line("")
        terminal.table([*names, *_COLUMNS], [_row(each, names, found) for each in found["groups"]])
    if found["groups_left_out"]:
        terminal.note(f"{found['groups_left_out']:,} more groups are in the totals alone.")


_COLUMNS = ["calls", "", "failed", "p50", "p95", "p99", "fuel", "egress", "cost"]


def _summary(totals: dict[str, Any]) -> str:
    latency = ", ".join(f"{name} {seconds(totals[name])}" for name in ("p50", "p95", "p99"))
    return (
        f"{latency}; {short(totals['fuel'])} fuel, {size(_egress(totals))} egress, "
        f"{totals['host_calls']:,} host calls, {size(totals['memory_peak_bytes'])} memory at most"
    )


def _by_step(found: dict[str, Any]) -> list[float]:
    """Return the calls of each step of the range, those without a call too."""
    apart = timedelta(seconds={"minute": 60, "hour": 3_600, "day": 86_400}[found["step"]])
    start, end = (datetime.fromisoformat(found[name]) for name in ("start", "end"))
    steps = -(-(end - start) // apart)
    calls = [0.0] * steps
    for point in found["series"]:
        at = (datetime.fromisoformat(point["start"]) - start) // apart
        if 0 <= at < steps:
            calls[at] = point["totals"]["calls"]
    return calls


def _row(group: dict[str, Any], names: list[str], found: dict[str, Any]) -> list[str]:
    totals = group["totals"]
    most = found["groups"][0]["totals"]["calls"]
    return [
        *(group[name] or "" for name in names),
        f"{totals['calls']:,}",
        bar(totals["calls"] / most, _BAR_WIDTH),
        f"{totals['errors']:,}",
        *(seconds(totals[name]) for name in ("p50", "p95", "p99")),
        short(totals["fuel"]),
        size(_egress(totals)),
        totals["cost"],
    ]


def _egress(totals: dict[str, Any]) -> int:
    return int(totals["egress_sent_bytes"] + totals["egress_received_bytes"])
