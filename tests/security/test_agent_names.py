"""Agents with names and versions as long as a manifest lets them be: all that is known of them, and
of whoever asks them, is written down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hosts import WASM, fake_host
from packages import package
from wardian.plugins.agents import AGENT_ASK
from wardian.storage.agents import MeasureRepository

pytestmark = pytest.mark.anyio

VERSION = "1.0.0-" + "a" * 122
CAPABILITY = "b" * 180
OFFERED = f"{CAPABILITY}@1.0.0-{'c' * 13}"
NAME = "d" * 64


async def _answer(arguments: Mapping[str, Any], answer: Any) -> Any:
    return {"output": "1", "units": 1, "confidence": None, "cacheable": False}


@pytest.mark.usefixtures("on_both_databases")
async def test_what_an_agent_of_long_names_does_is_written_down(tmp_path: Path) -> None:
    manifest = f'category = "ai_agent"\ncapabilities = ["{OFFERED}", "short@1.0.0-{"c" * 188}"]'
    async with fake_host(tmp_path, {AGENT_ASK: _answer}) as made:
        agents = made.host.agents
        await made.host.install(package(NAME, WASM, manifest, VERSION))
        answers = [await agents.ask(each, 1, subject="e" * 300) for each in (CAPABILITY, "short")]
        for each in answers:
            await agents.feedback.give("default", each.id, score=1.0, by="f" * 300)
        await agents.registry.sync()
        asks = [await agents.asked("default", each.id) for each in answers]
        async with made.parts.database.reading() as connection:
            measures = await MeasureRepository(connection, "default").all()
        used = (await made.host.analytics.query()).totals.calls

    assert {(each.subject, each.version) for each in asks} == {("e" * 200, VERSION)}
    assert [[said.by for said in each.feedback] for each in asks] == [["f" * 200]] * 2
    assert {(each.version, each.asked) for each in measures} == {(VERSION, 1)}
    assert used == 2
