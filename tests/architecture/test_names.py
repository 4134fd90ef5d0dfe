"""One noun everywhere: WIT interface, capability, SDK modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from wardian import errors
from wardian.api.problems import STATUS
from wardian.worlds import contract

ROOT = Path(__file__).parents[2]


def modules(directory: str, suffix: str, *, beside: set[str]) -> set[str]:
    """Names of the public modules in a folder, as the WIT writes them."""
    found = {path.stem for path in (ROOT / directory).glob(f"*{suffix}")}
    return {
        name.replace("_", "-")
        for name in found
        if not name.startswith("_") and name not in beside and not name.endswith(".d")
    }


INTERFACES = set(contract().imports)


def test_every_imported_interface_has_a_file_in_the_wit() -> None:
    exported = set(contract().exports)

    assert modules("wit/v1", ".wit", beside={"types", "world"}) == INTERFACES | exported


@pytest.mark.parametrize(
    ("directory", "suffix", "beside"),
    [
        ("host/wardian/capabilities", ".py", {"base", "entries", "guards", "refusals"}),
        ("sdk/python/wardian_sdk", ".py", {"enhancements", "observers", "questions"}),
        ("sdk/typescript/src", ".ts", {"index", "questions"}),
    ],
)
def test_interfaces_capabilities_and_sdk_modules_are_the_same_set(
    directory: str, suffix: str, beside: set[str]
) -> None:
    assert modules(directory, suffix, beside=beside) == INTERFACES


def error_classes() -> list[type[errors.WardianError]]:
    found: list[type[errors.WardianError]] = []
    unseen = [errors.WardianError]
    while unseen:
        kind = unseen.pop()
        if kind.__module__ == errors.__name__:
            found.append(kind)
            unseen += kind.__subclasses__()
    return found


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_docstring_a_status_and_a_line_in_the_documents(
    kind: type[errors.WardianError],
) -> None:
    page = (ROOT / "docs/reference/errors.md").read_text()

    assert "__doc__" in vars(kind)
    assert kind.title().endswith(".")
    assert kind in STATUS
    assert f"| `{kind.type}` |" in page


def test_the_tree_at_the_top_of_errors_names_every_class() -> None:
    assert errors.__doc__ is not None
    for kind in error_classes():
        assert kind.__name__ in errors.__doc__, kind


def test_error_types_are_unique_but_for_the_base_of_calls() -> None:
    kinds = [kind for kind in error_classes() if kind is not errors.CallError]

    assert len({kind.type for kind in kinds}) == len(kinds)
