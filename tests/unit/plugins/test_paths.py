"""Paths with parameters."""

from __future__ import annotations

import pytest

from wardian.plugins.paths import best_match, parse_path


def choose(path: str, *templates: str) -> tuple[str, dict[str, str]] | None:
    found = best_match(path, [(parse_path(each), each) for each in templates])
    return None if found is None else (found[0], dict(found[1]))


@pytest.mark.parametrize(
    ("template", "path", "found"),
    [
        ("/", "/", {}),
        ("/a", "/a", {}),
        ("/a", "/a/", None),
        ("/a/", "/a", None),
        ("/a", "/A", None),
        ("/{x}", "/a", {"x": "a"}),
        ("/{x}", "/", None),
        ("/{x}/b", "/a/b", {"x": "a"}),
        ("/{x}/b", "//b", None),
        ("/{order-id}/items/{item}", "/7/items/é ü", {"order-id": "7", "item": "é ü"}),
        ("/{x}", "/a/b", None),
    ],
)
def test_a_parameter_is_one_whole_segment(
    template: str, path: str, found: dict[str, str] | None
) -> None:
    if template.endswith("/") and template != "/":
        with pytest.raises(ValueError, match="segment"):
            parse_path(template)
        return
    assert choose(path, template) == (None if found is None else (template, found))


def test_text_goes_before_parameters_from_the_left() -> None:
    templates = ("/{x}/{y}", "/{x}/b", "/a/{y}", "/a/b")

    assert choose("/a/b", *templates) == ("/a/b", {})
    assert choose("/a/c", *templates) == ("/a/{y}", {"y": "c"})
    assert choose("/c/b", *templates) == ("/{x}/b", {"x": "c"})
    assert choose("/c/d", *templates) == ("/{x}/{y}", {"x": "c", "y": "d"})
    assert choose("/c", *templates) is None


@pytest.mark.parametrize(
    "text",
    [
        "/a//b",
        "/a/",
        "/..",
        "/a/./b",
        "/{x}/{x}",
        "/{x",
        "/x}",
        "/a{x}",
        "/{X}",
        "/{}",
        "/a b",
        "/%2e",
    ],
)
def test_what_is_no_such_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"segment|twice"):
        parse_path(text)
