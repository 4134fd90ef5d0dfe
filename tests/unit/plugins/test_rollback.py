"""Protection from going back: what a version is compared with, and what lets it pass."""

from __future__ import annotations

import pytest

from wardian.errors import Conflict, SignatureInvalid, WardianError
from wardian.plugins.rollback import Allowed, Sighting, check_publisher, check_version
from wardian.storage.rows import SeenRow


def seen(version: str, package: str = "a", publisher: str | None = "acme") -> SeenRow:
    return SeenRow(plugin_version=version, package_digest=package * 64, publisher=publisher)


def waived(before: SeenRow | None, new: SeenRow, **allowed: bool) -> list[str]:
    sighting = Sighting(row=new, allowed=Allowed(**allowed))
    return [
        *check_publisher("orders", before, sighting),
        *check_version("orders", before, sighting),
    ]


@pytest.mark.parametrize(
    ("before", "new"),
    [
        (None, seen("1.0.0")),
        (seen("1.0.0"), seen("1.0.1", "b")),
        (seen("1.9.0"), seen("1.10.0", "b")),
        (seen("1.0.0-rc.1"), seen("1.0.0", "b")),
        (seen("1.0.0"), seen("1.0.0")),
        (seen("1.0.0", publisher=None), seen("1.0.1", "b", None)),
        (seen("1.0.0", publisher=None), seen("1.0.1", "b", "acme")),
    ],
)
def test_what_is_new_or_the_same_passes(before: SeenRow | None, new: SeenRow) -> None:
    assert waived(before, new) == []


@pytest.mark.parametrize(
    ("before", "new", "error", "says"),
    [
        (seen("1.10.0"), seen("1.9.0", "b"), Conflict, "older than 1.10.0"),
        (seen("1.0.0"), seen("1.0.0-rc.1", "b"), Conflict, "older than 1.0.0"),
        (seen("1.0.0"), seen("1.0.0", "b"), Conflict, "b" * 64),
        (seen("1.0.0+a"), seen("1.0.0+b", "b"), Conflict, "one version is one package"),
        (seen("1.0.0", publisher=None), seen("1.0.0", "b", "acme"), Conflict, "one package"),
        (seen("1.0.0"), seen("1.0.1", "b", None), SignatureInvalid, "is not signed"),
        (seen("1.0.0"), seen("1.0.1", "b", "other"), SignatureInvalid, "signed by 'other'"),
    ],
)
def test_what_goes_back_is_refused_unless_that_is_allowed_by_name(
    before: SeenRow, new: SeenRow, error: type[WardianError], says: str
) -> None:
    with pytest.raises(error, match="allow it with --allow-"):
        waived(before, new)

    (noted,) = waived(before, new, older=True, other_publisher=True)
    assert says in noted


def test_the_number_of_an_unsigned_package_is_noted_and_not_believed() -> None:
    old, other = seen("1.0.0", "b", None), seen("2.0.0", "b", None)

    assert len(waived(seen("2.0.0", publisher=None), old)) == 1
    assert len(waived(seen("2.0.0", publisher=None), other)) == 1
