"""How a plugin does, in words: what checks found, and what its calls add up to."""

from __future__ import annotations

from typing import Any

from wardian.cli.text import moment


def vitals(view: dict[str, Any]) -> list[str]:
    """Say in lines how a plugin does."""
    checked = view["health"]
    lines = [f"health: {condition(checked)}", f"calls: {_calls(view['statistics'])}"]
    if checked["last_check"]:
        lines[0] += f" (checked {moment(checked['last_check'])})"
    return lines


def condition(checked: dict[str, Any]) -> str:
    """Say what a health check found."""
    said = ": ".join(part for part in (checked["status"], checked["detail"]) if part)
    failures = checked["failures"]
    return said if failures < 2 else f"{said} (check {failures} in a row that failed)"


def _calls(calls: dict[str, Any]) -> str:
    if not calls["total_requests"]:
        return "none yet"
    return (
        f"{calls['total_requests']:,}, {calls['error_count']:,} of them failed; "
        f"{calls['success_rate']:.1%} succeeded, {calls['avg_response_time'] * 1000:.2f} ms on "
        "average"
    )
