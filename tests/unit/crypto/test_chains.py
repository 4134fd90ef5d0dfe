"""The hash chain of the audit trail."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from wardian.crypto.chains import BEGINNING, Head, Verification, hash_of, parse_head
from wardian.errors import InvalidArguments


def chain(length: int, **more: Any) -> list[dict[str, Any]]:
    entries, previous = [], BEGINNING
    for sequence in range(1, length + 1):
        entry = {"sequence": sequence, "previous": previous, "action": f"a{sequence}", **more}
        previous = hash_of(entry)
        entries.append({**entry, "hash": previous})
    return entries


def faults(entries: list[dict[str, Any]], known: Head | None = None) -> list[tuple[int, str]]:
    verification = Verification(known)
    for entry in entries:
        verification.add(entry)
    report = verification.report()
    assert report.sound == (not report.faults)
    return [(fault.sequence, fault.what) for fault in report.faults]


def head(entry: dict[str, Any]) -> Head:
    return Head(sequence=entry["sequence"], hash=entry["hash"])


def test_the_hash_is_what_anybody_computes_from_the_exported_fields() -> None:
    (entry,) = chain(1, detail={"b": [1, "ü"], "a": None})

    text = json.dumps(
        {name: value for name, value in entry.items() if name != "hash"},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    assert entry["hash"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_chain_as_it_was_written_is_sound() -> None:
    entries = chain(5)

    assert faults(entries) == []
    assert faults(entries, head(entries[2])) == []
    assert faults(entries, head(entries[4])) == []
    assert faults([]) == []


def test_a_chain_whose_oldest_entries_were_let_go_begins_later() -> None:
    verification = Verification()
    for entry in chain(5)[2:]:
        verification.add(entry)

    report = verification.report()
    assert (report.sound, report.first, report.entries) == (True, 3, 3)


@pytest.mark.parametrize("name", ["action", "previous", "hash", "sequence"])
def test_a_field_that_was_changed_shows(name: str) -> None:
    entries = chain(5)
    entries[2][name] = 7 if name == "sequence" else "0" * 64

    assert faults(entries)


def test_a_field_that_was_added_or_removed_shows() -> None:
    entries = chain(3)
    del entries[1]["action"]
    assert faults(entries) == [(2, "It was changed: its hash is another one.")]

    entries = chain(3)
    entries[1]["more"] = 1
    assert faults(entries) == [(2, "It was changed: its hash is another one.")]


def test_an_entry_that_was_taken_out_put_in_or_moved_shows() -> None:
    entries = chain(5)

    assert faults([*entries[:2], *entries[3:]])
    assert faults([*entries[:2], entries[1], *entries[2:]])
    assert faults([entries[1], entries[0], *entries[2:]])


def test_a_changed_entry_with_its_hash_computed_anew_shows_at_the_next() -> None:
    entries = chain(5)
    entries[2]["action"] = "forged"
    entries[2]["hash"] = hash_of(entries[2])

    assert [sequence for sequence, _ in faults(entries)] == [4]


def test_a_whole_chain_computed_anew_or_cut_off_shows_beside_a_known_head() -> None:
    entries, forged = chain(5), chain(5, forged=True)

    assert faults(forged) == []
    assert faults(forged, head(entries[4])) == [
        (5, "It is not the entry whose hash is known."),
    ]
    assert faults(entries[:3], head(entries[4])) == [
        (5, "The known entry, or more of its like, were cut off."),
    ]
    assert faults([], head(entries[4]))


def test_what_is_no_entry_is_a_fault_and_nothing_worse() -> None:
    verification = Verification()
    verification.add({})
    verification.add({"sequence": "1", "hash": 3})
    verification.broken("It is no entry.")

    assert len(verification.report().faults) == 3


def test_a_thousand_faults_are_not_all_told() -> None:
    verification = Verification()
    for _ in range(1_000):
        verification.add({})

    assert 0 < len(verification.report().faults) <= 20


def test_a_head_is_read_as_it_is_written() -> None:
    found = head(chain(3)[2])
    assert parse_head(str(found)) == found

    for text in ("", "3", "3:", "x:" + "0" * 64, "3:" + "0" * 63, "3:" + "-" * 64):
        with pytest.raises(InvalidArguments):
            parse_head(text)
