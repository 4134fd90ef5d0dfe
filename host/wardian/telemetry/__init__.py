"""What operators watch."""

from wardian.telemetry.metrics import Telemetry, WorkerCounts

__all__ = ["Telemetry", "WorkerCounts"]
