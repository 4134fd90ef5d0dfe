"""``python -m corpus DIR …``: run every ``.wast`` file under some directories.

Each file runs in a process of its own, so that a fault of the runtime is a line of the report. With
``--workers`` each call is made through a worker process, too.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

FILE_SECONDS = 120
CRASHED = "crashed"
VERDICTS = ("passed", "failed", CRASHED, "refused", "skipped")

Found = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, show, and write what was asked for; 1 when anything failed or crashed."""
    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__)
    parser.add_argument("places", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--workers", action="store_true", help="call through workers as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every verdict")
    wanted = parser.parse_args(arguments)
    console = Console(stderr=True)
    files = sorted(file for place in wanted.places for file in _files(place))
    found = {
        str(file): run_file(file, workers=wanted.workers)
        for file in track(files, "Running", console=console, disable=not console.is_terminal)
    }
    _show(found, console)
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=2) + "\n")
    total = count(found.values())
    return 1 if not total["passed"] or total["failed"] or total[CRASHED] else 0


def run_file(file: Path, *, workers: bool) -> list[Found]:
    """Execute one file in a process of its own; return what became of each command."""
    command = [sys.executable, "-X", "faulthandler", "-m", "corpus.script", str(file.resolve())]
    if workers:
        command.append("--workers")
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=FILE_SECONDS,
            check=False,
            cwd=Path(__file__).parent.parent,
        )
    except subprocess.TimeoutExpired:
        return [_crash(f"it did not end within {FILE_SECONDS} s")]
    verdicts: list[Found] = [json.loads(line) for line in ran.stdout.splitlines()]
    if ran.returncode < 0:
        verdicts.append(_crash(f"the process ended by {signal.Signals(-ran.returncode).name}"))
    elif ran.returncode:
        verdicts.append(_crash(ran.stderr.strip().splitlines()[-1][:300]))
    return verdicts


def count(files: Iterable[list[Found]]) -> Counter[str]:
    """Count the verdicts of several files."""
    return Counter(each["verdict"] for verdicts in files for each in verdicts)


def _files(place: Path) -> list[Path]:
    return sorted(place.rglob("*.wast")) if place.is_dir() else [place]


def _crash(reason: str) -> Found:
    return {"line": 0, "command": "file", "verdict": CRASHED, "reason": reason}


def _show(found: dict[str, list[Found]], console: Console) -> None:
    table = Table("file", *VERDICTS, title="Component tests")
    for file, verdicts in found.items():
        counted = count([verdicts])
        table.add_row(file, *(f"{counted[verdict] or ''}" for verdict in VERDICTS))
    total = count(found.values())
    table.add_section()
    table.add_row(f"{len(found)} files", *(f"{total[verdict]}" for verdict in VERDICTS))
    console.print(table)
    for file, verdicts in found.items():
        for each in verdicts:
            if each["verdict"] in ("failed", CRASHED):
                place = f"{file}:{each['line']}"
                console.print(f"{place}: {each['command']}: {each['reason']}", markup=False)


if __name__ == "__main__":
    raise SystemExit(main())
