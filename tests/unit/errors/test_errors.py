"""What errors say of themselves."""

from __future__ import annotations

from wardian.errors import GuestError, MemoryExceeded, Trap


def test_an_error_of_a_plugin_shows_its_payload_and_keeps_its_message() -> None:
    error = GuestError("The function answered with an error of its own.", payload={"tag": "full"})

    assert str(error) == "The function answered with an error of its own: {'tag': 'full'}"
    assert error.message == "The function answered with an error of its own."


def test_a_long_payload_is_shortened() -> None:
    shown = str(GuestError(payload="x" * 10_000))

    assert len(shown) < 400
    assert shown.endswith("x…")


def test_a_limit_is_a_detail_where_it_is_known() -> None:
    assert MemoryExceeded(limit="table_elements").details() == {"limit": "table_elements"}
    assert Trap().details() == {}
