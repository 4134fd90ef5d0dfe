"""What `wardian validate` says of a manifest that is valid, and perhaps not what was meant."""

from __future__ import annotations

import pytest

from wardian.cli.authoring.manifest import Checked
from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.manifest import parse_manifest

HEAD = 'name = "reader"\nversion = "1.0.0"\n'
IS_AGENT = 'category = "ai_agent"\n'


@pytest.mark.parametrize(
    ("more", "functions", "why"),
    [
        (IS_AGENT, [], "does not export"),
        ("", [AGENT_ASK], "Choose that category"),
        (IS_AGENT, [AGENT_ASK], "lists none"),
        ("[agent]\npriority = 9\n", [], "[agent] says nothing"),
    ],
    ids=["no-export", "no-category", "no-capability", "no-agent"],
)
def test_half_an_agent_is_warned_of(more: str, functions: list[str], why: str) -> None:
    source = (HEAD + more).encode()
    checked = Checked(manifest=parse_manifest(source), source=source)

    [warning] = checked.remarks([], functions)
    assert why in warning.message
    assert warning.line == (3 if IS_AGENT in more else None)
    assert checked.remarks([]) == []
