"""The benchmarks run and say what they promise; how fast anything is, no test asserts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import chart, page
from benchmarks.__main__ import MEASUREMENTS, main
from benchmarks.crossings import HOST_TEXT, WARM
from benchmarks.figures import Figure, Row, at_least, at_most
from benchmarks.measuring import QUICK, compare


def bench(*arguments: object) -> subprocess.CompletedProcess[str]:
    # In a process of its own: Extism brings a second runtime that wants the same signals.
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_writes_every_row_that_was_asked_for(tmp_path: Path) -> None:
    found = tmp_path / "found.json"

    done = bench("warm call", "worker adds", "--quick", "--json", found)

    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(found.read_text())}
    assert list(rows) == [
        "warm call",
        "warm call over the raw C call",
        "what a worker adds to a call, p50",
    ]
    for row in rows.values():
        assert list(row) == ["name", "ours", "unit", "peer", "ratio"]
        assert row["name"] in done.stdout
    warm, over_floor, added = rows.values()
    assert warm["ratio"] == warm["ours"] / warm["peer"]["Extism"]
    assert over_floor["ratio"] == over_floor["ours"] / over_floor["peer"]["raw C call"]
    assert (added["peer"], added["ratio"]) == ({}, None)


def test_the_documents_are_not_written_from_a_part_of_a_run() -> None:
    for part in ("warm", "--quick"):
        with pytest.raises(SystemExit):
            main(["--chart", part])


def test_no_two_rows_have_the_same_name() -> None:
    names = [row.name for measurement in MEASUREMENTS for row in measurement.rows]
    assert len(names) == len(set(names))


def test_contestants_take_turns_with_another_one_first_each_time() -> None:
    turns: list[str] = []

    compare({name: partial(turns.append, name) for name in "abc"}, QUICK)

    changes = "".join(name for name, last in zip(turns, ["", *turns], strict=False) if name != last)
    assert changes.startswith("abc" + "abc" + "bca" + "cab")


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("lower", "µs", "peer", at_most(0.5)), True),
        (Row("too high", "µs", "peer", at_most(0.4)), False),
        (Row("a rate", "1/s", "peer", at_least(0.5)), True),
        (Row("too low a rate", "1/s", "peer", at_least(0.6)), False),
        (Row("by itself", "µs", goal=at_most(1, absolute=True)), True),
        (Row("too high by itself", "µs", "peer", at_most(0.9, absolute=True)), False),
        (Row("without a goal", "µs", "peer"), None),
        (Row("without its peer", "µs", "another", at_most(1)), None),
    ],
)
def test_a_goal_is_met_or_not(row: Row, met: bool | None) -> None:
    assert Figure(row, 1.0, {"peer": 2.0}).met is met


def test_the_chart_draws_ours_and_every_peer() -> None:
    peers = {"Extism": 13.0, "plain API": 12.0, "raw C call": 1.5}
    figures = [Figure(WARM, 2.2, peers), Figure(HOST_TEXT, 3.0, {"plain API": 14.0})]

    drawn = ElementTree.fromstring(chart.svg(figures))

    titles = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == 4 + 2
    assert "Wardian: 2.2 µs" in titles
    assert chart.svg(figures) == chart.svg(figures)


def test_the_page_has_the_place_that_the_figures_go_to() -> None:
    assert page.with_figures(page.PAGE.read_text(), []).count("| what | ours |") == 1
