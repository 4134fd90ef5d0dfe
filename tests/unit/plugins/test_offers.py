"""Which plugin answers for a capability."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from wardian.errors import Conflict, NotFound
from wardian.plugins import Installed, Manifest, PluginState
from wardian.plugins.offers import SHOWN_MAX, choose
from wardian.plugins.versions import parse_range
from wardian.policy.levels import Level
from wardian.sandbox.description import Description


def plugin(
    name: str,
    *offers: str,
    version: str = "1.0.0",
    state: PluginState = PluginState.ACTIVE,
    needs: dict[str, str] | None = None,
) -> Installed:
    manifest = Manifest.model_validate(
        {
            "name": name,
            "version": version,
            "capabilities": list(offers),
            "dependencies": needs or {},
        }
    )
    return Installed(
        id=name,
        tenant="default",
        name=name,
        version=version,
        digest="",
        package_digest="",
        level=Level.RESTRICTED,
        state=state,
        state_reason="",
        manifest=manifest,
        description=Description(digest="", size_bytes=0, imports=[], exports=[], functions={}),
        installed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def chosen(*installed: Installed, accepts: str = "*", asking: str = "asker") -> str:
    return choose("markdown", parse_range(accepts), installed, asking=asking).name


def test_a_capability_has_its_plugins_version_unless_it_has_one_of_its_own() -> None:
    plain = plugin("plain", "markdown", version="1.4.0")
    own = plugin("own", "markdown@2.0.0", version="1.0.0")

    assert chosen(plain, own, accepts="^1.2") == "plain"
    assert chosen(plain, own, accepts="^2") == "own"


def test_the_newest_version_answers_and_then_the_first_by_name() -> None:
    older = plugin("a", "markdown@1.9.0")
    newer, same = plugin("z", "markdown@1.10.0"), plugin("b", "markdown@1.10.0")

    assert chosen(older, newer, accepts="^1") == "z"
    assert chosen(older, newer, same, accepts="^1") == "b"
    assert chosen(same, newer, older, accepts="^1") == "b"


def test_one_plugin_may_offer_several_versions() -> None:
    both = plugin("both", "markdown@1.0.0", "markdown@2.0.0")

    assert chosen(both, accepts="^1") == chosen(both, accepts="^2") == "both"


def test_nobody_takes_the_place_of_a_plugin_that_the_caller_depends_on() -> None:
    trusted = plugin("acme-markdown", "markdown@1.0.0")
    upstart = plugin("a", "markdown@1.9.0")
    asker = plugin("asker", needs={"acme-markdown": "^1"})

    assert chosen(asker, trusted, upstart, accepts="^1") == "acme-markdown"
    assert chosen(asker, trusted, upstart, accepts="^1.5") == "a"
    assert chosen(asker, trusted, upstart, accepts="^1", asking="other") == "a"


def test_a_plugin_is_connected_with_itself_only_where_nobody_else_answers() -> None:
    asker = plugin("asker", "markdown@9.0.0")

    assert chosen(asker, plugin("other", "markdown")) == "other"
    assert chosen(asker) == "asker"


def test_who_takes_no_calls_does_not_answer() -> None:
    newest = plugin("newest", "markdown@3.0.0", state=PluginState.QUARANTINED)
    degraded = plugin("degraded", "markdown@2.0.0", state=PluginState.DEGRADED)

    assert chosen(newest, degraded, plugin("active", "markdown@1.0.0")) == "degraded"


def test_where_none_takes_calls_it_is_said_why() -> None:
    off = plugin("off", "markdown", state=PluginState.DISABLED)

    with pytest.raises(Conflict, match=r"off 1\.0\.0 is disabled"):
        chosen(off)


def test_where_no_version_fits_it_is_said_which_there_are() -> None:
    with pytest.raises(NotFound, match=r"version of \^3.*old 1\.0\.0 \(2\.5\.0 of it\)"):
        chosen(plugin("old", "markdown@2.5.0"), accepts="^3")
    with pytest.raises(NotFound, match="No plugin offers that"):
        chosen(plugin("other", "pdf"))


def test_a_pre_release_is_in_no_range_but_any() -> None:
    early = plugin("early", "markdown@2.0.0-rc.1")

    assert chosen(early) == "early"
    with pytest.raises(NotFound):
        chosen(early, accepts="^2")


def test_what_is_listed_is_bounded() -> None:
    many = [plugin(f"p{number}", "markdown") for number in range(40)]

    with pytest.raises(NotFound, match=f"and {40 - SHOWN_MAX} more") as caught:
        chosen(*many, accepts="^2")
    assert caught.value.message.count("1.0.0") == SHOWN_MAX
