"""Whatever is written down for auditors is told to subscribers, and stands in the catalogue."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import wardian
from wardian.events.catalogue import ONLY_AUDITED, SYSTEM_EVENTS, topic_of
from wardian.events.topics import RESERVED, check_topic
from wardian.plugins import PluginState
from wardian.runtime.jobs import JobState
from wardian.runtime.transition import _NOTED

HOST = Path(wardian.__file__).parent

NOTES = {
    "note": "plugin.",
    "note_trust": "trust.",
    "note_vault": "",
    "note_access": "",
    "note_schedule": "schedule.",
    "note_quota": "quota.",
    "note_function": "function.",
    "note_stored": "plugin.",
    "note_endpoint": "endpoint.",
    "note_denied": "",
    "note_job": "job.",
    "note_agent_state": "agent.",
    "note_trial": "agent.",
    "note_budget": "budget.",
}
"""The methods of a change that write something down, and what they put before its name."""

COMPUTED = {
    "to.value": [state.value for state in PluginState if state is not PluginState.INSTALLED],
    "_NOTED[target.change]": list(_NOTED.values()),
    "f'{row.kind}-failed'": ["upgrade-failed", "rollback-failed"],
    "f'key-{state}'": ["key-retired", "key-revoked"],
    "REFUSED": ["webhooks-refused"],
    "what": [
        "row-data-set",
        "row-data-removed",
        "events-requeued",
        "events-discarded",
        "oauth-scopes-changed",
        "oauth-broken",
        "schedule-paused",
        "schedule-resumed",
    ],
    "state.value": [state.value for state in JobState if state.has_ended],
    "f'events-{what}'": ["events-requeued", "events-discarded"],
    "whose.action": ["permission.denied", "api.denied"],
    "kind": ["slow", "failed"],
    "topic": [
        "key.changed",
        "key.created",
        "key.expiring",
        "key.revoked",
        "key.rotated",
    ],
}
"""What an expression that is no literal can be; see where it is written."""

JOURNALS_OWN = {"event.dropped", "config.changed", "config.file-refused", "plugin.configured"}
"""What a method of the journal itself is for."""


def names_in(expression: ast.expr) -> list[str]:
    if isinstance(expression, ast.Constant):
        return [str(expression.value)]
    if isinstance(expression, ast.IfExp):
        return names_in(expression.body) + names_in(expression.orelse)
    return COMPUTED[ast.unparse(expression)]


def trees() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(HOST.rglob("*.py")):
        yield str(path.relative_to(HOST)), ast.parse(path.read_text())


def noted() -> set[str]:
    """Every action that some line of the host writes down."""
    found = set(JOURNALS_OWN)
    for name, tree in trees():
        if name == "runtime/journal.py":
            continue
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr in NOTES and ast.unparse(call.func.value) in (
                "change",
                "self._change",
            ):
                before = NOTES[call.func.attr]
                found |= {before + what for what in names_in(call.args[0])}
    return found


def test_each_change_that_is_written_down_has_a_row_in_the_catalogue() -> None:
    actions = noted()

    missing = {action for action in actions if topic_of(action) not in SYSTEM_EVENTS}
    assert not missing, "give these a row in wardian/events/catalogue.py, then `make docs`"
    assert set(SYSTEM_EVENTS) == {topic_of(action) for action in actions}


def test_what_is_said_of_trust_is_listed_in_words() -> None:
    when = SYSTEM_EVENTS["trust.changed"].when
    for action in noted():
        if action.startswith("trust."):
            assert f"`{action.removeprefix('trust.')}`" in when


def test_only_the_journal_writes_the_audit_trail_of_what_changes() -> None:
    elsewhere = []
    for name, tree in trees():
        for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
            if ast.unparse(call.func) == "AuditRow" and not name.startswith("storage/"):
                (action,) = (each.value for each in call.keywords if each.arg == "action")
                elsewhere.append((name, ast.unparse(action)))

    actions = [f"'{action}'" for action in ONLY_AUDITED]
    assert sorted(elsewhere) == [
        ("runtime/journal.py", "action"),
        *(("vault/revealing.py", action) for action in actions),
    ]


def test_nobody_but_the_host_can_say_what_is_in_the_catalogue() -> None:
    for topic in SYSTEM_EVENTS:
        check_topic(topic)
    first_words = {topic.partition(".")[0] for topic in SYSTEM_EVENTS}
    assert set(RESERVED) - {"host"} == first_words
