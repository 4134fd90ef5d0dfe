"""The trial that tests of trials are about."""

from __future__ import annotations

from datetime import UTC, datetime

from wardian.storage.agent_trials import TrialRow

ROW = TrialRow(
    id="t",
    plugin_id="p",
    active_version="1.0.0",
    active_package="a",
    other_version="2.0.0",
    other_package="b",
    share=0.5,
    confidence=0.95,
    ends=False,
    since=datetime(2026, 1, 1, tzinfo=UTC),
    by="ada",
)
