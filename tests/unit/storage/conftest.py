"""Databases whose schema is made by every migration in turn, as a new host makes it."""

from __future__ import annotations

import pytest

from wardian.storage import database as opening
from wardian.storage.schema import bring_up_to_date


@pytest.fixture(autouse=True)
def migrated_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "bring_up_to_date", bring_up_to_date)
