"""Decorators and observers of the Python SDK, over real bindings and without any."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from unit.sdk.conftest import Sdk
from wardian.cli.authoring import Language, sdk_directory

PLAIN = """
from wardian_sdk import PluginObserver, cached, monitored, observes, rate_limited, retried, timeout


class Things:
    @monitored
    @rate_limited(requests_per_minute=100)
    @cached(ttl=300)
    @retried(attempts=3)
    @timeout(seconds=2)
    def double(self, number: int) -> int:
        return 2 * number


class Watcher(PluginObserver):
    seen = []

    def on_user_created(self, event):
        self.seen.append(event)

    @observes("order.*")
    def orders(self, event):
        raise LookupError("as it is, in a test")


class Event:
    topic = "user.created"


assert Things().double(4) == 8
assert set(Things.double.__wardian_enhancements__) == {
    "monitor", "rate_limit", "cache", "retry", "timeout"
}
Watcher().handle(Event)
assert Watcher.seen == [Event]
Event.topic = "order.line.added"
try:
    Watcher().handle(Event)
except LookupError:
    print("as in any Python")
"""


def test_they_work_in_plain_python_without_a_build() -> None:
    found = subprocess.run(
        [sys.executable, "-c", PLAIN],
        env={"PYTHONPATH": str(sdk_directory(Language.PYTHON))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.stdout, found.stderr) == ("as in any Python\n", "")


def event(topic: str) -> Any:
    return SimpleNamespace(topic=topic)


def observer(sdk: Sdk, **methods: Any) -> Any:
    base = sdk("observers").PluginObserver
    return type("Watcher", (base,), methods)()


def test_every_method_that_observes_a_topic_is_called_in_order(sdk: Sdk) -> None:
    observes = sdk("observers").observes
    seen: list[str] = []

    def saying(name: str) -> Any:
        return lambda self, event: seen.append(name)

    watcher = observer(
        sdk,
        on_order_paid=saying("by name"),
        all_orders=observes("order.*")(saying("by pattern")),
        on_user_created=observes("user.added", "user.removed")(saying("said")),
        helper=saying("never"),
    )
    for topic in ("order.paid", "order.line.added", "user.created", "user.removed", "else.where"):
        watcher.handle(event(topic))

    assert seen == ["by name", "by pattern", "by pattern", "said"]


@pytest.mark.parametrize("name", ["on_order_line_added", "on_user", "on_", "on_User_Created"])
def test_a_name_that_does_not_mean_one_topic_is_refused(sdk: Sdk, name: str) -> None:
    with pytest.raises(ValueError, match="does not mean one topic"):
        observer(sdk, **{name: lambda self, event: None})


def test_an_observer_s_own_answer_is_left_as_it_is(sdk: Sdk) -> None:
    err = sdk("componentize_py_types").Err

    def rejects(self: Any, event: Any) -> None:
        raise err("never")

    with pytest.raises(err) as caught:
        observer(sdk, on_user_created=rejects).handle(event("user.created"))
    assert caught.value.value == "never"


def test_observes_needs_a_topic(sdk: Sdk) -> None:
    with pytest.raises(ValueError, match="takes the topics"):
        sdk("observers").observes()
