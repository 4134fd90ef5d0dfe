"""Dependencies as decisions over values: what may be installed, enabled, upgraded, taken away."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases import active, disabled, release
from wardian.errors import Conflict
from wardian.plugins import Manifest, PluginState
from wardian.plugins.dependencies import (
    Plan,
    check_all_on,
    check_upgrade,
    dependents,
    needing,
    resolve,
    to_enable,
)
from wardian.plugins.releases import Release, release_of
from wardian.plugins.resolution import Choices, TooMuchWork, Unresolved, search


def names(releases: Sequence[Release]) -> list[str]:
    return [str(each) for each in releases]


def refusal(decide: Callable[..., object], *arguments: object, **options: object) -> str:
    with pytest.raises(Conflict) as caught:
        decide(*arguments, **options)
    return caught.value.message


def test_what_is_needed_comes_before_what_needs_it() -> None:
    plan = resolve(
        [
            release("shop 1.0.0", orders="^1", billing="^2"),
            release("orders 1.3.0", billing=">=2.0, <3"),
            release("billing 2.1.0", ledger="*"),
        ],
        [active("ledger 0.1.0"), active("unrelated 1.0.0", missing="^1")],
    )

    assert names(plan.wanted) == ["billing 2.1.0", "orders 1.3.0", "shop 1.0.0"]
    assert names(plan.needed) == ["ledger 0.1.0"]
    assert plan.left_out == ()


def test_the_newest_version_that_everybody_takes_is_chosen() -> None:
    plan = resolve(
        [
            release("billing 2.0.0"),
            release("billing 1.4.0"),
            release("billing 1.10.0"),
            release("orders 1.0.0", billing="^1"),
        ],
        [],
    )

    assert names(plan.wanted) == ["billing 1.10.0", "orders 1.0.0"]
    assert names(plan.left_out) == ["billing 2.0.0", "billing 1.4.0"]


def test_an_older_version_is_chosen_where_the_newest_needs_what_is_not_there() -> None:
    plan = resolve(
        [
            release("orders 2.0.0", billing="^2"),
            release("orders 1.0.0", billing="^1"),
            release("billing 2.0.0", nowhere="*"),
            release("billing 1.0.0"),
        ],
        [],
    )

    assert names(plan.wanted) == ["billing 1.0.0", "orders 1.0.0"]


def test_what_is_missing_is_named_with_the_chain_to_it() -> None:
    told = refusal(
        resolve,
        [release("orders 1.0.0", billing="^2"), release("billing 2.0.0", ledger="^1")],
        [],
    )

    assert "billing 2.0.0 → ledger ^1: no plugin named ledger is installed or offered" in told
    through = refusal(
        resolve, [release("orders 1.0.0", billing="^2")], [active("billing 2.0.0", ledger="^1")]
    )
    assert through.startswith("orders 1.0.0 → billing ^2 → ledger ^1: no plugin named ledger is")


def test_a_version_that_others_hold_where_it_is_is_told_with_who_holds_it() -> None:
    told = refusal(
        resolve,
        [release("orders 1.0.0", billing="^2")],
        [active("billing 1.4.0"), active("reports 3.1.0", billing="^1")],
    )

    assert told.startswith(
        "orders 1.0.0 needs billing ^2, but billing 1.4.0 is installed, "
        "which reports 3.1.0 needs at ^1."
    )


def test_a_version_out_of_range_far_away_is_told_with_the_chain() -> None:
    told = refusal(
        resolve,
        [release("orders 1.0.0", billing="^2")],
        [active("billing 2.0.0", ledger="^1"), active("ledger 3.0.0")],
    )

    assert "billing 2.0.0 needs ledger ^1, but ledger 3.0.0 is installed" in told
    assert "(orders 1.0.0 → billing ^2 → ledger ^1)" in told


def test_two_offered_plugins_that_need_different_versions_are_both_named() -> None:
    told = refusal(
        resolve,
        [
            release("orders 1.0.0", billing="^1"),
            release("reports 1.0.0", billing="^2"),
            release("billing 1.0.0"),
            release("billing 2.0.0"),
        ],
        [],
    )

    assert "orders 1.0.0 needs billing ^1" in told
    assert "reports 1.0.0 needs billing ^2" in told
    assert "billing 2.0.0, billing 1.0.0" in told


def test_a_circle_is_refused_and_shown() -> None:
    told = refusal(
        resolve,
        [release("a 1.0.0", b="*"), release("b 1.0.0", c="^1"), release("c 1.0.0", a="*")],
        [],
    )

    assert "a → b → c → a" in told


def test_a_plugin_that_needs_itself_is_refused() -> None:
    assert "a 1.0.0 needs itself" in refusal(resolve, [release("a 1.0.0", a="^1")], [])


def test_the_same_version_twice_is_refused() -> None:
    twice = [release("a 1.0.0"), release("a 1.0.0")]

    assert "a 1.0.0 is given twice" in refusal(resolve, twice, [])


def test_a_pre_release_is_taken_by_no_range_but_the_open_one() -> None:
    there = [active("billing 2.0.0-rc.1")]

    assert "needs billing ^2" in refusal(resolve, [release("a 1.0.0", billing="^2")], there)
    assert resolve([release("a 1.0.0", billing="*")], there).wanted


def test_a_long_chain_is_shown_without_its_middle() -> None:
    there = [active(f"p{index} 1.0.0", **{f"p{index + 1}": "*"}) for index in range(50)]

    told = refusal(resolve, [release("top 1.0.0", p0="*")], there)

    assert told.startswith("top 1.0.0 → p0 * → p1 * → p2 * → … 44 more … → p47 * → p48 * → p49 *")


def test_only_enabled_plugins_have_a_say_in_the_version_of_another() -> None:
    new = Manifest(name="billing", version="2.0.0")

    told = refusal(
        check_upgrade,
        "billing",
        "2.0.0",
        new,
        [active("billing 1.4.0"), active("reports 3.1.0", billing="^1")],
    )
    assert told.startswith(
        "billing 2.0.0 is not what enabled plugins take: reports 3.1.0 → billing ^1. Disable them"
    )

    check_upgrade(
        "billing", "2.0.0", new, [active("billing 1.4.0"), disabled("reports 3.1.0", billing="^1")]
    )


def test_plugins_that_together_take_no_version_are_all_named() -> None:
    told = refusal(
        resolve,
        [release("billing 1.0.0"), release("billing 2.0.0")],
        [active("a 1.0.0", billing="^1"), active("b 1.0.0", billing="^2")],
    )

    assert "a 1.0.0 → billing ^1; b 1.0.0 → billing ^2" in told


def test_an_upgrade_needs_what_its_new_version_needs() -> None:
    new = Manifest(name="billing", version="2.0.0", dependencies={"ledger": "^1"})

    def check(*others: Release) -> None:
        check_upgrade("billing", "2.0.0", new, [*others])

    assert "billing 2.0.0 → ledger ^1: no plugin" in refusal(check, active("billing 1.0.0"))
    asleep = refusal(check, active("billing 1.0.0"), disabled("ledger 1.0.0"))
    assert asleep.startswith("billing 2.0.0 → ledger ^1: ledger 1.0.0 is disabled.")
    check(disabled("billing 1.0.0"), disabled("ledger 1.0.0"))
    check(active("billing 1.0.0"), active("ledger 1.0.0"))


def test_an_upgrade_that_would_close_a_circle_is_refused() -> None:
    new = Manifest(name="billing", version="2.0.0", dependencies={"orders": "*"})

    told = refusal(
        check_upgrade,
        "billing",
        "2.0.0",
        new,
        [active("billing 1.0.0"), active("orders 1.0.0", billing="*")],
    )

    assert "billing → orders → billing" in told


def test_both_sides_of_a_range_may_change_together() -> None:
    there = [active("billing 1.0.0"), active("orders 1.0.0", billing="^1")]
    new = [release("billing 2.0.0"), release("orders 2.0.0", billing="^2")]

    assert names(resolve(new, there).wanted) == ["billing 2.0.0", "orders 2.0.0"]


def test_a_plugin_is_enabled_after_all_that_it_needs_or_not_at_all() -> None:
    there = [
        disabled("orders 1.0.0", billing="^2"),
        disabled("billing 2.0.0", ledger="^1"),
        disabled("ledger 1.0.0"),
    ]

    told = refusal(to_enable, "orders", there, cascade=False)
    assert told.startswith("orders 1.0.0 → billing ^2 → ledger ^1: ledger 1.0.0 is disabled.")
    assert "So is billing 2.0.0." in told
    assert "wardian enable orders --with-dependencies" in told
    assert names(to_enable("orders", there, cascade=True)) == [
        "ledger 1.0.0",
        "billing 2.0.0",
        "orders 1.0.0",
    ]


def test_a_quarantined_plugin_is_not_enabled_on_the_way() -> None:
    there = [
        disabled("orders 1.0.0", billing="^2"),
        release("billing 2.0.0", PluginState.QUARANTINED),
    ]

    told = refusal(to_enable, "orders", there, cascade=True)

    assert told.startswith("orders 1.0.0 → billing ^2: billing 2.0.0 is quarantined.")
    assert told.endswith("then disable and enable it.")


def test_plugins_that_need_another_are_told_with_their_ranges_on_or_off() -> None:
    there = [active("a 1.0.0", x="^1"), disabled("b 1.0.0", x="^2"), active("c 1.0.0", a="*")]

    assert [(each.release.name, str(each.accepts)) for each in dependents("x", there)] == [
        ("a", "^1"),
        ("b", "^2"),
    ]


def test_who_needs_a_plugin_through_others_goes_first() -> None:
    there = [
        active("billing 2.0.0"),
        active("orders 1.0.0", billing="^2"),
        active("reports 3.1.0", orders="^1", billing="*"),
        active("shop 1.0.0", reports="*"),
        disabled("idle 1.0.0", billing="^2"),
    ]

    found = needing("billing", there)

    assert [each.release.name for each in found] == ["shop", "reports", "orders"]
    assert found[0].chain == "shop 1.0.0 → reports * → billing *"
    assert found[0].reason("was disabled by bob") == (
        "needs reports, which needs billing, which was disabled by bob"
    )


def test_a_circle_that_was_there_before_can_be_disabled() -> None:
    there = [active("a 1.0.0", b="*"), active("b 1.0.0", a="*")]

    assert [each.release.name for each in needing("a", there)] == ["b"]


# Graphs at random, small enough to try every assignment.

NAMES = ("a", "b", "c", "d", "e")
RANGES = ("*", "^1", "^2", "<2", ">=2", "=1", ">=1.5")
VERSIONS = ("1.0.0", "1.5.0", "2.0.0")
MADE_OF = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(RANGES), max_size=3)


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Release], list[Release]]:
    """What is wanted, and what is installed; nothing needs itself."""

    # In half of the questions no circle is possible: a plugin needs only such that come later.
    circles = draw(st.booleans())

    def drawn(name: str, version: str, state: PluginState | None) -> Release:
        needs = {
            need: accepts
            for need, accepts in draw(MADE_OF).items()
            if need > name or (circles and need != name)
        }
        return release(f"{name} {version}", state, **needs)

    given_names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    wanted = [
        drawn(name, version, None)
        for name in given_names
        for version in draw(st.lists(st.sampled_from(VERSIONS), min_size=1, unique=True))
    ]
    states = st.sampled_from([PluginState.ACTIVE, PluginState.DISABLED])
    installed = [
        drawn(name, draw(st.sampled_from(VERSIONS)), draw(states))
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True))
    ]
    return wanted, installed


def faults(chosen: dict[str, Release], asked: set[str], installed: Sequence[Release]) -> list[str]:
    """What is wrong with an assignment, looked at from the names that were asked for."""
    found = [
        f"{holder} holds {name}"
        for holder in installed
        for name, accepts in holder.needs.items()
        if holder.is_on and holder.name not in asked and name in asked
        if chosen[name].version not in accepts
    ]
    pending, seen = sorted(asked), set(asked)
    while pending:
        for name, accepts in chosen[pending.pop()].needs.items():
            if name not in chosen or chosen[name].version not in accepts:
                found.append(f"{name} {accepts}")
            elif name not in seen:
                seen.add(name)
                pending.append(name)
    return found


def assignments(
    wanted: Sequence[Release], installed: Sequence[Release]
) -> list[dict[str, Release]]:
    """Every assignment that satisfies every range."""
    asked = {each.name for each in wanted}
    kept = {each.name: each for each in installed if each.name not in asked}
    found = []
    for picked in itertools.product(
        *([each for each in wanted if each.name == name] for name in sorted(asked))
    ):
        chosen = kept | {each.name: each for each in picked}
        if not faults(chosen, asked, installed):
            found.append(chosen)
    return found


@given(questions())
def test_what_is_chosen_satisfies_every_range_and_what_is_refused_has_no_solution(
    question: tuple[list[Release], list[Release]],
) -> None:
    wanted, installed = question
    possible = assignments(wanted, installed)

    if not possible:
        with pytest.raises(Conflict):
            resolve(wanted, installed)
        return
    try:
        plan = resolve(wanted, installed)
    except Conflict:
        assert turns_in_a_circle([*wanted, *installed])
        return

    chosen = {each.name: each for each in (*plan.needed, *plan.wanted)}
    asked = {each.name for each in wanted}
    assert {each.name for each in plan.wanted} == asked
    assert not faults(chosen, asked, installed)
    assert sorted(map(str, (*plan.wanted, *plan.left_out))) == sorted(map(str, wanted))
    assert in_good_order(plan)


def turns_in_a_circle(releases: Sequence[Release]) -> bool:
    """Whether the names need each other in a circle, in any of their versions."""
    needs: dict[str, set[str]] = {name: set() for name in NAMES}
    for each in releases:
        needs[each.name] |= each.needs.keys()
    while any(needs.values()):
        ends = {name for name in needs if not needs[name] & needs.keys()}
        if not ends:
            return True
        needs = {name: rest - ends for name, rest in needs.items() if name not in ends}
    return False


def in_good_order(plan: Plan) -> bool:
    place = {each.name: index for index, each in enumerate((*plan.needed, *plan.wanted))}
    return all(
        place[need] < place[each.name]
        for each in plan.wanted
        for need in each.needs
        if need in {other.name for other in plan.wanted}
    )


@given(questions())
def test_whoever_goes_before_a_plugin_is_disabled_has_nobody_left_that_needs_it(
    question: tuple[list[Release], list[Release]],
) -> None:
    _, installed = question
    on = {each.name: each for each in installed if each.is_on}
    for name in NAMES:
        gone = [each.release.name for each in needing(name, installed)]
        left = {other: each for other, each in on.items() if other not in (*gone, name)}
        assert not any({*gone, name} & set(each.needs) for each in left.values())


# Graphs made to keep a resolver busy.


def pigeons(holes: int) -> list[Release]:
    """One pigeon more than there are holes: no assignment, and no short proof of it."""
    wanted = [
        release(f"pigeon-{bird} {hole}.0.0", **{f"hole-{hole}": f"={bird}"})
        for bird in range(holes + 1)
        for hole in range(holes)
    ]
    return wanted + [
        release(f"hole-{hole} {bird}.0.0") for hole in range(holes) for bird in range(holes + 1)
    ]


class CountedChoices(dict[str, list[Release]]):
    """Choices that count how often they are looked at."""

    looks = 0

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
        self.looks += 1
        return super().get(name, default)


def looks_at(holes: int, steps_max: int) -> int:
    choices = CountedChoices()
    for each in pigeons(holes):
        choices.setdefault(each.name, []).append(each)
    given: Choices = choices
    with pytest.raises((TooMuchWork, Unresolved)):
        search(sorted(choices), given, steps_max=steps_max)
    return choices.looks


def test_a_search_without_end_ends_at_its_bound() -> None:
    steps_max = 20_000
    looks = [looks_at(holes, steps_max) for holes in (2, 6, 12, 24)]

    assert looks[0] < looks[1]
    assert max(looks) <= steps_max
    told = refusal(resolve, pigeons(12), [], steps_max=steps_max)
    assert "could not be worked out" in told


def test_a_small_hard_question_is_answered_within_the_bound() -> None:
    with pytest.raises(Conflict, match="No version of hole"):
        resolve(pigeons(4), [])


def test_a_chain_as_long_as_the_bound_allows_needs_no_recursion() -> None:
    there = [
        active(f"p{index} 1.0.0", **({f"p{index + 1}": "^1"} if index < 299 else {}))
        for index in range(300)
    ]

    assert len(resolve([release("top 1.0.0", p0="*")], there).needed) == 300
    assert len(needing("p299", there)) == 299
    deeper = [active(f"p{index} 1.0.0", **{f"p{index + 1}": "^1"}) for index in range(5_000)]
    assert "could not be worked out" in refusal(resolve, [release("top 1.0.0", p0="*")], deeper)
    assert len(needing("p5000", deeper)) == 5_000


def test_what_is_off_is_told_with_the_reason() -> None:
    off = Release(
        name="billing",
        version="2.0.0",
        state=PluginState.DISABLED,
        state_reason="disabled by bob",
    )
    plan = resolve([release("orders 1.0.0", billing="^2")], [off])

    assert "billing 2.0.0 is disabled (disabled by bob)." in refusal(check_all_on, plan)


def test_a_release_of_a_manifest_has_its_ranges() -> None:
    made = release_of(Manifest(name="a", version="1.0.0", dependencies={"b": ">=1.0, <2"}))

    assert "1.5.0" in made.needs["b"]
    assert "2.0.0" not in made.needs["b"]
