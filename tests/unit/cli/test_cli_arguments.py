import io
from pathlib import Path

import pytest

from wardian.cli.arguments import json_object, pairs
from wardian.errors import InvalidArguments


def test_arguments_are_a_json_object() -> None:
    assert json_object('{"a": [1, "ä"]}', "--args") == {"a": [1, "ä"]}


def test_arguments_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "arguments.json"
    path.write_text('{"from": "file"}')
    assert json_object(f"@{path}", "--args") == {"from": "file"}


def test_arguments_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"from": "stdin"}')))
    assert json_object("-", "--args") == {"from": "stdin"}


@pytest.mark.parametrize("text", ["", "[]", "{", "3", '{"a": NaN}', "@/does/not/exist", "\udcff"])
def test_other_arguments_are_refused_by_the_option_s_name(text: str) -> None:
    with pytest.raises(InvalidArguments, match="--args"):
        json_object(text, "--args")


def test_pairs_are_json_where_they_can_be_and_text_otherwise() -> None:
    assert pairs(["a=1", "b=true", "c=plain words", 'd="1"', "e=x=y", "f="], "--limit") == {
        "a": 1,
        "b": True,
        "c": "plain words",
        "d": "1",
        "e": "x=y",
        "f": "",
    }


@pytest.mark.parametrize("item", ["", "a", "=1"])
def test_what_is_no_pair_is_refused(item: str) -> None:
    with pytest.raises(InvalidArguments, match="NAME=VALUE"):
        pairs([item], "--limit")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a":1,"a":2}', "a"),
        ('{"a":1,"\\u0061":2}', "a"),
        ('{"a":{"b":1,"b":2}}', "a.b"),
        ('{"n":18446744073709551616}', "n"),
        ('{"n":-9223372036854775809}', "n"),
        ('{"a":[1,{"n":[18446744073709551616]}]}', "a[1].n[0]"),
    ],
)
def test_a_repeated_name_or_too_long_an_integer_is_refused_with_its_path(
    text: str, path: str
) -> None:
    with pytest.raises(InvalidArguments, match="--args") as caught:
        json_object(text, "--args")
    assert caught.value.path == path


def test_integers_of_64_bits_keep_every_digit() -> None:
    text = '{"a":18446744073709551615,"b":-9223372036854775808}'
    assert json_object(text, "--args") == {"a": 2**64 - 1, "b": -(2**63)}


def test_a_pair_s_integer_has_at_most_64_bits_too() -> None:
    with pytest.raises(InvalidArguments) as caught:
        pairs(["fuel=18446744073709551616"], "--limit")
    assert caught.value.path == "fuel"
