"""A server that is killed in the middle of its work, and what it was billed for after that."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx

from commands import announced, serve_process
from guests import guest
from packages import KEY, package

CALLERS = 4
CALLS_BEFORE = (40, 1_000)
"""After so many answers it is killed: before the first fold, and while there are some."""

FUNCTION = "/api/v1/plugins/calculator/functions/divide"
HEADERS = {"Authorization": f"Bearer {KEY}"}


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers=HEADERS, trust_env=False, timeout=30)


class Callers:
    """Who call as fast as they are answered, until nobody answers any more."""

    def __init__(self, url: str) -> None:
        self.asked = 0
        self.answered = 0
        self._url = url
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, answers: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.answered >= answers, timeout=60)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        with client(self._url) as connected:
            while True:
                with self._changed:
                    self.asked += 1
                try:
                    answer = connected.post(FUNCTION, json={"arguments": {"a": 6, "b": 3}})
                except httpx.TransportError:
                    return
                assert answer.json()["result"] == 2
                with self._changed:
                    self.answered += 1
                    self._changed.notify_all()


def accounted(url: str) -> set[int]:
    """Return how many calls each account has."""
    with client(url) as connected:
        view: Any = connected.get("/api/v1/analytics").json()
        quotas = connected.get("/api/v1/quotas").json()["quotas"]
        plugin = connected.get("/api/v1/plugins/calculator").json()
    used = next(each["used"] for each in quotas if each["quota"] == "calls")
    hours = sum(point["totals"]["calls"] for point in view["series"])
    return {view["totals"]["calls"], hours, used, plugin["statistics"]["total_requests"]}


def test_a_server_killed_again_and_again_loses_no_call_that_it_answered(tmp_path: Path) -> None:
    # Nobody reads the lines of each request, and a pipe that is full stops who writes to it.
    quiet = ("--log-level", "warning")
    arguments = ("--json", *quiet, "--port", 0, "--data-dir", tmp_path / "state")
    with serve_process(*arguments, WARDIAN_BOOTSTRAP_KEY=KEY) as process:
        url = announced(process)["url"]
        with client(url) as connected:
            content = package("calculator", guest("calculator"))
            kind = {"Content-Type": "application/zip"}
            made = connected.post("/api/v1/plugins", content=content, headers=kind)
            assert made.status_code == 201, made.text
        asked, answered = calls_until_killed(url, process, CALLS_BEFORE[0])
    for calls in CALLS_BEFORE[1:]:
        with serve_process(*arguments) as process:
            more = calls_until_killed(announced(process)["url"], process, calls)
            asked, answered = asked + more[0], answered + more[1]

    with serve_process(*arguments) as process:
        (calls,) = accounted(announced(process)["url"])
    assert answered <= calls <= asked
    assert answered >= sum(CALLS_BEFORE)


def calls_until_killed(url: str, process: Any, answers: int) -> tuple[int, int]:
    """Return how many calls were asked for, and how many of them answered."""
    callers = Callers(url)
    callers.wait_for(answers)
    process.kill()
    process.wait()
    callers.join()
    return callers.asked, callers.answered
