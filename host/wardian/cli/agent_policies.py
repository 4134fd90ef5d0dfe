"""By which rules agents are chosen, and what may be spent on them."""

from __future__ import annotations

import math
from typing import Annotated, Any
from urllib.parse import quote

import typer

from wardian.cli.agents import money
from wardian.cli.arguments import json_object
from wardian.cli.client import connect
from wardian.cli.failures import failure
from wardian.cli.plots import bar
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import as_json, moment

_WIDTH = 20
_NO_BOUND = "none"


@command
def rules(
    replace: Annotated[
        str | None,
        typer.Option(
            "--set",
            help="Replace them all: a JSON object with `rules` and `default`, @FILE, or - for "
            "stdin. What `--json` prints fits.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show by which rules a strategy is chosen: the first that matches counts; or replace them."""
    terminal = Terminal(json=json)
    body = None if replace is None else json_object(replace, "--set")
    if body is not None:
        body.pop("strategies", None)  # which is told, and is not to be said
    with connect() as client:
        path = "/agent-rules"
        found = client.get(path) if body is None else client.put(path, body)
    terminal.answer(found, lambda: _show_rules(terminal, found))


@command
def budget(
    capability: Annotated[
        str | None, typer.Argument(metavar="CAPABILITY", help="Of which to set it; `*` is all.")
    ] = None,
    period: Annotated[
        str | None, typer.Argument(metavar="PERIOD", help="hour, day, month or ever (UTC).")
    ] = None,
    limit: Annotated[
        str | None,
        typer.Argument(metavar="LIMIT", help="What may be spent in it; `none` removes it."),
    ] = None,
    json: Json = False,
) -> None:
    """Show what may be spent on agents, and is; or set it for a capability and a period."""
    terminal = Terminal(json=json)
    with connect() as client:
        if capability is not None:
            path, body = _wanted(capability, period, limit)
            client.send("DELETE" if body is None else "PUT", path, body)
        found = client.get("/agent-budgets")
    terminal.answer({"budgets": found}, lambda: _show_budgets(terminal, found))


def _wanted(
    capability: str, period: str | None, limit: str | None
) -> tuple[str, dict[str, float] | None]:
    if period is None or limit is None:
        raise _misfit(f"Say all of CAPABILITY PERIOD LIMIT, such as `{capability} day 5`.")
    path = f"/agent-budgets/{quote(capability, safe='')}/{quote(period, safe='')}"
    if limit == _NO_BOUND:
        return path, None
    try:
        amount = float(limit)
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise _misfit(
            f"{limit!r} is no amount: 0, by which nothing is asked that costs, or more, such as "
            "2.50; `none` takes the budget away."
        )
    return path, {"limit": amount}


def _misfit(detail: str) -> Exception:
    return failure("invalid-arguments", "The arguments do not fit what was asked.", detail)


def _show_rules(terminal: Terminal, found: dict[str, Any]) -> None:
    rows = [
        [each["name"], each["strategy"], as_json(each["when"]) if each["when"] else "always"]
        for each in found["rules"]
    ]
    rows.append(["", found["default"], "else"])
    terminal.table(["rule", "strategy", "when"], rows)
    terminal.note(f"There are {', '.join(found['strategies'])}.")


def _show_budgets(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    if not found:
        terminal.line("There is no budget: nothing bounds what agents cost.")
        return
    columns = ["capability", "period", "spent", "held", "of", "", "ends"]
    terminal.table(columns, [_row(each) for each in found])


def _row(each: dict[str, Any]) -> list[str]:
    used = each["spent"] + each["held"]
    share = 1.0 if each["limit"] == 0 else used / each["limit"]
    return [
        each["capability"],
        each["period"],
        money(each["spent"]) or "0",
        money(each["held"]) or "0",
        money(each["limit"]) or "0",
        f"{bar(share, _WIDTH)} {share:.0%}",
        moment(each["ends_at"]),
    ]
