"""Suggestions: never too little, never more than there is, and as little as can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.policy.grants import Layer
from wardian.policy.permissions import Permission, parse_permission
from wardian.policy.suggestions import FOLD_ABOVE, Suggestion, Use, suggest

START = datetime(2026, 1, 1, tzinfo=UTC)


def used(text: str, refused_by: Layer | None = None, uses: int = 1, hour: int = 0) -> Use:
    at = START + timedelta(hours=hour)
    return Use(
        permission=parse_permission(text),
        refused_by=refused_by,
        uses=uses,
        first_at=START,
        last_at=at,
    )


def permissions(*texts: str) -> list[Permission]:
    return list(map(parse_permission, texts))


def suggested(
    uses: list[Use], granted: list[str], asked: list[str] | None = None, *, denied: bool = False
) -> Suggestion:
    wanted = permissions(*(granted if asked is None else asked))
    return suggest(uses, permissions(*granted), wanted, include_denied=denied)


def difference(suggestion: Suggestion) -> list[str]:
    return [f"{line.mark} {line.permission}" for line in suggestion.lines]


WORDS = ["a", "ab", "b", "a.b", "a.c", "b.a", "b.a.c", "c1", "c2", "c3", "c4", "c5", "c6", "c7"]
PATTERNS = ["*", "a*", "a.*", "*.c", "b.*.c", "b*", "c*", "c1", "a.b"]
TOPICS = [f"events:publish:{text}" for text in WORDS]
ADDRESSES = [
    f"http:request:{method}:https://{host}.example.org{path}"
    for method in ("GET", "PUT")
    for host in ("one", "two")
    for path in ("", "/", "/x/1", "/x/2", "/x/3", "/x/4", "/x/5", "/x/6", "/y?z=1")
]
CONCRETE = [*TOPICS, *ADDRESSES, "kv:read", "kv:write", "credentials:use:a", "credentials:use:b"]
HELD = [
    *(f"events:publish:{text}" for text in PATTERNS),
    "http:request:*:https://*",
    "http:request:GET:https://*.example.org/*",
    "http:request:GET:https://one.example.org/x/*",
    "http:request:PUT:https://two.example.org/x/1",
    "kv:read",
    "credentials:use:*",
    "credentials:use:a",
    "events:subscribe:*",
]
USES = st.lists(
    st.builds(
        used,
        st.sampled_from([*CONCRETE, *HELD]),
        st.sampled_from([None, *Layer]),
        st.integers(1, 9),
    ),
    max_size=25,
)
HELD_SETS = st.lists(st.sampled_from(HELD), unique=True, max_size=6)


def covered(permission: Permission, held: list[Permission]) -> bool:
    return any(each.covers(permission) for each in held)


@given(USES, HELD_SETS, HELD_SETS, st.booleans())
def test_a_suggestion_covers_every_allowed_use_and_is_never_wider_than_what_there_is(
    uses: list[Use], granted_texts: list[str], asked_texts: list[str], include_denied: bool
) -> None:
    asked = permissions(*asked_texts)
    granted = [each for each in permissions(*granted_texts) if covered(each, asked)]

    found = suggest(uses, granted, asked, include_denied=include_denied)

    chosen = permissions(*found.granted)
    for each in chosen:
        assert covered(each, asked)
        assert include_denied or covered(each, granted)
    for use in uses:
        decided = use.refused_by in (None, Layer.GRANT) and covered(use.permission, asked)
        if decided and (include_denied or covered(use.permission, granted)):
            assert covered(use.permission, chosen)


@given(USES, HELD_SETS)
def test_what_is_suggested_is_needed_and_stays_when_it_is_suggested_again(
    uses: list[Use], held: list[str]
) -> None:
    first = suggested(uses, held)
    chosen = permissions(*first.granted)
    second = suggest(uses, chosen, permissions(*held))

    assert second.granted == first.granted
    for each in chosen if first.seen else []:
        assert each.action == "events:subscribe" or any(each.covers(use.permission) for use in uses)
        assert not covered(each, [other for other in chosen if other != each])


def test_what_was_not_used_goes_and_what_was_used_is_named() -> None:
    uses = [used("events:publish:orders.new", uses=7, hour=5), used("kv:read", uses=2)]

    found = suggested(uses, ["events:publish:orders.*", "kv:read", "kv:write"])

    assert difference(found) == [
        "- events:publish:orders.*",
        "+ events:publish:orders.new",
        "= kv:read",
        "- kv:write",
    ]
    old, new, _, unused = found.lines
    assert (new.uses, new.last_at, new.why) == (7, START + timedelta(hours=5), "narrower")
    assert (old.uses, old.why) == (7, "wider than what was used")
    assert (unused.uses, unused.last_at, unused.why) == (0, None, "never used")
    assert found.seen == 9


def test_many_targets_become_one_pattern_of_whole_words() -> None:
    topics = [f"orders.c{n}" for n in range(FOLD_ABOVE + 1)]

    few = suggested([used(f"events:publish:{each}") for each in topics[1:]], ["events:publish:*"])
    many = suggested([used(f"events:publish:{each}") for each in topics], ["events:publish:*"])

    assert list(few.granted) == [f"events:publish:{each}" for each in topics[1:]]
    assert many.granted == ("events:publish:orders.*",)


@pytest.mark.parametrize(
    ("targets", "granted", "expected"),
    [
        ([f"orders.c{n}" for n in range(9)], "orders.c*", "orders.c*"),
        ([f"item{n}" for n in range(9)], "*", "item*"),
        ([f"a{n}.b.done" for n in range(9)], "*.done", "a*.done"),
        ([f"a.{n}.m.z" for n in range(9)], "a.*.m.*", "a.*.m.*"),
    ],
)
def test_a_pattern_is_never_wider_than_the_grant_above_it(
    targets: list[str], granted: str, expected: str
) -> None:
    uses = [used(f"events:publish:{each}") for each in targets]

    assert suggested(uses, [f"events:publish:{granted}"]).granted == (f"events:publish:{expected}",)


def test_addresses_are_folded_within_one_method_and_host() -> None:
    targets = [
        f"{method}:https://{host}/repos/{n}"
        for method in ("GET", "POST")
        for host in ("a.test", "b.test")
        for n in range(FOLD_ABOVE + 1)
    ]

    found = suggested(
        [used(f"http:request:{each}") for each in targets], ["http:request:*:https://*"]
    )

    assert found.granted == tuple(
        f"http:request:{method}:https://{host}/repos/*"
        for method in ("GET", "POST")
        for host in ("a.test", "b.test")
    )


def test_a_pattern_of_critical_risk_is_not_made() -> None:
    names = [f"credentials:use:key{n}" for n in range(20)]

    found = suggested([used(name) for name in names], ["credentials:use:*"])

    assert list(found.granted) == sorted(names)


def test_targets_that_were_not_kept_apart_keep_the_grant_that_allowed_them() -> None:
    uses = [used("events:publish:orders.new"), used("events:publish:orders.*", uses=500)]

    found = suggested(uses, ["events:publish:orders.*", "events:publish:bills.*"])

    assert found.granted == ("events:publish:orders.*",)


def test_what_was_denied_is_listed_apart_and_covered_on_request() -> None:
    uses = [
        used("kv:read"),
        used("kv:write", Layer.GRANT, uses=3),
        used("events:publish:x", Layer.MANIFEST),
        used("credentials:reveal:y", Layer.LEVEL),
    ]
    asked = ["kv:read", "kv:write", "credentials:reveal:y"]

    without = suggested(uses, ["kv:read"], asked)
    with_denied = suggested(uses, ["kv:read"], asked, denied=True)

    assert without.granted == ("kv:read",)
    assert [(each.permission, each.uses) for each in without.denied] == [("kv:write", 3)]
    assert with_denied.granted == ("kv:read", "kv:write")
    assert with_denied.denied == ()
    assert [line.why for line in with_denied.lines] == ["used", "was denied"]


def test_what_was_revoked_since_counts_as_denied_and_what_was_granted_since_as_used() -> None:
    uses = [used("kv:read"), used("kv:write", Layer.GRANT)]

    found = suggested(uses, ["kv:write"], ["kv:read", "kv:write"])

    assert found.granted == ("kv:write",)
    assert [each.permission for each in found.denied] == ["kv:read"]


def test_with_nothing_seen_nothing_is_suggested() -> None:
    found = suggested([], ["kv:read", "events:publish:*"])

    assert found.seen == 0
    assert difference(found) == ["= events:publish:*", "= kv:read"]
    assert found.granted == ("kv:read", "events:publish:*")


def test_what_no_host_call_tells_of_is_kept() -> None:
    found = suggested([used("kv:read")], ["kv:read", "events:subscribe:orders.*"])

    assert difference(found) == ["= events:subscribe:orders.*", "= kv:read"]
