"""Trials: two versions of an agent that answer by turns."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from wardian.cli.agents import AgentName, agent_path, milliseconds, money
from wardian.cli.client import Client, connect
from wardian.cli.failures import failure
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment


@command
def trial(
    name: AgentName,
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="VERSION", help="Begin one: with this kept version (`wardian versions NAME`)."
        ),
    ] = None,
    share: Annotated[
        float, typer.Option("--share", help="Of questions that go to it, from 0 to 1.")
    ] = 0.5,
    confidence: Annotated[
        float, typer.Option("--confidence", help="How sure it must be until a verdict is given.")
    ] = 0.95,
    ends: Annotated[bool, typer.Option("--ends", help="Over once that is known.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the trial.")] = False,
    json: Json = False,
) -> None:
    """Show how two versions of an agent do beside each other; or begin or end that."""
    terminal = Terminal(json=json)
    if stop and version is not None:
        raise failure(
            "invalid-arguments",
            "The arguments do not fit what was asked.",
            "A trial is begun or ended: give VERSION or --stop.",
        )
    terms = {"version": version, "share": share, "confidence": confidence, "ends": ends}
    with connect() as client:
        found = _found(client, agent_path(name, "/trial"), terms, stop)
    terminal.answer(found, lambda: _show(terminal, found))


def _found(client: Client, path: str, terms: dict[str, Any], stop: bool) -> Any:
    if stop:
        return client.send("DELETE", path)
    return client.get(path) if terms["version"] is None else client.put(path, terms)


def _show(terminal: Terminal, found: dict[str, Any]) -> None:
    terminal.line(
        f"{found['agent']}, since {moment(found['since'])} UTC: {found['share']:.0%} of questions "
        f"go to {found['other']['version']}"
    )
    if found["decided_at"] is not None:
        terminal.line(f"It was decided at {moment(found['decided_at'])} UTC, for {found['better']}")
    if found["ended_at"] is not None:
        terminal.line(f"It ended at {moment(found['ended_at'])} UTC: {found['why_ended']}")
    columns = ["version", "", "asked", "answered", "score", "19 of 20 within", "latency", "cost"]
    arms = ((found["active"], "active"), (found["other"], "tried"))
    terminal.table(columns, [_row(arm, role) for arm, role in arms])
    terminal.line(found["verdict"], "bold" if found["decided"] else "")
    terminal.note(
        f"{found['other']['version']} is better with a probability of "
        f"{found['other_is_better']:.1%}; {found['confidence']:.0%} is asked for."
    )


def _row(arm: dict[str, Any], role: str) -> list[str]:
    return [
        arm["version"],
        role,
        f"{arm['asked']:,}",
        f"{arm['answered']:,}",
        "" if arm["mean"] is None else f"{arm['mean']:.3f}",
        "" if arm["mean"] is None else f"{arm['low']:.3f} to {arm['high']:.3f}",
        milliseconds(arm["latency_ms"]),
        money(arm["cost"]),
    ]
