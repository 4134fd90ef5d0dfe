"""Jobs from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import CommandLine
from guests import guest
from packages import package


@pytest.fixture
def misbehaving(remote: CommandLine, tmp_path: Path) -> str:
    path = tmp_path / "misbehaving.wardian"
    path.write_bytes(package("misbehaving", guest("misbehaving")))
    remote.json("install", path)
    return "misbehaving"


def test_a_call_is_made_a_job_waited_for_shown_streamed_and_cancelled(
    remote: CommandLine, misbehaving: str
) -> None:
    try:
        queued = remote.json("call", misbehaving, "fine", "--async", "--retry", 1)
        assert (queued["state"], queued["retry"]) == ("queued", 1)
        assert remote.json("jobs", "wait", queued["id"])["result"] == 42
        assert "42" in remote("jobs", "wait", queued["id"]).out
        shown = remote.json("jobs", "show", queued["id"])
        assert (shown["state"], shown["result"]) == ("succeeded", 42)
        assert "succeeded" in remote("jobs", "show", queued["id"]).out
        streamed = remote("jobs", "stream", queued["id"], "--json")
        events = [line.partition('"event":"')[2].partition('"')[0] for line in streamed.out.split()]
        assert (streamed.code, events[-1]) == (0, "result")

        failed = remote.json("call", misbehaving, "trap", "--async")["id"]
        assert remote.error("jobs", "wait", failed)["type"] == "trap"
        assert remote("jobs", "stream", failed).code == 1
        assert "trap" in remote("jobs", "list", "--state", "failed", "--plugin", misbehaving).out

        endless = remote.json("call", misbehaving, "spin", "--async")["id"]
        assert remote.error("jobs", "wait", endless, "--timeout", 0.1)["type"] == "unfinished"
        assert remote.json("jobs", "cancel", endless)["state"] == "cancelled"
        assert remote.error("jobs", "wait", endless)["type"] == "cancelled"

        page = remote.json("jobs", "list", "--limit", 2)
        assert [job["id"] for job in page["jobs"]] == [endless, failed]
        rest = remote.json("jobs", "list", "--before", page["next"])
        assert [job["id"] for job in rest["jobs"]] == [queued["id"]]
        assert remote.error("jobs", "cancel", queued["id"])["type"] == "conflict"
        assert remote.error("jobs", "show", "nothing")["type"] == "not-found"
    finally:
        remote.json("uninstall", misbehaving, "--yes")


def test_what_is_for_jobs_is_refused_without_async(remote: CommandLine) -> None:
    error = remote.error("call", "nothing", "at-all", "--retry", 1)
    assert (error["type"], "--async" in error["detail"]) == ("invalid-arguments", True)


def test_a_job_is_queued_for_people_with_what_to_do_next(
    remote: CommandLine, misbehaving: str
) -> None:
    try:
        done = remote("call", misbehaving, "fine", "--async")
        job = done.out.split()[-1].rstrip(".")
        assert (done.code, f"wardian jobs wait {job}" in done.err) == (0, True)
        assert remote("jobs", "wait", job).code == 0
    finally:
        remote.json("uninstall", misbehaving, "--yes")
