"""What the Python SDK's decorators and observers declare, read from the source."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from wardian.cli.authoring.declarations import declarations, write_declarations
from wardian.cli.authoring.errors import BuildFailed
from wardian.errors import InvalidManifest
from wardian.plugins.manifest import parse_manifest
from wardian.plugins.package import DECLARED_NAME, manifest_at, read_directory

MANIFEST = 'name = "made"\nversion = "1.0.0"\n'

SOURCE = """\
import wardian_sdk
from wardian_sdk import cached as kept, monitored, rate_limited, retried, timeout
from wardian_sdk import enhancements as around


class ChangeLog:
    @kept(ttl=300)
    @rate_limited(requests_per_minute=100)
    @monitored
    def latest_entry(self, name: str) -> str:
        return name

    @retried(attempts=4, on=["trap"], idempotent=True)
    @around.timeout(seconds=1.5)
    def add(self) -> None: ...

    def plain(self, timeout: float) -> None: ...


class WitWorld:
    @wardian_sdk.monitored(slow_seconds=0.25)
    def top_level(self) -> None: ...
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / ".wardian-build").mkdir()
    (tmp_path / "plugin.toml").write_text(MANIFEST)
    return tmp_path


def found(folder: Path, source: str, manifest: str = MANIFEST) -> str | None:
    (folder / "src/plugin.py").write_text(source)
    return declarations(folder, parse_manifest(manifest.encode()), manifest).toml


def refused(folder: Path, source: str, manifest: str = MANIFEST) -> str:
    with pytest.raises(BuildFailed) as caught:
        found(folder, source, manifest)
    return caught.value.message


def test_decorators_are_written_as_a_manifest_has_them(folder: Path) -> None:
    text = found(folder, SOURCE)

    assert text is not None
    assert tomllib.loads(text)["enhancements"] == [
        {
            "function": "change-log#latest-entry",
            "monitor": {"slow_seconds": 1.0},
            "rate_limit": {"requests_per_minute": 100},
            "cache": {"ttl": 300.0},
        },
        {
            "function": "change-log#add",
            "retry": {
                "attempts": 4,
                "backoff_seconds": 0.1,
                "on": ["trap"],
                "idempotent": True,
            },
            "timeout": {"seconds": 1.5},
        },
        {"function": "top-level", "monitor": {"slow_seconds": 0.25}},
    ]


def test_they_are_packed_behind_the_author_s_manifest(folder: Path) -> None:
    (folder / "plugin.wasm").write_bytes(b"\0asm\x0d\0\x01\0")
    write_declarations(folder, found(folder, SOURCE))
    package = read_directory(folder)

    assert package.manifest_source.startswith(MANIFEST.encode().rstrip())
    assert [each.function for each in package.manifest.enhancements] == [
        "change-log#latest-entry", "change-log#add", "top-level",
    ]  # fmt: skip

    write_declarations(folder, None)
    assert manifest_at(folder) == MANIFEST.encode()


def test_a_link_in_its_place_is_refused(folder: Path) -> None:
    (folder / "elsewhere").write_text("")
    (folder / DECLARED_NAME).symlink_to(folder / "elsewhere")
    with pytest.raises(InvalidManifest, match="link"):
        manifest_at(folder)


BEFORE = "from wardian_sdk import cached, monitored, rate_limited, timeout\n\nclass Things:\n"

HOSTILE = [
    ("@cached(ttl=compute())", 4, "written out"),
    ("@cached(ttl=__import__('os').getpid())", 4, "written out"),
    ("@cached(ttl=60 * 5)", 4, "written out"),
    ("@cached(ttl=TTL)", 4, "written out"),
    ("@cached(**SETTINGS)", 4, "by name"),
    ("@cached(300)", 4, "by name"),
    ("@cached", 4, "takes a value"),
    ("@cached(ttl='300')", 4, "ttl is wrong"),
    ("@cached(ttl=10**9)", 4, "written out"),
    ("@cached(ttl=1000000)", 4, "ttl is wrong"),
    ("@cached(ttl=300, shared=True)", 4, "not a field"),
    ("@cached(ttl=300)\n    @cached(ttl=60)", 5, "twice"),
    ("@rate_limited(requests_per_minute=True)", 4, "requests_per_minute is wrong"),
    ("@timeout(seconds=[2])", 4, "seconds is wrong"),
    ("@monitored(slow_seconds=0)", 4, "slow_seconds is wrong"),
]


@pytest.mark.parametrize(("decorator", "line", "why"), HOSTILE, ids=lambda value: str(value)[:40])
def test_what_is_not_written_out_is_refused_with_its_line(
    folder: Path, decorator: str, line: int, why: str
) -> None:
    message = refused(folder, f"{BEFORE}    {decorator}\n    def read(self): ...\n")
    assert message.startswith(f"src/plugin.py:{line}: ")
    assert why in message


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("from wardian_sdk import cached\nkept = cached(ttl=3)\n", 2),
        ("from wardian_sdk import cached\n\n@cached(ttl=3)\ndef read(): ...\n", 3),
        ("from wardian_sdk import monitored\n\n@monitored\nclass Things: ...\n", 3),
        ("import wardian_sdk as w\n\nclass A:\n    read = w.cached(ttl=3)(len)\n", 4),
        (
            "from wardian_sdk import cached\n\nclass A:\n    class B:\n"
            "        @cached(ttl=3)\n        def read(self): ...\n",
            5,
        ),
    ],
)
def test_a_decorator_anywhere_else_is_refused_with_its_line(
    folder: Path, source: str, line: int
) -> None:
    assert refused(folder, source).startswith(f"src/plugin.py:{line}: ")


def test_a_source_that_nests_too_deep_is_refused(folder: Path) -> None:
    message = refused(folder, "a = " + "(" * 150 + "-" * 100_000 + "1" + ")" * 150)
    assert "nests too deep" in message


@pytest.mark.parametrize(
    "function", ["read", "things#read", "made:up/things@1.0.0#read"], ids=lambda name: name
)
def test_a_contradiction_of_the_manifest_names_both_places(folder: Path, function: str) -> None:
    manifest = f'{MANIFEST}[[enhancements]]\nfunction = "{function}"\ncache = {{ ttl = 60 }}\n'
    source = f"{BEFORE}    @cached(ttl=300)\n    def read(self): ...\n"
    message = refused(folder, source, manifest)

    assert message.startswith("plugin.toml:5 and src/plugin.py:4 both say the cache of things#read")


def test_what_the_manifest_says_as_well_is_packed_once(folder: Path) -> None:
    manifest = f'{MANIFEST}[[enhancements]]\nfunction = "read"\ncache = {{ ttl = 300 }}\n'
    source = f"{BEFORE}    @cached(ttl=300)\n    @monitored\n    def read(self): ...\n"
    text = found(folder, source, manifest)

    assert text is not None
    (entry,) = tomllib.loads(text)["enhancements"]
    assert entry.keys() == {"function", "monitor"}


OBSERVER = """\
from wardian_sdk import PluginObserver, observes


class Watcher(PluginObserver):
    def on_user_created(self, event): ...

    @observes("order.line.added", "billing.*")
    def other(self, event): ...
"""


def asking(*topics: str) -> str:
    return MANIFEST + "".join(
        f'[[permissions]]\npermission = "events:subscribe:{topic}"\nreason = "x"\n'
        for topic in topics
    )


def test_an_observer_whose_topics_are_asked_for_is_taken(folder: Path) -> None:
    assert found(folder, OBSERVER, asking("user.*", "order.line.added", "billing.*")) is None


def test_topics_that_are_not_asked_for_are_told_with_the_lines_to_add(folder: Path) -> None:
    message = refused(folder, OBSERVER, asking("user.created", "billing.paid"))

    assert "order.line.added (src/plugin.py:8)" in message
    assert 'permission = "events:subscribe:order.line.added"\nreason = "…"' in message
    assert 'permission = "events:subscribe:billing.*"' in message
    assert "user.created" not in message


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("def on_order_line_added(self, event): ...", "does not mean one topic"),
        ("def on_user(self, event): ...", "does not mean one topic"),
        ("@observes\n    def other(self, event): ...", "takes topics"),
        ("@observes()\n    def other(self, event): ...", "takes topics"),
        ("@observes(TOPIC)\n    def other(self, event): ...", "written out"),
        ("@observes(3)\n    def other(self, event): ...", "is none"),
        ("@observes('Not A Topic')\n    def other(self, event): ...", "Not A Topic"),
    ],
)
def test_a_method_that_means_no_topic_is_refused_with_its_line(
    folder: Path, method: str, why: str
) -> None:
    source = OBSERVER.partition("    def")[0] + f"    {method}\n"
    message = refused(folder, source, asking("*"))

    assert message.startswith("src/plugin.py:5: ") or message.startswith("src/plugin.py:6: ")
    assert why in message
