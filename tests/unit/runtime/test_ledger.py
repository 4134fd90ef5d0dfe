"""The ledger: records of calls in files, and what they add up to in memory."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from accounts import finished, series
from wardian.errors import TryLater
from wardian.runtime.accounting import Ledger, segments
from wardian.runtime.accounting.records import (
    CALL_BYTES,
    RECORD_BYTES_MAX,
    call_record,
    names_record,
    read_records,
)
from wardian.runtime.accounting.segments import segment_path, segments_in
from wardian.runtime.accounting.sums import OTHERS, Names


@pytest.fixture(params=["mapped", "written"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two ways into a file, whatever file system the tests run on."""
    system = "ext4" if request.param == "mapped" else "btrfs"
    monkeypatch.setattr(segments, "_file_system", lambda file: system)
    return str(request.param)


def ledger(folder: Path, **bounds: int) -> Ledger:
    return Ledger(folder / "ledger", functions_max=200, **bounds)


def add(made: Ledger, number: int = 1, **names: str) -> None:
    for _ in range(number):
        made.begin()
        made.finish(series(**names), finished())


def content(made: Ledger) -> list[bytes]:
    return [segment_path(made.folder, each).read_bytes() for each in segments_in(made.folder)]


def test_a_record_is_read_as_it_was_written() -> None:
    names = series(function="acme:calc/ops@1.0.0#add", outcome="out-of-fuel")
    call = finished(fuel=2**62, sent=3, received=2**40, flags=0)

    (read,) = read_records(names_record(4, names) + call_record(4, call) + bytes(64))

    assert (read.series, read.call) == (names, call)


def test_a_record_that_was_not_written_whole_ends_a_segment_wherever_it_was_cut() -> None:
    whole = names_record(0, series()) + call_record(0, finished())
    torn = call_record(0, finished(received=2**62))

    for length in range(len(torn)):
        found = list(read_records(whole + torn[:length] + bytes(200)))
        assert [each.end for each in found] == [len(whole)], length


def test_no_bit_of_a_record_can_change_unseen() -> None:
    names, call = names_record(0, series()), call_record(0, finished())
    for bit in range(8 * len(call)):
        spoilt = bytearray(call)
        spoilt[bit // 8] ^= 1 << bit % 8
        assert list(read_records(names + bytes(spoilt) + bytes(200))) == []


def test_a_call_is_in_its_file_when_finish_returns(tmp_path: Path, way: str) -> None:
    made = ledger(tmp_path)
    for number in range(3):
        add(made)
        (data,) = content(made)
        assert len(list(read_records(data))) == number + 1


def test_names_are_written_once_a_segment_and_each_segment_has_its_own(
    tmp_path: Path, way: str
) -> None:
    room = RECORD_BYTES_MAX + 2 * CALL_BYTES
    made = ledger(tmp_path, segment_bytes=room)
    add(made, 100)

    found = content(made)
    assert len(found) > 1
    assert [each.series for data in found for each in read_records(data)] == [series()] * 100


def test_calls_that_run_have_room_for_their_records_whatever_comes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    made = ledger(tmp_path, segment_bytes=4 * RECORD_BYTES_MAX)
    running = 4
    fill_up(monkeypatch, after=1)
    for _ in range(running):
        made.begin()
    with pytest.raises(TryLater, match="cannot write down what calls use"):
        made.begin()

    for number in range(running):
        names = {"tenant": "t" * 64, "plugin": "p" * 64, "version": "v" * 64}
        function = f"{number}" + "\N{OLD PERSIAN SIGN A}" * 199
        made.finish(series("i" * 36, function=function, **names), finished())

    (data,) = content(made)
    assert len(list(read_records(data))) == running


def test_a_disk_without_room_refuses_calls_before_they_begin_and_takes_them_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ledger(tmp_path)
    fill_up(monkeypatch, after=0)
    with pytest.raises(TryLater, match="No space left on device") as refused:
        made.begin()
    assert refused.value.retry_after_seconds > 0
    assert content(made) == []

    monkeypatch.undo()
    add(made)
    assert len(content(made)) == 1


def test_a_record_that_cannot_be_written_still_counts_and_the_next_goes_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_file_system", lambda file: None)
    made = ledger(tmp_path)
    made.begin()

    def fails(*arguments: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(segments.os, "pwrite", fails)
    made.finish(series(), finished())
    monkeypatch.undo()
    add(made)

    count = made.plugin("default", "p1")
    assert count is not None
    assert count.requests == 2
    assert len(content(made)) == 2


def test_what_a_segment_has_no_room_for_is_an_error_and_spoils_nothing_in_it(
    tmp_path: Path, way: str
) -> None:
    segment = segments.Segment(tmp_path, 1, 100)
    segment.write(b"a" * 60)
    for _ in range(2):
        with pytest.raises(OSError, match="full"):
            segment.write(b"b" * 60)
    segment.write(b"c" * 40)
    segment.close()

    assert segment_path(tmp_path, 1).read_bytes() == b"a" * 60 + b"c" * 40


@pytest.mark.parametrize("system", ["btrfs", "zfs", "nfs4", "overlay", "fuse", None])
def test_only_a_file_that_keeps_its_room_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str | None
) -> None:
    monkeypatch.setattr(segments, "_file_system", lambda file: system)
    segment = segments.Segment(tmp_path, 1)
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    segment.close()


def test_no_process_that_is_forked_off_has_the_ledger_s_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_file_system", lambda file: "ext4")
    segment = segments.Segment(tmp_path, 1)
    maps = Path("/proc/self/smaps").read_text()
    segment.close()

    _, _, ours = maps.partition(str(segment_path(tmp_path, 1)))
    flags = next(line for line in ours.splitlines() if line.startswith("VmFlags:"))
    assert "dc" in flags.split()  # proc_pid_smaps(5): do not copy the area on fork


def test_all_of_a_mapped_segment_is_there_from_its_beginning(tmp_path: Path, way: str) -> None:
    segment = segments.Segment(tmp_path, 1)
    found = segment_path(tmp_path, 1).stat()
    segment.close()

    assert found.st_size == segment.size
    assert found.st_blocks * 512 >= segment.size


def test_a_ledger_whose_database_takes_nothing_grows_to_a_bound(tmp_path: Path) -> None:
    made = ledger(tmp_path, segment_bytes=RECORD_BYTES_MAX, segments_max=3)
    with pytest.raises(TryLater, match="3 segments wait for the database"):
        add(made, 1_000)

    assert len(content(made)) == 3


def test_a_later_process_goes_on_behind_the_segments_of_the_one_before(tmp_path: Path) -> None:
    for _ in range(3):
        add(ledger(tmp_path))

    numbers = segments_in(tmp_path / "ledger")
    assert len(numbers) == len(set(numbers)) == 3


def test_a_tenant_with_ten_thousand_functions_has_as_many_sums_as_may_be() -> None:
    names = Names(200)
    keys = {
        names.key(series(plugin=f"p{number % 500}", function=f"f{number}"), 1)
        for number in range(10_000)
    }

    assert len(keys) <= 200 + 200 + 1
    assert OTHERS in {key.function for key in keys}
    assert names.key(series(plugin="p7", function="f7"), 1).function == "f7"
    assert names.key(series(tenant="other", function="f"), 1).function == "f"
    assert names.key(series(function="of-tomorrow"), 2).function == "of-tomorrow"


def fill_up(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Let so many files be made, and then have the disk be full."""
    allocate = os.posix_fallocate
    made: list[int] = []

    def limited(*arguments: int) -> None:
        if len(made) >= after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        made.append(1)
        allocate(*arguments)

    monkeypatch.setattr(segments.os, "posix_fallocate", limited)
