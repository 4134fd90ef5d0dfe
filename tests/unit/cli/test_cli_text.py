import json

import pytest

from wardian.cli.text import as_json, size, visible, visible_lines

HOSTILE = "a\x1b[2Jb\u202ec\x9bd\u200be\ufeff\nf\tg\U000e0041\u2028"


def test_escape_sequences_become_text() -> None:
    shown = visible(HOSTILE)
    assert shown.isprintable()
    assert shown.startswith(r"a\x1b[2Jb\u202ec\x9bd")


def test_plain_text_of_any_language_stays() -> None:
    assert visible("naïve 植物 🌱 [bold]x[/bold]") == "naïve 植物 🌱 [bold]x[/bold]"


def test_line_breaks_stay_where_lines_are_meant() -> None:
    assert visible_lines("a\nb\x07") == "a\nb\\x07"


@pytest.mark.parametrize("indent", [0, 2])
def test_json_is_the_same_value_in_printing_characters_only(indent: int) -> None:
    value = {HOSTILE: [HOSTILE, 1, 2.5, None, {"x": []}]}
    shown = as_json(value, indent=indent)
    assert shown.replace("\n", "").isprintable()
    assert json.loads(shown) == value


def test_json_keeps_the_order_of_members() -> None:
    assert as_json({"b": 1, "a": 2}) == '{"b":1,"a":2}'


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 KiB"),
        (2**20, "1.0 MiB"),
        (2**34, "16.0 GiB"),
    ],
)
def test_sizes_are_said_in_units(count: int, said: str) -> None:
    assert size(count) == said
