"""What of a plugin's directory is watched, and that each change of it is seen."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from wardian.cli.authoring import Language, is_built, scaffold
from wardian.cli.dev.watching import State, matters, state_of, states

pytestmark = pytest.mark.anyio


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    return scaffold("first", Language.PYTHON, tmp_path)


def paths(state: State) -> set[str]:
    return {stamp.path for stamp in (*state.sources, *state.packed)}


PLUGINS_OWN = """
src/plugin.py src/deep/er/data.csv wit/world.wit ui/index.html Cargo.toml build.rs
plugin.toml README.md build.toml package.json requirements.txt plugin.wasm
"""
OTHERS = """
.git/HEAD .wardian-build/host/wardian.db node_modules/a/src/b.ts target/x.wasm data/plugin.toml
notes.txt Cargo.lock package-lock.json first-0.1.0.wardian src/node_modules/a.js
src/__pycache__/plugin.pyc src/.plugin.py.swp src/plugin.py~ src/.#plugin.py
"""


@pytest.mark.parametrize("path", PLUGINS_OWN.split())
def test_a_file_of_the_plugin_matters(tmp_path: Path, path: str) -> None:
    assert matters(tmp_path, tmp_path / path)


@pytest.mark.parametrize("path", OTHERS.split())
def test_what_is_none_of_the_plugin_does_not(tmp_path: Path, path: str) -> None:
    assert not matters(tmp_path, tmp_path / path)


def test_what_lies_elsewhere_does_not_matter(tmp_path: Path) -> None:
    assert not matters(tmp_path / "plugin", tmp_path / "other" / "src" / "plugin.py")


def test_a_state_holds_the_files_that_matter_and_no_build_output(plugin: Path) -> None:
    (plugin / "plugin.wasm").write_bytes(b"built")
    (plugin / "src" / "__pycache__").mkdir()
    (plugin / "src" / "__pycache__" / "plugin.pyc").write_bytes(b"")
    (plugin / "node_modules").mkdir()
    (plugin / "node_modules" / "package.json").write_text("{}")

    found = state_of(plugin)

    assert {"src/plugin.py", "wit/world.wit"} <= {stamp.path for stamp in found.sources}
    assert {stamp.path for stamp in found.packed} == {"plugin.toml", "README.md"}
    assert all(matters(plugin, plugin / path) for path in paths(found))


def test_without_sources_the_component_is_watched(tmp_path: Path) -> None:
    (tmp_path / "plugin.toml").write_text("")
    (tmp_path / "plugin.wasm").write_bytes(b"theirs")

    found = state_of(tmp_path)

    assert found.sources == frozenset()
    assert paths(found) == {"plugin.toml", "plugin.wasm"}


def test_a_removed_a_renamed_and_a_new_file_are_named(plugin: Path) -> None:
    (plugin / "src" / "old.py").write_text("x = 1")
    (plugin / "src" / "gone.py").write_text("x = 1")
    before = state_of(plugin)

    (plugin / "src" / "old.py").rename(plugin / "src" / "new.py")
    (plugin / "src" / "gone.py").unlink()
    (plugin / "plugin.toml").write_text("name = 'other'")

    changed = state_of(plugin).changed_since(before)
    assert changed == ["plugin.toml", "src/gone.py", "src/new.py", "src/old.py"]


def test_what_was_saved_as_it_was_is_another_state(plugin: Path) -> None:
    before = state_of(plugin)
    source = plugin / "src" / "plugin.py"
    copy = source.with_name(".copy")
    copy.write_bytes(source.read_bytes())
    copy.replace(source)

    assert state_of(plugin).changed_since(before) == ["src/plugin.py"]


def test_a_component_is_built_until_a_source_is_newer_or_gone(plugin: Path) -> None:
    assert not is_built(plugin)
    extra, component = plugin / "src" / "extra.py", plugin / "plugin.wasm"
    extra.write_text("x = 1")
    component.write_bytes(b"built")
    for path in plugin.rglob("*"):
        os.utime(path, (1_000, 1_000))
    os.utime(component, (2_000, 2_000))
    assert is_built(plugin)

    extra.unlink()
    assert not is_built(plugin)
    os.utime(extra.parent, (1_000, 1_000))
    assert is_built(plugin)
    os.utime(plugin / "src" / "plugin.py", (3_000, 3_000))
    assert not is_built(plugin)


async def seen(watched: AsyncIterator[State], holds: Callable[[State], bool]) -> State:
    """Wait for a state of which something holds: of a file that is being written there are more."""
    async for state in watched:
        if holds(state):
            return state
    raise AssertionError("The states ended.")


async def test_each_change_is_seen_also_in_folders_that_come_later(plugin: Path) -> None:
    source, page = plugin / "src" / "plugin.py", plugin / "ui" / "index.html"
    async with aclosing(states(plugin)) as watched:
        first = await anext(watched)
        source.write_text("changed")
        await seen(watched, lambda now: now.changed_since(first) == ["src/plugin.py"])

        page.parent.mkdir()
        page.write_text("<p>")
        await seen(watched, lambda now: "ui/index.html" in paths(now))
        page.unlink()
        await seen(watched, lambda now: "ui/index.html" not in paths(now))

        # As a change of branch does: the folder is another one then.
        shutil.rmtree(source.parent)
        await seen(watched, lambda now: "src/plugin.py" not in paths(now))
        source.parent.mkdir()
        source.write_text("from another branch")
        await seen(watched, lambda now: "src/plugin.py" in paths(now))
        source.rename(source.with_name("other.py"))
        await seen(watched, lambda now: "src/other.py" in paths(now))


async def test_what_does_not_matter_is_no_other_state(plugin: Path) -> None:
    async with aclosing(states(plugin)) as watched:
        first = await anext(watched)
        (plugin / "notes.txt").write_text("x")
        (plugin / "src" / "__pycache__").mkdir()
        (plugin / "plugin.wasm").write_bytes(b"built")
        (plugin / "plugin.toml").write_text("name = 'other'")

        assert (await anext(watched)).changed_since(first) == ["plugin.toml"]
