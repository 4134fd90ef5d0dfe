"""Reviews: what is asked, what is granted of it, and what a new version changes."""

from __future__ import annotations

from typing import Any

import pytest

from wardian.plugins import Manifest
from wardian.plugins.demands import demands_of, widened
from wardian.policy.grants import Authority, Layer
from wardian.policy.levels import Level
from wardian.policy.permissions import parse_permission
from wardian.policy.reviews import Asked, Change, Demands, Reviewed, Status, review


def demands(*texts: str) -> Demands:
    return Demands(permissions=tuple(Asked(parse_permission(text), "Why.") for text in texts))


def authority(
    *granted: str, level: Level = Level.RESTRICTED, excluded: tuple[str, ...] = ()
) -> Authority:
    return Authority(
        granted=tuple(map(parse_permission, granted)),
        level=level,
        excluded=tuple(map(parse_permission, excluded)),
    )


def one(text: str, held: Authority) -> Reviewed:
    (item,) = review(demands(text), held)
    return item


def manifest(*permissions: str, **more: Any) -> Manifest:
    asked = [{"permission": text, "reason": "Why."} for text in permissions]
    return Manifest(name="p", version="1.0.0", permissions=asked, **more)


@pytest.mark.parametrize(
    ("text", "held", "status", "layer"),
    [
        ("kv:read", authority("kv:read"), Status.GRANTED, None),
        ("kv:read", authority("kv:write"), Status.NOT_GRANTED, Layer.GRANT),
        ("events:publish:a.b", authority("events:publish:a.*"), Status.GRANTED, None),
        ("events:publish:a.*", authority("events:publish:a.b"), Status.PARTLY, Layer.GRANT),
        ("kv:read", authority("kv:read", excluded=("kv:read",)), Status.NEVER, Layer.OPERATOR),
        (
            "credentials:reveal:x",
            authority("credentials:reveal:x", level=Level.STANDARD),
            Status.NEVER,
            Layer.LEVEL,
        ),
        (
            "credentials:reveal:x",
            authority("credentials:reveal:x", level=Level.TRUSTED),
            Status.GRANTED,
            None,
        ),
        (
            "http:request:GET:https://a.test/",
            authority(level=Level.ISOLATED),
            Status.NEVER,
            Layer.LEVEL,
        ),
    ],
)
def test_each_permission_says_what_became_of_it_and_which_layer_refuses(
    text: str, held: Authority, status: Status, layer: Layer | None
) -> None:
    item = one(text, held)

    assert (item.status, item.refused_by) == (status, layer)
    assert item.reason == "Why."


def test_what_is_granted_or_excluded_in_part_is_listed() -> None:
    held = authority(
        "events:publish:a.b",
        "events:publish:z.b",
        excluded=("events:publish:a.secret", "events:publish:*.c", "kv:read"),
    )

    item = one("events:publish:a.*", held)

    assert item.held == ("events:publish:a.b",)
    assert item.excluded == ("events:publish:a.secret", "events:publish:*.c")


@pytest.mark.parametrize(
    ("old", "new", "change", "instead_of"),
    [
        ("kv:read", "kv:read", Change.SAME, ""),
        ("kv:read", "kv:write", Change.NEW, ""),
        ("events:publish:a.b", "events:publish:a.*", Change.WIDENED, "events:publish:a.b"),
        ("events:publish:a.*", "events:publish:a.b", Change.NARROWED, "events:publish:a.*"),
        ("events:publish:a.*", "events:publish:*.b", Change.WIDENED, "events:publish:a.*"),
        ("events:publish:a.*", "events:publish:b.*", Change.NEW, ""),
    ],
)
def test_each_permission_says_how_it_differs_from_the_running_version(
    old: str, new: str, change: Change, instead_of: str
) -> None:
    first, *gone = review(demands(new), authority(), running=demands(old))

    assert (first.change, first.instead_of) == (change, instead_of)
    assert [item.permission for item in gone] == ([old] if change is Change.NEW else [])
    assert {item.change for item in gone} <= {Change.REMOVED}


def test_what_is_asked_no_longer_is_shown_last_with_what_is_granted_of_it() -> None:
    running = demands("kv:read", "kv:write")

    kept, gone = review(demands("kv:read"), authority("kv:write"), running=running)

    assert (kept.permission, kept.change) == ("kv:read", Change.SAME)
    assert (gone.permission, gone.change, gone.status) == (
        "kv:write",
        Change.REMOVED,
        Status.GRANTED,
    )


def test_without_a_running_version_everything_is_new() -> None:
    assert one("kv:read", authority()).change is Change.NEW


def test_an_upgrade_that_asks_for_no_more_is_not_wider() -> None:
    old = manifest("events:publish:a.*", "kv:read", sandbox_level="standard", required_scopes=["x"])
    new = manifest("events:publish:a.b", sandbox_level="restricted")

    assert widened(old, new) == ()


def test_an_upgrade_that_asks_for_more_says_each_thing_with_what_was_before() -> None:
    old = manifest("events:publish:a.b", oauth=[{"provider": "hub", "scopes": ["read"]}])
    new = manifest(
        "events:publish:a.*",
        "credentials:use:hub",
        sandbox_level="standard",
        required_scopes=["repo"],
        oauth=[{"provider": "hub", "scopes": ["read", "write"]}, {"provider": "other"}],
    )

    found = [(item.subject, item.wanted, item.before, item.risk) for item in widened(old, new)]

    assert found == [
        ("sandbox_level", "standard", "restricted", "medium"),
        ("permission", "events:publish:a.*", "events:publish:a.b", "medium"),
        ("permission", "credentials:use:hub", "", "high"),
        ("required_scope", "repo", "", "medium"),
        ("oauth_scope", "hub:write", "", "high"),
        ("oauth_scope", "other", "", "high"),
    ]
    assert [item.reason for item in widened(old, new)][1:3] == ["Why.", "Why."]
    assert all(item.text.startswith("It asks for") for item in widened(old, new))


@pytest.mark.parametrize("old", Level)
@pytest.mark.parametrize("new", Level)
def test_a_level_is_wider_exactly_if_it_is_less_strict(old: Level, new: Level) -> None:
    strictness = [Level.ISOLATED, Level.RESTRICTED, Level.STANDARD, Level.TRUSTED]
    found = widened(manifest(sandbox_level=old), manifest(sandbox_level=new))

    assert bool(found) is (strictness.index(new) > strictness.index(old))


def test_the_demands_of_a_manifest_name_providers_and_their_scopes() -> None:
    found = demands_of(manifest(oauth=[{"provider": "hub", "scopes": ["read"]}]))

    assert found.oauth_scopes == ("hub:read", "hub")
