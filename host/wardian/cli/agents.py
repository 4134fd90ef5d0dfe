"""Agents: listed, shown, and told otherwise than their manifests."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from wardian.cli.arguments import json_or_text
from wardian.cli.client import connect
from wardian.cli.failures import failure
from wardian.cli.plots import bar
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment

AgentName = Annotated[str, typer.Argument(metavar="NAME", help="The agent's, which is its plugin.")]

_WIDTH = 10
_AGAIN = "default"
_WHOLE = ("priority", "paused")
_PARTS = (
    "cost.per_call",
    "cost.per_unit",
    "limits.units",
    "limits.concurrent",
    "limits.input_bytes",
)
_STYLES = {"state": {"open": "red", "half-open": "yellow", "paused": "yellow", "closed": "green"}}


@command
def list_agents(
    capability: Annotated[
        str | None, typer.Argument(metavar="CAPABILITY", help="Only those that answer this.")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only those with this tag.")] = None,
    json: Json = False,
) -> None:
    """List agents, with what was measured of each for each of its capabilities."""
    terminal = Terminal(json=json)
    query = {"capability": capability, "tag": tag}
    given = urlencode({name: value for name, value in query.items() if value is not None})
    with connect() as client:
        found = client.get(f"/agents?{given}" if given else "/agents")
    terminal.answer({"agents": found}, lambda: _show_list(terminal, found, capability))


@command
def show(name: AgentName, json: Json = False) -> None:
    """Show an agent: what it costs, takes on and answers, and how well."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get(agent_path(name))
    terminal.answer(found, lambda: _show(terminal, found))


@command
def set_agent(
    name: AgentName,
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT=VALUE…",
            help="priority, tags (`a,b`), paused, cost.per_call, cost.per_unit, limits.units, "
            "limits.concurrent, limits.input_bytes. `default` is the manifest's again, of `cost` "
            "and `limits` as a whole.",
        ),
    ],
    json: Json = False,
) -> None:
    """Say something else of an agent than its manifest does; what is not named stays."""
    terminal = Terminal(json=json)
    wanted = [_change(text) for text in changes]
    with connect() as client:
        before, unchanged = client.get_to_change(agent_path(name))
        found = client.send("PATCH", agent_path(name), _body(wanted, before), unchanged)
    terminal.answer(found, lambda: _show(terminal, found))


def agent_path(name: str, rest: str = "") -> str:
    """The path of an agent below ``/api/v1``."""
    return f"/agents/{quote(name, safe='')}{rest}"


def money(amount: float | None) -> str:
    """Say an amount of the host's currency, as exact as it is."""
    return "" if amount is None else f"{amount:.9f}".rstrip("0").rstrip(".")


def milliseconds(value: float | None) -> str:
    """Say a time that is in milliseconds."""
    return "" if value is None else f"{value:,.0f} ms"


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    parts = (*_WHOLE, *_PARTS)
    if equals and name == "tags" and value != _AGAIN:
        return name, [each.strip() for each in value.split(",") if each.strip()]
    if equals and value == _AGAIN and name in ("priority", "tags", "cost", "limits"):
        return name, None
    if equals and name in parts and value != _AGAIN:
        return name, json_or_text(value)
    raise failure(
        "invalid-arguments",
        "The arguments do not fit what was asked.",
        f"{text!r} is not WHAT=VALUE, such as priority=80, tags=quick,cheap, paused=true, "
        f"cost.per_call=0.002 or limits=default. There are {', '.join(('tags', *parts))}.",
    )


def _body(wanted: list[tuple[str, Any]], before: dict[str, Any]) -> dict[str, Any]:
    """Return a change; of a cost or limits those parts that are not named stay as they are."""
    body: dict[str, Any] = {}
    for name, value in wanted:
        whole, dot, part = name.partition(".")
        if not dot:
            body[name] = value
            continue
        kept = {each: old for each, old in before[whole].items() if each != "unit"}
        body[whole] = (body.get(whole) or kept) | {part: value}
    return body


def _show_list(terminal: Terminal, found: list[dict[str, Any]], capability: str | None) -> None:
    rows = [
        [
            each["name"],
            each["version"],
            measured["capability"],
            _state(each),
            f"{bar(measured['quality'], _WIDTH)} {measured['quality']:.2f}",
            milliseconds(measured["latency_ms"]),
            money(measured["cost"]),
            str(measured["asked"]),
            f"{each['in_flight']} of {each['limits']['concurrent']}",
            str(each["priority"]),
        ]
        for each in found
        for measured in each["measured"]
        if capability in (None, measured["capability"])
    ]
    if not rows:
        terminal.line("There are no such agents.")
        return
    columns = ["agent", "version", "capability", "state", "quality", "latency", "cost", "asked"]
    terminal.table([*columns, "busy", "priority"], rows, _STYLES)


def _state(each: dict[str, Any]) -> str:
    if each["state"] not in ("active", "degraded"):
        return str(each["state"])
    return "paused" if each["paused"] else str(each["health"]["state"])


def _show(terminal: Terminal, found: dict[str, Any]) -> None:
    cost, limits, health = found["cost"], found["limits"], found["health"]
    terminal.line(f"{found['name']} {found['version']}: {found['description']}", "bold")
    said = set(found["overridden"])
    facts = [
        ("state", f"{found['state']}{', paused' if found['paused'] else ''}"),
        ("priority", str(found["priority"])),
        ("tags", ", ".join(found["tags"]) or "none"),
        ("cost", f"{money(cost['per_call'])} and {money(cost['per_unit'])} a {cost['unit']}"),
        (
            "limits",
            f"{limits['units']:,} units ({cost['unit']}), {limits['concurrent']:,} at once, "
            f"{limits['input_bytes']:,} bytes of input",
        ),
        ("under way", str(found["in_flight"])),
        ("breaker", _breaker(health)),
        ("last probe", f"{moment(health['last_probe_at'])} {health['last_probe']}".strip()),
    ]
    rows = [[name, text, "the operator's" if name in said else ""] for name, text in facts if text]
    terminal.table(["what", "is", "said by"], rows)
    _show_measured(terminal, found["measured"])


def _breaker(health: dict[str, Any]) -> str:
    if health["state"] == "closed":
        return "closed"
    until = f", tried again at {moment(health['open_until'])}" if health["open_until"] else ""
    return f"{health['state']}{until}: {health['reason']}"


def _show_measured(terminal: Terminal, measured: list[dict[str, Any]]) -> None:
    columns = ["capability", "version", "quality", "19 of 20 within", "answers", "latency", "cost"]
    rows = [
        [
            each["capability"],
            each["capability_version"],
            f"{bar(each['quality'], _WIDTH)} {each['quality']:.2f}",
            f"{each['quality_low']:.2f} to {each['quality_high']:.2f}",
            "" if each["success_rate"] is None else f"{each['success_rate']:.0%}",
            milliseconds(each["latency_ms"]),
            money(each["cost"]),
            str(each["asked"]),
        ]
        for each in measured
    ]
    terminal.table([*columns, "asked"], rows)
