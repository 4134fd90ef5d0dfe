"""What operators watch."""

from wardian.telemetry.lines import Follower, Line, Lines, WantedLines
from wardian.telemetry.metrics import Telemetry
from wardian.telemetry.watched import WorkerCounts

__all__ = ["Follower", "Line", "Lines", "Telemetry", "WantedLines", "WorkerCounts"]
