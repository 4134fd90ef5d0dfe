"""``make simulate``: play agents, and draw what came of it into ``docs/images/agents.svg``."""

from __future__ import annotations

from pathlib import Path

from simulation.plot import charts, svg

PLOT = Path(__file__).parents[2] / "docs" / "images" / "agents.svg"

if __name__ == "__main__":
    PLOT.write_text(svg(charts()), encoding="utf-8")
