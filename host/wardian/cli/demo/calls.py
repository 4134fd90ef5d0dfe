"""One real call of each sample that has something to show, over HTTP as a stranger makes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from wardian.cli.access import curl_line
from wardian.cli.demo.samples import FIRST, TRIAGE, Built
from wardian.cli.demo.stand_in import StandIn
from wardian.cli.failures import Failure
from wardian.cli.terminal import Terminal

WEATHER = "weather"

_COLUMNS = ("name", "kind", "count", "missing", "minimum", "maximum", "mean")
"""What fits a narrow terminal."""
_BRIEF_CSV = "planet,moons\nEarth,1\nMars,2\nJupiter,97\n"


@dataclass(frozen=True, slots=True)
class Sampled:
    """A function of a sample, and arguments for it.

    Attributes:
        brief: arguments that are short enough for a line to paste.
    """

    sample: str
    function: str
    arguments: dict[str, Any]
    brief: dict[str, Any]

    @property
    def path(self) -> str:
        """Where it is called."""
        return f"/api/v1/plugins/{self.sample}/functions/{self.function}"

    def curl(self, url: str, key: str) -> str:
        """Return the line that calls it."""
        return curl_line(url + self.path, key, {"arguments": self.brief})


def calls_of(built: Built, samples: Path, stand_in: StandIn | None) -> list[Sampled]:
    """Return the calls to make: those that ask a service only where there is a stand-in for it."""
    csv = min((samples / FIRST / "data").glob("*.csv")).read_text(encoding="utf-8")
    calls = [Sampled(FIRST, "analyze", {"csv": csv}, {"csv": _BRIEF_CSV})]
    if stand_in is not None:
        asking = [
            Sampled(WEATHER, "current", {"place": "Quito"}, {"place": "Berlin"}),
            Sampled(TRIAGE, "run", {}, {}),
        ]
        calls += [call for call in asking if built.has(call.sample)]
    return calls


async def answers(url: str, key: str, calls: list[Sampled]) -> dict[str, Any]:
    """Make the calls, and return what each answered by its sample.

    Raises:
        Failure: one failed.
    """
    found = {}
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        for call in calls:
            answer = await client.post(
                call.path,
                content=msgspec.json.encode({"arguments": call.arguments}),
                headers={"Authorization": f"Bearer {key}"},
            )
            found[call.sample] = answer.json()
            if answer.is_error:
                raise Failure(found[call.sample], found[call.sample].pop("usage", None))
    return found


def show(terminal: Terminal, answered: dict[str, Any]) -> None:
    """Show what the calls answered."""
    for sample, answer in answered.items():
        _SHOWN[sample](terminal, answer["result"])
        terminal.spent(answer["usage"])


def _show_columns(terminal: Terminal, report: dict[str, Any]) -> None:
    terminal.line(f"{FIRST} on the shipped CSV: {report['rows']} rows", "bold")
    terminal.table(
        [name.replace("-", " ") for name in _COLUMNS],
        [[_cell(column.get(name)) for name in _COLUMNS] for column in report["columns"]],
    )


def _show_weather(terminal: Terminal, now: dict[str, Any]) -> None:
    terminal.line(f"{WEATHER}, from a stand-in for the weather service", "bold")
    terminal.line(f"{now['place']['name']}: {now['temperature']:g} °C, {now['sky']}")


def _show_issues(terminal: Terminal, report: dict[str, Any]) -> None:
    terminal.line(
        f"{TRIAGE} on {report['repository']}, a stand-in for GitHub that demands a token; the host "
        "puts it in, and the plugin never sees it",
        "bold",
    )
    terminal.table(
        ["issue", "title", "labelled", "answered"],
        [
            [
                f"#{each['number']}",
                each["title"],
                ", ".join(each["labels"]),
                "yes" if each["commented"] else "no",
            ]
            for each in report["outcomes"]
        ],
    )


_SHOWN = {FIRST: _show_columns, WEATHER: _show_weather, TRIAGE: _show_issues}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
