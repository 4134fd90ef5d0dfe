import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        (b'{"a":[{"b":1,"b":2}]}', "a[0].b"),
        (b'{"a":[[1,{"b":{"c":1}},{"b":{"c":1,"c":2}}]]}', "a[0][2].b.c"),
        (b'{"a":{"b":{"c":{"d":1,"d":2}}}}', "a.b.c.d"),
        (b'{"a":{"b":{"c":{"d" :1,"d"\t:2}}}}', "a.b.c.d"),
        (b'{"a":":b","c":["x:y",{"d":":"}]}', None),
        (b'{"a":"\\":","c":1}', None),
        (b'{"a":1,"b":{"a":1,"b":[{"a":2}]}}', None),
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


@pytest.mark.parametrize("names", [1, 10, 40_000])
def test_text_in_which_nothing_stands_twice_is_searched_a_few_times_and_not_parsed_again(
    names: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = {f"name-{number:06}": [number] for number in range(names)}
    text = Searched(json.dumps({"arguments": members}).encode())

    def never(given: bytes, **options: Any) -> Any:
        raise AssertionError("parsed again")

    monkeypatch.setattr(strict.json, "loads", never)
    Searched.searches = 0
    assert repeated_member(text, {"arguments": members}) is None
    assert Searched.searches == 5


@given(data=st.data())
def test_exactly_the_objects_with_a_repeated_name_are_found(data: st.DataObject) -> None:
    """Any document, and the same with one member of some object written again."""
    names = st.text('ab: \\"é', max_size=3)
    scalars = st.none() | st.integers(-9, 9) | names
    objects = st.recursive(
        st.dictionaries(names, scalars, max_size=3),
        lambda inner: st.dictionaries(names, inner | st.lists(inner, max_size=2), max_size=3),
        max_leaves=8,
    )
    document = data.draw(objects)
    separators = data.draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]))
    escaped = data.draw(st.booleans())
    text = json.dumps(document, ensure_ascii=escaped, separators=separators)
    assert repeated_member(text.encode(), document) is None

    places = [match.start() for match in re.finditer(r"\{(?=\s*\")", text)]
    place = data.draw(st.sampled_from([*places, None]))
    name = None if place is None else re.match(r'\{\s*("(?:[^"\\]|\\.)*")\s*:', text[place:])
    if place is None or name is None:
        return
    twice = f"{text[: place + 1]}{name[1]}:0,{text[place + 1 :]}".encode()
    if json.loads(twice) == document:
        assert repeated_member(twice, json.loads(twice)) is not None
