"""``make bench``: measure Wardian beside its peers, in one run.

    make bench                          every row, in a few minutes
    make bench ROWS=warm                the rows whose names contain «warm»
    make bench QUICK=1                  a short run, to see that everything works
    make bench CHART=1                  write the chart and the figures of docs/benchmarks.md anew
    BENCH_JSON=found.json make bench    write the rows as JSON, too

Without make, from the repository's root:

    PYTHONPATH=tests .venv/bin/python -m benchmarks [ROWS …] [--quick] [--chart] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import (
    accounting,
    agents,
    chains,
    client_calls,
    crossings,
    events,
    memory,
    neighbours,
    outgoing,
    over_http,
    page,
    pressure,
    reloading,
    startup,
    table,
    tools,
    upgrades,
    watching,
    workers,
)
from benchmarks.bench import Bench, Measurement, Skipped
from benchmarks.figures import Figure, Row
from benchmarks.measuring import FULL, QUICK

MEASUREMENTS: tuple[Measurement, ...] = (
    *crossings.MEASUREMENTS,
    *workers.MEASUREMENTS,
    *pressure.MEASUREMENTS,
    *over_http.MEASUREMENTS,
    *tools.MEASUREMENTS,
    *client_calls.MEASUREMENTS,
    *outgoing.MEASUREMENTS,
    *memory.MEASUREMENTS,
    *startup.MEASUREMENTS,
    *reloading.MEASUREMENTS,
    *upgrades.MEASUREMENTS,
    *chains.MEASUREMENTS,
    *events.MEASUREMENTS,
    *neighbours.MEASUREMENTS,
    *accounting.MEASUREMENTS,
    *watching.MEASUREMENTS,
    *agents.MEASUREMENTS,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show, and write what was asked for; 1 when a measurement failed."""
    parser = _parser()
    wanted = parser.parse_args(arguments)
    if wanted.chart and (wanted.rows or wanted.quick):
        parser.error("--chart takes a run of everything")
    console = Console(stderr=True)
    bench = Bench(QUICK if wanted.quick else FULL)
    started = time.monotonic()
    failures: list[str] = []
    figures = list(_measured(bench, wanted.rows, console, failures))
    table.show(Console(width=None if sys.stdout.isatty() else 150), figures)
    console.print(f"{len(figures)} rows in {time.monotonic() - started:.0f} s", style="dim")
    if wanted.json:
        document = [figure.document() for figure in figures]
        wanted.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    if wanted.chart and not failures:
        page.write(figures)
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure Wardian.")
    parser.add_argument("rows", nargs="*", help="parts of the names of the rows to measure")
    parser.add_argument("--quick", action="store_true", help="a short run")
    parser.add_argument("--chart", action="store_true", help="write the figures in the docs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    return parser


def _measured(
    bench: Bench, wanted: Sequence[str], console: Console, failures: list[str]
) -> Iterator[Figure]:
    """Run each measurement that has a wanted row; one that fails does not end the others."""
    for measurement in MEASUREMENTS:
        rows = [row for row in measurement.rows if _is_wanted(row, wanted)]
        if not rows:
            continue
        with console.status(rows[0].name):
            try:
                for figure in measurement.run(bench):
                    if figure.row not in measurement.rows:
                        raise ValueError(f"{figure.row.name} is not among its measurement's rows")
                    if figure.row in rows:
                        yield figure
            except Skipped as reason:
                console.print(f"{rows[0].name}: skipped. {reason}", style="yellow")
            except Exception:  # noqa: BLE001 -- the other rows are still worth having
                failures.append(rows[0].name)
                console.print(f"{rows[0].name}: failed", style="red")
                console.print_exception()


def _is_wanted(row: Row, wanted: Sequence[str]) -> bool:
    return not wanted or any(text.casefold() in row.name.casefold() for text in wanted)


if __name__ == "__main__":
    sys.exit(main())
