import json
from typing import Any

import pytest

from wardian.api import strict
from wardian.api.strict import repeated_member


def found_in(text: bytes) -> str | None:
    return repeated_member(text, json.loads(text))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"{}", None),
        (b'{"a":1,"b":2}', None),
        (b'{"a":1,"a":1}', "a"),
        (b'{"":1,"":2}', ""),
        (b'{"a":{"b":1,"b":2}}', "a.b"),
        (b'{"a":{"b":1,"b":2},"c":1,"c":2}', "c"),
        (b'{"a":{"b":1},"a":{"b":1}}', "a"),
        (b'{"a":[{"b":1,"b":2}]}', None),
        (b'{"a":{"\\u0062":1,"b":2}}', "a.b"),
    ],
)
def test_the_first_name_that_stands_twice_is_found(text: bytes, path: str | None) -> None:
    assert found_in(text) == path


@pytest.mark.parametrize("place", ["here", "inside"])
@pytest.mark.parametrize("count", [3, 17, 1000])
def test_a_repetition_is_found_among_few_names_and_among_many(place: str, count: int) -> None:
    names = [f'"n{number}":0' for number in range(count)]
    for text, repeated in ((names, None), ([*names, '"n1":1'], "n1")):
        members = "{" + ",".join(text) + "}"
        if place == "here":
            assert found_in(members.encode()) == repeated
        else:
            inside = f"a.{repeated}" if repeated else None
            assert found_in(f'{{"a":{members}}}'.encode()) == inside


class Searched(bytes):
    """A text that counts how often it is searched."""

    searches = 0

    def count(self, *arguments: Any) -> int:
        Searched.searches += 1
        return super().count(*arguments)


@pytest.mark.parametrize("names", [10, 40_000])
def test_many_names_are_parsed_once_and_not_searched_for_each(
    names: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []
    loads = json.loads
    members = {f"name-{number:06}": number for number in range(names)}
    text = Searched(json.dumps({"arguments": members}).encode())

    def counted(given: bytes, **options: Any) -> Any:
        parsed.append(given)
        return loads(given, **options)

    monkeypatch.setattr(strict.json, "loads", counted)
    Searched.searches = 0
    assert repeated_member(text, {"arguments": members}) is None
    assert (len(parsed), Searched.searches) == ((1, 0) if names > 16 else (0, names + 1))
