"""What the host does around the functions of plugins: shown, and what is kept emptied."""

from __future__ import annotations

from typing import Any

from wardian.cli.client import connect, plugin_path
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import size


@command
def show(name: Name, json: Json = False) -> None:
    """Show what the host does around a plugin's functions, and how that goes."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.get(plugin_path(name, "/enhancements"))
    terminal.answer(view, lambda: _show(terminal, view))


@command
def empty(name: Name, json: Json = False) -> None:
    """Keep none of the plugin's answers any longer on the host that is asked."""
    terminal = Terminal(json=json)
    with connect() as client:
        done = client.post(plugin_path(name, "/enhancements/empty-cache"))
    terminal.answer(done, lambda: terminal.line(f"{done['removed']:,} answers were removed."))


def _show(terminal: Terminal, view: dict[str, Any]) -> None:
    if not view["functions"]:
        terminal.line(f"The manifest of {view['plugin']} asks for nothing around its functions.")
        return
    rows = [
        [chain["function"] if number == 0 else "", layer["kind"], layer["does"]]
        for chain in view["functions"]
        for number, layer in enumerate(chain["layers"])
    ]
    terminal.table(["function", "from the outside in", "what"], rows)
    kept = view["cache"]
    if not view["cache_is_on"]:
        terminal.line("This host keeps no answers: WARDIAN_CACHE_BYTES_MAX is 0.")
    terminal.line(
        f"kept: {kept['answers']:,} answers, {size(kept['bytes'])}; "
        f"{kept['hits']:,} calls found one, {kept['misses']:,} did not"
    )
    for chain in view["functions"]:
        if chain["figures"] is not None:
            terminal.line(f"{chain['function']}: {_figures(chain['figures'])}")


def _figures(found: dict[str, Any]) -> str:
    if not found["calls"]:
        return "no call yet"
    ended = ", ".join(f"{count:,} {outcome}" for outcome, count in found["outcomes"].items())
    p50, p95, p99 = (f"{found[f'{name}_seconds']:.3f} s" for name in ("p50", "p95", "p99"))
    return (
        f"{found['calls']:,} calls ({ended}), {found['cached']:,} of them kept answers, "
        f"{found['attempts']:,} attempts, {found['slow']:,} slow; p50 {p50}, p95 {p95}, p99 {p99}"
    )
