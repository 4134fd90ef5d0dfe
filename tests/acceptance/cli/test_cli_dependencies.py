from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import CommandLine
from guests import guest
from packages import package


def needing(folder: Path, name: str, version: str = "1.0.0", **needs: str) -> Path:
    """A package's file."""
    lines = "".join(f'{need} = "{accepts}"\n' for need, accepts in needs.items())
    path = folder / f"{name}-{version}.wardian"
    path.write_bytes(package(name, guest("memory"), f"[dependencies]\n{lines}", version))
    return path


@pytest.fixture
def shop(remote: CommandLine, tmp_path: Path) -> Iterator[CommandLine]:
    """Reports need orders, which need billing; all installed by one command."""
    files = [
        needing(tmp_path, "reports", orders="^1"),
        needing(tmp_path, "orders", billing="^2"),
        needing(tmp_path, "billing", "2.0.0"),
    ]
    made = remote.json("install", *files)
    assert [view["name"] for view in made["installed"]] == ["billing", "orders", "reports"]
    yield remote
    remote("uninstall", "billing", "--cascade", "--yes")
    for name in ("reports", "orders"):
        remote("uninstall", name, "--yes")


def test_one_package_without_what_it_needs_is_refused_with_the_chain(
    remote: CommandLine, tmp_path: Path
) -> None:
    refused = remote.error("install", needing(tmp_path, "orders", billing="^2"))

    assert refused["type"] == "conflict"
    assert refused["detail"].startswith("orders 1.0.0 → billing ^2: no plugin named billing is")
    assert "give all packages to one `wardian install`" in refused["detail"]


def test_of_packages_of_which_one_is_none_nothing_is_installed(
    remote: CommandLine, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.wardian"
    broken.write_bytes(b"no package")

    files = needing(tmp_path, "orders", billing="^2"), needing(tmp_path, "billing", "2.0.0")
    assert remote.error("install", *files, broken)["type"] == "invalid-manifest"
    assert remote.json("list") == {"plugins": []}


def test_a_version_that_was_left_out_is_told(remote: CommandLine, tmp_path: Path) -> None:
    files = [needing(tmp_path, "billing", version) for version in ("1.0.0", "2.0.0")]

    done = remote("install", *files)

    assert "Installed billing 2.0.0" in done.out
    assert "billing 1.0.0 was left out" in done.err
    remote("uninstall", "billing")


def test_a_tree_shows_what_is_needed_and_what_needs_it(shop: CommandLine) -> None:
    shown = shop("deps", "orders").out

    assert "orders 1.0.0 is active." in shown
    assert "billing ^2: 2.0.0, active" in shown
    assert "reports 1.0.0, active: needs ^1" in shown
    assert "needs no other plugin" in shop("deps", "billing").out
    view = shop.json("deps", "billing")
    assert view["enabled_dependents"] == ["reports", "orders"]
    assert view["needed_by"][0]["needed_by"][0]["name"] == "reports"
    assert shop.error("deps", "nobody")["type"] == "not-found"


def test_what_is_missing_or_off_stands_out_in_the_tree(shop: CommandLine) -> None:
    shop.json("disable", "reports")
    shop.json("disable", "orders")
    shop.json("uninstall", "billing")

    shown = shop("deps", "reports").out

    assert "orders ^1: 1.0.0, disabled" in shown
    assert "billing ^2: not installed" in shown


def test_plugins_are_disabled_and_enabled_with_those_that_need_them(shop: CommandLine) -> None:
    assert "reports 1.0.0 → orders ^1 → billing ^2" in shop.error("disable", "billing")["detail"]

    off = shop.json("disable", "billing", "--cascade")
    assert [each["name"] for each in off["also"]] == ["reports", "orders"]
    refused = shop.error("enable", "reports")["detail"]
    assert "`wardian enable reports --with-dependencies`" in refused
    on = shop("enable", "reports", "--with-dependencies").out
    assert on.splitlines() == [
        f"{name} is active (enabled by bootstrap)." for name in ("billing", "orders", "reports")
    ]


def test_a_person_is_asked_before_others_go_too(
    shop: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wardian.cli.terminal._is_person_there", lambda: True)

    kept = shop("disable", "billing", "--cascade", stdin="n\n")
    assert kept.code == 1
    assert kept.err.startswith("Disable billing, and before it reports, orders, which need it?")
    assert "stays as it is" in kept.err
    kept = shop("uninstall", "orders", "--cascade", stdin="n\n")
    assert kept.err.startswith("Uninstall reports, orders, with their stored values")
    alone = shop("disable", "reports", "--cascade")
    assert alone.out == "reports is disabled (disabled by bootstrap).\n"


def test_a_cascade_uninstalls_and_says_what(shop: CommandLine) -> None:
    assert shop.error("uninstall", "orders")["type"] == "conflict"

    gone = shop.json("uninstall", "orders", "--cascade")

    assert gone == {"uninstalled": "orders", "also": ["reports"]}
    assert [item["name"] for item in shop.json("list")["plugins"]] == ["billing"]
