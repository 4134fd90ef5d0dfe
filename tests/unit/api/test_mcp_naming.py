import re

import pytest

from wardian.api.mcp.naming import NAME_CHARS_MAX, plugin_of, tool_name

TAKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the strictest of clients takes."""


def test_a_function_has_the_name_that_people_would_give_it() -> None:
    assert tool_name("markdown", "to-html") == "markdown__to-html"


def test_a_nested_function_has_its_interface_and_a_digest_of_its_full_name() -> None:
    name = tool_name("calculator", "acme:calc/ops@1.0.0#add")

    assert re.fullmatch(r"calculator__ops__add_[0-9a-f]{12}", name)
    assert name == tool_name("calculator", "acme:calc/ops@1.0.0#add")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "x:y/ops@1.0.0#add"), ("a", "x:z/ops@1.0.0#add")),
        (("a", "x:y/ops@1.0.0#add"), ("a", "x:y/ops@2.0.0#add")),
        (("a", "ops-add"), ("a", "x:y/ops#add")),
        (("p" * 64, "add"), ("p" * 64, "sub")),
        (("p" * 64, "add"), ("p" * 63 + "q", "add")),
        (("a", "f" * 80), ("a", "f" * 81)),
        (("a", "f" * 80 + "x"), ("a", "f" * 80 + "y")),
        (("a-b", "c"), ("a", "b-c")),
    ],
)
def test_names_that_could_be_mistaken_for_each_other_are_different(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    names = [tool_name(*one), tool_name(*other)]

    assert names[0] != names[1]
    assert all(map(TAKEN.fullmatch, names))


@pytest.mark.parametrize(
    "function",
    ["", "#", "a b", "ünïcode", "x\u202ey", "a/b#c\n", "‮" * 500, "a" * 10_000, "a__b", "%2e%2e"],
)
def test_whatever_a_function_is_called_clients_take_the_name(function: str) -> None:
    name = tool_name("hostile", function)

    assert TAKEN.fullmatch(name)
    assert len(name) <= NAME_CHARS_MAX


def test_a_plain_name_is_never_one_with_a_digest() -> None:
    """Functions have no underscores in WIT, so none can be named like another's digest."""
    digest = tool_name("a", "x:y/ops#add")

    assert "_" in digest.removeprefix("a__")
    assert tool_name("a", digest.removeprefix("a__")) != digest


def test_a_name_tells_its_plugin_unless_it_was_cut_short() -> None:
    assert plugin_of(tool_name("calculator", "acme:calc/ops@1.0.0#add")) == "calculator"
    assert plugin_of(tool_name("p" * 64, "add")) is None
