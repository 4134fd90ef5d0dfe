"""Packages: reading what strangers made, and packing."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
import tracemalloc
import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardian.errors import InvalidManifest, NotFound, PayloadTooLarge, WardianError
from wardian.plugins import pack, read_directory, read_package
from wardian.plugins.archive import write_archive
from wardian.plugins.package import component_of, file_name, read_source

MANIFEST = b'name = "counter"\nversion = "1.0.0"\n'
WASM = b"\0asm\x0d\0\x01\0"


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        for name, content in members:
            entry = zipfile.ZipInfo("placeholder")
            entry.filename = name  # past the constructor, which would tidy it
            entry.orig_filename = name
            entry.compress_type = method
            opened.writestr(entry, content)
    return buffer.getvalue()


def refused(content: bytes) -> InvalidManifest:
    with pytest.raises(InvalidManifest) as caught:
        read_package(content)
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    plugin = tmp_path / "counter"
    (plugin / "ui" / "img").mkdir(parents=True)
    (plugin / "plugin.toml").write_bytes(MANIFEST)
    (plugin / "counter.wasm").write_bytes(WASM)
    (plugin / "README.md").write_text("# Counter")
    (plugin / "ui" / "index.html").write_text("<p>")
    (plugin / "ui" / "img" / "a.svg").write_text("<svg/>")
    (plugin / "src").mkdir()
    (plugin / "src" / "main.py").write_text("print()")
    return plugin


def test_what_was_packed_is_what_is_read(folder: Path) -> None:
    package = read_package(pack(folder))

    assert package == read_directory(folder)
    assert package.component == WASM
    assert set(package.files) == {"README.md", "ui/index.html", "ui/img/a.svg"}
    assert file_name(package.manifest) == "counter-1.0.0.wardian"


def test_packing_gives_the_same_bytes_whatever_the_times_and_modes(folder: Path) -> None:
    first = pack(folder)

    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
    (folder / "plugin.toml").chmod(0o600)

    assert pack(folder) == first


def test_a_damaged_member_is_noticed(folder: Path) -> None:
    with zipfile.ZipFile(BytesIO(pack(folder))) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    members["plugin.wasm"] += b"\0"

    assert "plugin.wasm" in refused(archive(*members.items())).message


def test_a_plain_zip_without_digests_is_a_package_too() -> None:
    package = read_package(archive(("plugin.toml", MANIFEST), ("any.wasm", WASM)))

    assert package.component == WASM


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("any.wasm", WASM)], "no plugin.toml"),
        ([("plugin.toml", MANIFEST)], "none"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("b.wasm", WASM)], "a.wasm, b.wasm"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("run.sh", b"")], "run.sh"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("x/b.wasm", WASM)], "x/b.wasm"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("../evil", b"")], "relative name"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("ui/../../evil", b"")], "relative name"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("/etc/passwd", b"")], "relative name"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("ui\\evil", b"")], "relative name"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("C:evil", b"")], "relative name"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("ui/a\x00b", b"")], "relative name"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("ui/" + "a" * 300, b"")], "relative name"),
        (
            [("plugin.toml", MANIFEST), ("a.wasm", WASM), ("ui/a", b""), ("ui/A", b"")],
            "two members",
        ),
        ([("plugin.toml", MANIFEST), ("plugin.toml", MANIFEST), ("a.wasm", WASM)], "two members"),
        ([("plugin.toml", b"name ="), ("a.wasm", WASM)], "not TOML"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("digests.json", b"{")], "not JSON"),
        ([("plugin.toml", MANIFEST), ("a.wasm", WASM), ("digests.json", b"[]")], "damaged"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_is_no_package_is_refused_with_the_reason(
    members: list[tuple[str, bytes]], reason: str
) -> None:
    assert reason in refused(archive(*members)).message


def test_links_are_refused() -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("plugin.toml", MANIFEST)
        entry = zipfile.ZipInfo("a.wasm")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(entry, "/etc/passwd")

    assert "not a regular file" in refused(buffer.getvalue()).message


def test_a_bomb_is_refused_while_it_inflates() -> None:
    bomb = archive(("plugin.toml", MANIFEST), ("a.wasm", b"\0" * (64 * 1024 * 1024)))
    assert len(bomb) < 100_000

    assert "inflates" in refused(bomb).message


def test_a_package_larger_than_allowed_is_refused() -> None:
    content = archive(("plugin.toml", MANIFEST), ("a.wasm", os.urandom(20_000)))

    with pytest.raises(PayloadTooLarge):
        read_package(content, max_bytes=10_000)


def test_a_header_that_lies_about_sizes_is_refused() -> None:
    content = bytearray(archive(("plugin.toml", MANIFEST), ("a.wasm", b"\0" * 2_000_000)))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (10).to_bytes(4, "little")

    with pytest.raises(InvalidManifest):
        read_package(bytes(content))


def test_too_many_members_are_refused_before_they_are_listed() -> None:
    members = [(f"ui/{number}", b"") for number in range(5_000)]

    assert "members" in refused(archive(*members)).message
    assert "members" in refused(archive(*members[:300])).message


@pytest.mark.parametrize("content", [b"", b"PK", b"\0asm", WASM * 100, b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_archive_is_refused(content: bytes) -> None:
    assert "not a plugin package" in refused(content).message


@given(position=st.integers(0, 400), value=st.integers(0, 255))
def test_a_flipped_byte_gives_a_package_or_a_named_error(position: int, value: int) -> None:
    content = bytearray(archive(("plugin.toml", MANIFEST), ("a.wasm", WASM)))
    content[position % len(content)] = value

    with contextlib.suppress(WardianError):
        read_package(bytes(content))


def test_a_directory_needs_a_manifest_and_one_component(folder: Path) -> None:
    (folder / "second.wasm").write_bytes(WASM)
    with pytest.raises(InvalidManifest, match=r"counter\.wasm, second\.wasm"):
        read_directory(folder)

    (folder / "plugin.toml").unlink()
    with pytest.raises(InvalidManifest, match=r"plugin\.toml"):
        read_directory(folder)


def test_links_in_a_directory_are_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (folder / "ui" / "link").symlink_to(tmp_path / "secret")

    assert "ui/link" not in read_directory(folder).files


def test_a_ui_component_must_be_in_the_package(folder: Path) -> None:
    (folder / "plugin.toml").write_bytes(
        MANIFEST + b'[[ui_components]]\nname = "x"\nentry = "ui/none.html"\n'
    )

    with pytest.raises(InvalidManifest) as caught:
        read_directory(folder)
    assert caught.value.path == "ui_components[0].entry"


def test_sources_are_bytes_files_and_directories(folder: Path, tmp_path: Path) -> None:
    packed = tmp_path / "counter.wardian"
    packed.write_bytes(pack(folder))

    assert read_source(packed) == read_source(packed.read_bytes()) == read_source(folder)
    assert read_source(str(packed)) == read_source(packed)
    with pytest.raises(NotFound):
        read_source(tmp_path / "nothing")
    with pytest.raises(PayloadTooLarge):
        read_source(packed, max_bytes=10)


def test_text_that_compresses_well_is_no_bomb() -> None:
    text = b"".join(b"%d is a line of a text; " % number for number in range(100_000))
    content = archive(("plugin.toml", MANIFEST), ("a.wasm", WASM), ("ui/a.txt", text))

    assert len(text) > 2_000_000
    assert set(read_package(content).files) == {"ui/a.txt"}


def test_what_inflates_sixty_times_is_refused() -> None:
    noise = os.urandom(16_384)
    content = archive(("plugin.toml", MANIFEST), ("a.wasm", (noise + b"\0" * 1_000_000) * 4))

    assert "inflates" in refused(content).message


def test_files_of_the_user_interface_are_counted_and_hashed_but_not_kept() -> None:
    content = archive(
        ("plugin.toml", MANIFEST),
        ("a.wasm", WASM),
        ("ui/big.bin", b"\0" * 20_000_000),
        method=zipfile.ZIP_STORED,
    )
    tracemalloc.start()
    try:
        package = read_package(content)
        with pytest.raises(PayloadTooLarge):
            read_package(content, max_bytes=19_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert package.files == {"ui/big.bin": sha256(b"\0" * 20_000_000).hexdigest()}
    assert peak < 5_000_000


@pytest.mark.parametrize("name", ["plugin.toml", "digests.json"])
def test_small_members_are_not_kept_beyond_their_bound(name: str) -> None:
    members = {"plugin.toml": MANIFEST, "a.wasm": WASM} | {name: b"#" * 900_000}

    assert "is larger than" in refused(archive(*members.items())).message


@pytest.mark.parametrize("name", ["ui", "plugin.toml", "counter.wasm", "README.md"])
def test_a_plugin_that_is_a_link_to_elsewhere_is_not_read_or_packed(
    folder: Path, tmp_path: Path, name: str
) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InvalidManifest, match=f"{name} is a link"):
        read_directory(folder)
    with pytest.raises(InvalidManifest, match=f"{name} is a link"):
        pack(folder)


def test_a_linked_folder_within_the_user_interface_is_not_followed(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_text("secret")
    (folder / "ui" / "link").symlink_to(tmp_path / "elsewhere")

    assert set(read_directory(folder).files) == {"README.md", "ui/index.html", "ui/img/a.svg"}


@pytest.mark.parametrize("name", ["a b.html", "\u00fc.html", "a" * 254, "INDEX.html"])
def test_a_name_that_no_install_takes_is_not_packed(folder: Path, name: str) -> None:
    (folder / "ui" / name).write_text("x")

    with pytest.raises(InvalidManifest, match=r"relative name|two members"):
        pack(folder)


def test_what_can_be_packed_has_no_more_files_than_can_be_installed(folder: Path) -> None:
    for number in range(250):
        (folder / "ui" / str(number)).write_text("")
    assert len(read_package(pack(folder)).files) == 253

    (folder / "ui" / "one-more").write_text("")
    with pytest.raises(InvalidManifest, match="members"):
        pack(folder)


def copied(folder: Path, target: Path, *, backwards: bool) -> Path:
    """The same files, made in another order."""
    files = sorted((path for path in folder.rglob("*") if path.is_file()), reverse=backwards)
    for path in files:
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return target


def test_packing_gives_the_same_bytes_whatever_order_umask_platform_time_and_locale(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pack(copied(folder, tmp_path / "one", backwards=False))
    former = os.umask(0o077)
    try:
        second = copied(folder, tmp_path / "two", backwards=True)
    finally:
        os.umask(former)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2_000_000_000))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "2000000000")
    monkeypatch.setattr(Path, "rglob", lambda path, pattern: reversed([*RGLOB(path, pattern)]))

    assert pack(second) == first


RGLOB = Path.rglob


def test_the_structure_of_a_package_never_changes() -> None:
    """What zlib makes of a text may differ between its versions; everything else may not."""
    content = write_archive({"b": b"", "a": b""})
    packed = b"\x03\x00"  # nothing, deflated

    assert content.count(packed) >= 2
    assert sha256(content).hexdigest() == (
        "453272cb3d979193770f7cd628b13065232017099293a102c1344c7df1c74272"
    )


def test_a_folder_that_holds_an_archive_is_not_packed(folder: Path) -> None:
    (folder / "ui" / "a.js.gz").write_bytes(b"\x1f\x8b\x08")

    with pytest.raises(InvalidManifest, match="archive itself"):
        pack(folder)


def test_a_folder_that_inflates_like_a_bomb_is_not_packed(folder: Path) -> None:
    (folder / "ui" / "zeros").write_bytes(b"\0" * 5_000_000)

    with pytest.raises(InvalidManifest, match="inflates"):
        pack(folder)


def test_every_ui_component_that_is_missing_is_told_with_its_line(folder: Path) -> None:
    missing = '\n[[ui_components]]\nname = "{0}"\nentry = "ui/{0}.html"\n'
    (folder / "plugin.toml").write_bytes(
        MANIFEST + (missing.format("a") + missing.format("b")).encode()
    )

    with pytest.raises(InvalidManifest) as caught:
        read_directory(folder)
    assert [(fault.path, fault.line) for fault in caught.value.faults] == [
        ("ui_components[0].entry", 6),
        ("ui_components[1].entry", 10),
    ]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_plain_archive_of_python_s_is_read_whatever_its_members_are_packed_with(
    method: int,
) -> None:
    members = {"plugin.toml": MANIFEST, "a.wasm": WASM + os.urandom(700_000)}

    package = read_package(archive(*members.items(), method=method))

    assert package.component == members["a.wasm"]
    assert package.manifest_source == MANIFEST
    assert component_of(package.content) == members["a.wasm"]
