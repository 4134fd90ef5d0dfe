"""The grammar: what covers what, and what two patterns have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.errors import InvalidArguments
from wardian.policy.permissions import (
    Permission,
    noted,
    parse_permission,
    request_permission,
    tightest,
    widest,
)
from wardian.policy.urls import parse_url

TARGETS = st.text("ab.*", max_size=6)


def publish(target: str) -> Permission:
    return Permission("events:publish", target)


def http(target: str) -> Permission:
    return parse_permission(f"http:request:{target}")


@given(TARGETS, TARGETS, st.text("ab.", max_size=6))
def test_whatever_is_covered_covers_no_more_than_what_covers_it(
    wide: str, narrow: str, concrete: str
) -> None:
    if publish(wide).covers(publish(narrow)) and publish(narrow).covers(publish(concrete)):
        assert publish(wide).covers(publish(concrete))


@given(TARGETS, TARGETS, st.text("ab.", max_size=6))
def test_patterns_that_cover_one_thing_overlap(one: str, other: str, concrete: str) -> None:
    if all(publish(pattern).covers(publish(concrete)) for pattern in (one, other)):
        assert publish(one).overlaps(publish(other))


@given(TARGETS, TARGETS)
def test_patterns_overlap_only_if_there_is_something_that_both_cover(one: str, other: str) -> None:
    if publish(one).overlaps(publish(other)):
        first, second = ([part for part in text.split("*") if part] for text in (one, other))
        # Fixed text that both begin or end with, and between them all that either wants.
        heads = max((text.partition("*")[0] for text in (one, other)), key=len)
        tails = max((text.rpartition("*")[2] for text in (one, other)), key=len)
        witnesses = [one, other, heads + "".join((*first, *second)) + tails]
        assert any(
            publish(one).covers(publish(text)) and publish(other).covers(publish(text))
            for text in witnesses
            if "*" not in text
        )


@pytest.mark.parametrize(
    ("pattern", "address", "covered"),
    [
        ("GET:https://api.example.org/*", "GET:https://api.example.org/a/b?c=d", True),
        ("GET:https://api.example.org/*", "POST:https://api.example.org/a", False),
        ("GET:https://api.example.org/*", "GET:http://api.example.org/a", False),
        ("GET:https://api.example.org/*", "GET:https://api.example.org:8443/a", False),
        ("GET:https://api.example.org/*", "GET:https://api.example.org.evil.test/a", False),
        ("GET:https://*.example.org/*", "GET:https://a.b.example.org/x", True),
        ("GET:https://*.example.org/*", "GET:https://evil.test/x.example.org/", False),
        ("GET:https://*.example.org/*", "GET:https://evil.test?x=.example.org/", False),
        ("GET:https://*.example.org/*", "GET:https://*/x", False),
        ("*:https://*", "PUT:https://a.test:1/b?c", True),
        ("*:https://*", "GET:http://a.test/", False),
        ("*:https://*/status", "GET:https://a.test/status", True),
        ("*:https://*/status", "GET:https://a.test/other", False),
        ("GET:https://a.test/*/logo", "GET:https://a.test/x/logo", True),
        ("GET:https://a.test/*/logo", "GET:https://a.test/x?/logo", False),
        ("GET:https://a.test/x", "GET:https://a.test/x?y", False),
        ("GET:https://a.test/x", "GET:https://a.test/x?", False),
        ("GET:https://a.test/x?*", "GET:https://a.test/x?y=/z", True),
        ("GET:https://a.test/x?*", "GET:https://a.test/x", False),
        ("GET:https://a.test/x?y=*", "GET:https://a.test/x?y=1", True),
        ("GET:https://a.test/x?y=*", "GET:https://a.test/x?z&y=1", False),
        ("GET:https://a.test/*", "GET:https://a.test/x?y", True),
        ("GET:https://A.Test:443/%7ex/*", "GET:https://a.test/~x/y", True),
        ("GET:http://a.test:80/*", "GET:http://a.test/", True),
        ("GET:http://a.test:443/*", "GET:http://a.test/", False),
    ],
)
def test_a_wildcard_in_a_host_ends_where_the_host_ends(
    pattern: str, address: str, covered: bool
) -> None:
    assert http(pattern).covers(http(address)) is covered


@pytest.mark.parametrize(
    "target",
    ["GET:https://api.example.org*", "GET:https://api*.example.org/", "GET:https://a@b/", "GET:x"],
)
def test_a_host_that_is_neither_whole_nor_whole_labels_is_refused(target: str) -> None:
    with pytest.raises(InvalidArguments, match="its first labels"):
        http(target)


def test_the_tightest_is_the_one_that_all_others_cover() -> None:
    held = [publish(text) for text in ("*", "orders.*", "orders.new", "orders.*.x", "o*")]

    assert tightest(held, publish("orders.new")) == publish("orders.new")
    assert tightest(held, publish("orders.a.x")) == publish("orders.*.x")
    assert tightest(held, publish("orders.a")) == publish("orders.*")
    assert tightest(held[1:], publish("bills.a")) is None


@pytest.mark.parametrize(
    "text",
    ["kv:read", "events:publish:a.b", "http:request:GET:http://a.test/x", "plugins:call:a-b"],
)
def test_the_widest_covers_the_permission_and_is_one_itself(text: str) -> None:
    permission = parse_permission(text)

    assert widest(permission).covers(permission)
    assert parse_permission(str(widest(permission))) == widest(permission)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("https://a.test/x", "https://a.test/x"),
        ("https://a.test/x?token=1", "https://a.test/x?*"),
        ("https://a.test/x?", "https://a.test/x?*"),
        ("https://a.test/@scope/x", "https://a.test/*"),
        (f"https://a.test:8443/{'x' * 600}", "https://a.test:8443/*"),
        (f"https://a.test/x?{'y' * 600}", "https://a.test/x?*"),
    ],
)
def test_what_is_written_down_of_a_request_is_a_permission_that_covers_it(
    text: str, written: str
) -> None:
    wanted = request_permission("GET", parse_url(text))

    assert noted(wanted) == parse_permission(f"http:request:GET:{written}")
    assert noted(wanted).covers(wanted)


def test_what_is_written_down_of_anything_else_is_itself() -> None:
    assert noted(publish("orders.new")) == publish("orders.new")
    assert noted(Permission("kv:read")) == Permission("kv:read")
