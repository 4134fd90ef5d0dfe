"""Hostile packages: each is refused by its own name for what it is, and leaves nothing behind."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import random
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosts import WASM, FakeHost, fake_host
from wardian.api.app import app_over
from wardian.errors import InvalidManifest, PayloadTooLarge, WardianError
from wardian.plugins import read_package
from wardian.plugins.archive import read_archive, write_archive
from wardian.settings import Settings
from zips import Member, archive, member

pytestmark = pytest.mark.anyio

MANIFEST = member("plugin.toml", b'name = "hostile"\nversion = "1.0.0"\n')
COMPONENT = member("plugin.wasm", WASM)
EVIL = member("ui/evil", b"evil")


GOOD = write_archive(
    {
        "plugin.toml": b'name = "good"\nversion = "1.0.0"\n',
        "plugin.wasm": WASM + bytes(range(256)),
        "ui/index.html": b"<p>Hello</p>" * 20,
        "README.md": b"# Good",
    }
)


def package(*more: Member) -> bytes:
    return archive(MANIFEST, COMPONENT, *more)


def digests(**changed: str) -> dict[str, str]:
    found = {
        "plugin.toml": sha256(b'name = "hostile"\nversion = "1.0.0"\n').hexdigest(),
        "plugin.wasm": sha256(WASM).hexdigest(),
    }
    return found | changed


def zip64() -> bytes:
    """A sound archive whose sizes are where 64-bit archives have them."""
    content = package()
    end = content[-22:]
    start, size = struct.unpack_from("<LL", end, 12)[::-1]
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2, 2, size, start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(content) - 22, 1)
    return content[:-22] + record + locator + end


def overlapping() -> bytes:
    """Many records of one member: a small archive that inflates without end."""
    kernel = member("ui/0", b"\0" * 900_000)
    first = archive(MANIFEST, COMPONENT, kernel)
    offset = first.index(b"ui/0") - 30
    copies = [
        Member(b"", kernel.local, kernel.central).recorded(name=b"ui/%d" % number, offset=offset)
        for number in range(200)
    ]
    return archive(MANIFEST, COMPONENT, kernel, *copies)


def quoting() -> bytes:
    """Members that each hold the following ones' headers: no two records begin at one place."""
    inner = archive(member("ui/b", b"\0" * 900_000))[: -22 - 50]
    outer = member("ui/a", inner, stored=True)
    whole = archive(MANIFEST, COMPONENT, outer)
    offset = whole.index(b"ui/b") - 30
    hidden = member("ui/b", b"\0" * 900_000).recorded(offset=offset)
    return archive(MANIFEST, COMPONENT, outer, Member(b"", hidden.local, hidden.central))


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        opened.addfile(tarfile.TarInfo("evil"), io.BytesIO())
    return buffer.getvalue()


def late() -> Member:
    """A nested archive behind a hundred thousand empty blocks of deflate."""
    empty = b"\0\0\0\xff\xff" * 20_000
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    content = archive(EVIL)
    data = empty + packer.compress(content) + packer.flush()
    honest = member("ui/a", content)
    return Member(data, honest.local, honest.central).said(packed=len(data))


LINK = (stat.S_IFLNK | 0o777) << 16

REFUSED = {
    # Bombs and endless data
    "a bomb": (package(member("ui/a", b"\0" * 50_000_000)), "inflates more than 50 times"),
    "a bomb in the component's place": (
        archive(MANIFEST, member("plugin.wasm", WASM + b"\0" * 50_000_000)),
        "inflates more than 50 times",
    ),
    "many small bombs": (
        package(*(member(f"ui/{number}", b"\0" * 1_000_000) for number in range(60))),
        "inflates more than 50 times",
    ),
    "records that overlap": (overlapping(), "does not begin where"),
    "members that quote each other": (quoting(), "does not begin where"),
    "many members": (package(*(member(f"ui/{n}", b"") for n in range(300))), "256 members"),
    "65,535 members": (archive(MANIFEST, COMPONENT, count=65_535, here=65_535), "256 members"),
    # Another archive to another reader
    "bytes before it": (archive(MANIFEST, COMPONENT, before=b"#!/bin/sh\n"), "plain zip"),
    "a member before it that no record names": (
        archive(MANIFEST, COMPONENT, before=archive(EVIL)[:-22]),
        "does not begin where",
    ),
    "bytes between members and directory": (
        archive(MANIFEST, COMPONENT, gap=b"hidden"),
        "belong to no member",
    ),
    "bytes behind a member": (
        archive(MANIFEST, Member(COMPONENT.data, COMPONENT.local, COMPONENT.central, b"x"), EVIL),
        "does not begin where",
    ),
    "bytes behind it": (archive(MANIFEST, COMPONENT, after=b"hidden"), "follows it"),
    "a comment": (archive(MANIFEST, COMPONENT, after=b"hidden", comment=6), "follows it"),
    "another archive as its comment": (
        archive(MANIFEST, COMPONENT, comment=len(package(EVIL)), after=package(EVIL)),
        "belong to no member",
    ),
    "a directory that is somewhere else": (
        archive(MANIFEST, COMPONENT, start=0),
        "belong to no member",
    ),
    "a directory of more records than it says": (
        archive(MANIFEST, COMPONENT, EVIL, count=2, here=2),
        "belong to no member",
    ),
    "a directory of fewer records than it says": (
        archive(MANIFEST, COMPONENT, count=3, here=3),
        "cut short",
    ),
    "parts on other disks": (archive(MANIFEST, COMPONENT, disk=1), "several parts"),
    "a member on another disk": (package(EVIL.recorded(disk=1)), "not a regular file"),
    "64-bit sizes": (zip64(), "belong to no member"),
    "64-bit sizes of a member": (package(EVIL.said(version=45)), "64-bit"),
    "another name beside the member": (package(EVIL.lying(name=b"ui/good")), "disagrees"),
    "another size beside the member": (package(EVIL.lying(size=5)), "disagrees"),
    "another packed size beside the member": (package(EVIL.lying(packed=3)), "disagrees"),
    "another checksum beside the member": (package(EVIL.lying(crc=5)), "disagrees"),
    "another method beside the member": (package(EVIL.lying(method=0)), "disagrees"),
    "other flags beside the member": (package(EVIL.lying(flags=8)), "disagrees"),
    "no member where a record says": (package(EVIL.recorded(offset=1)), "disagrees"),
    "a member beyond the end": (package(EVIL.recorded(offset=2**31)), "disagrees"),
    "a size that is not what comes out": (package(EVIL.said(size=5)), "damaged"),
    "a checksum that is not what comes out": (package(EVIL.said(crc=5)), "damaged"),
    "a member that ends within another": (package(EVIL.said(packed=40)), "does not begin where"),
    "deflate that ends early": (
        package(Member(EVIL.data + b"hidden", EVIL.local, EVIL.central).said(packed=12)),
        "does not end where",
    ),
    "deflate that ends megabytes early": (
        package(
            Member(EVIL.data + b"\0" * 3_000_000, EVIL.local, EVIL.central).said(
                packed=len(EVIL.data) + 3_000_000
            )
        ),
        "does not end where",
    ),
    "deflate that does not end": (
        package(Member(EVIL.data[:-1], EVIL.local, EVIL.central).said(packed=5)),
        "does not end where",
    ),
    "deflate that is none": (
        package(Member(b"\xff" * 6, EVIL.local, EVIL.central).said(packed=6)),
        "is damaged",
    ),
    "sizes behind the member": (package(EVIL.said(flags=8)), "size behind it"),
    "an extra field with another name": (
        package(EVIL.said(extra=b"\x75\x70\x05\0\x01\0\0\0\0")),
        "extra fields",
    ),
    "an extra field in the directory": (package(EVIL.recorded(extra=b"ab\0\0")), "extra fields"),
    "a comment of a member": (package(EVIL.recorded(comment=b"hidden")), "comment"),
    # Names
    "two members of a name": (package(EVIL, EVIL), "two members named"),
    "two manifests": (archive(MANIFEST, COMPONENT, MANIFEST), "two members named"),
    "names that differ in case": (package(EVIL, member("ui/EVIL", b"")), "two members named"),
    "a file that is a folder too": (
        package(member("ui/a", b""), member("ui/a/b", b"")),
        "a file and a folder",
    ),
    # What is no file
    "a directory": (package(member("ui/a/", b"")), "is a directory"),
    "a directory by its attributes": (package(EVIL.recorded(attributes=0x10)), "is a directory"),
    "a link": (package(EVIL.recorded(attributes=LINK)), "not a regular file"),
    "a link to the manifest's place": (
        archive(MANIFEST.recorded(attributes=LINK), COMPONENT),
        "not a regular file",
    ),
    "a device": (
        package(EVIL.recorded(attributes=stat.S_IFBLK << 16)),
        "not a regular file",
    ),
    "a pipe": (package(EVIL.recorded(attributes=stat.S_IFIFO << 16)), "not a regular file"),
    "a socket": (package(EVIL.recorded(attributes=stat.S_IFSOCK << 16)), "not a regular file"),
    "a reparse point": (package(EVIL.recorded(attributes=0x400)), "not a regular file"),
    # What cannot be read
    "encryption": (package(EVIL.said(flags=1)), "encrypted"),
    "strong encryption": (package(EVIL.said(flags=0x41)), "encrypted"),
    "a directory that is encrypted": (package(EVIL.said(flags=0x2000)), "encrypted"),
    "patched data": (package(EVIL.said(flags=0x20)), "features of zip"),
    "LZMA": (package(EVIL.said(method=14)), "compressed in a way"),
    "a made-up method": (package(EVIL.said(method=99)), "compressed in a way"),
    # Archives in it
    "a zip archive": (package(member("ui/a", archive(EVIL), stored=True)), "archive itself"),
    "an empty zip archive": (package(member("ui/a", archive())), "archive itself"),
    "a gzip file": (package(member("ui/a.js", gzip.compress(b"x"))), "archive itself"),
    "a bzip2 file": (package(member("ui/a", bz2.compress(b"x"))), "archive itself"),
    "an xz file": (package(member("ui/a", lzma.compress(b"x"))), "archive itself"),
    "a tar archive": (package(member("ui/a", tarred())), "archive itself"),
    "an archive in the component's place": (
        archive(MANIFEST, member("plugin.wasm", archive(EVIL))),
        "archive itself",
    ),
    "an archive that begins late": (package(late()), "archive itself"),
    # Digests
    "digests of another file": (
        package(member("digests.json", json.dumps(digests(other="0" * 64)).encode())),
        "does not fit",
    ),
    "digests that say a name twice": (
        package(
            member(
                "digests.json",
                json.dumps(digests()).replace("{", '{"plugin.wasm": "0", ', 1).encode(),
            )
        ),
        "twice",
    ),
    "digests nested without end": (package(member("digests.json", b"[" * 100_000)), "deeply"),
    "digests of a huge number": (package(member("digests.json", b"9" * 100_000)), "not JSON"),
    "digests that are no number": (package(member("digests.json", b"NaN")), "not JSON"),
    "digests with half a character": (
        package(member("digests.json", b'{"a": "\\ud800"}')),
        "surrogate",
    ),
    "digests in another encoding": (package(member("digests.json", b"\xff")), "UTF-8"),
    "digests that are large": (
        package(member("digests.json", os.urandom(200_000).hex().encode())),
        "is larger than",
    ),
    # What is no package
    "nothing": (b"", "plain zip"),
    "an empty archive": (archive(), "plain zip"),
    "half an archive": (package(EVIL)[:-30], "cut short"),
    "no manifest": (archive(COMPONENT), "no plugin.toml"),
    "no component": (archive(MANIFEST), "exactly one component"),
    "two components": (package(member("b.wasm", WASM)), "exactly one component"),
    "a program": (package(member("run.sh", b"")), "cannot hold"),
    "a manifest that is large": (
        archive(member("plugin.toml", b"#" * 900_000), COMPONENT),
        "is larger than",
    ),
}

TRAVERSING = [
    b"../evil", b"ui/../../evil", b"ui/..", b"ui/./evil", b".", b"..", b"/etc/passwd", b"//host/x",
    b"\\\\host\\share", b"ui\\..\\evil", b"..\\evil", b"C:\\evil", b"C:evil", b"ui/a:stream",
    b"", b"ui//evil", b"ui/evil\0.txt", b"\0", b"ui/ev il", b"ui/evil\n", b"ui/\x1b[2J",
    b"ui/\xff", "ui/\u202eevil".encode(), "ui/évil".encode(), "ui/\uff0e\uff0e/x".encode(),
    b"ui/" + b"a" * 300, b"~/evil", b"ui/$HOME", b"ui/%2e%2e/x",
]  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "packages").iterdir()}


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[FakeHost]:
    """A host with one plugin installed, whose file must stay."""
    async with fake_host(tmp_path / "data") as made:
        await made.host.install(GOOD)
        yield made


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files of its own, which must be empty in the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("attack", REFUSED)
async def test_a_hostile_package_is_refused_and_leaves_no_file(
    host: FakeHost, tmp_path: Path, attack: str
) -> None:
    content, reason = REFUSED[attack]
    before = files_of(tmp_path / "data")

    with pytest.raises(InvalidManifest, match=reason) as caught:
        await host.host.install(content)

    assert len(caught.value.message) < 1000
    assert files_of(tmp_path / "data") == before
    assert [view.name for view in await host.host.plugins()] == ["good"]


@pytest.mark.parametrize("name", TRAVERSING)
@pytest.mark.parametrize("flags", [0, 0x800])
async def test_a_name_that_could_lead_elsewhere_is_refused(
    host: FakeHost, tmp_path: Path, name: bytes, flags: int
) -> None:
    before = files_of(tmp_path / "data")

    with pytest.raises(InvalidManifest, match="no plain relative name"):
        await host.host.install(package(member(name, b"evil").said(flags=flags)))

    assert files_of(tmp_path / "data") == before
    assert not list(tmp_path.rglob("*evil*"))


async def test_what_is_larger_than_the_operator_allows_is_refused(tmp_path: Path) -> None:
    content = package(member("ui/a", random.Random(1).randbytes(300_000)))

    async with fake_host(tmp_path / "data", upload_bytes_max=65_536) as made:
        with pytest.raises(PayloadTooLarge):
            await made.host.install(content)
        assert files_of(tmp_path / "data") == {}


@pytest.mark.parametrize("attack", ["a bomb", "a link", "two manifests", "half an archive"])
async def test_over_http_it_is_a_problem_and_leaves_no_file(
    host: FakeHost, tmp_path: Path, attack: str
) -> None:
    content, reason = REFUSED[attack]
    before = files_of(tmp_path / "data")
    app = app_over(host.host, Settings(data_dir=tmp_path / "data"))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://host",
        headers={
            "Authorization": f"Bearer {host.host.bootstrap_token}",
            "Content-Type": "application/zip",
        },
    ) as client:
        refused = await client.post("/api/v1/plugins", content=content)

    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/invalid-manifest"
    assert reason in refused.json()["detail"]
    assert files_of(tmp_path / "data") == before


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A sound package with a few bytes changed, cut out or put in."""
    content = bytearray(GOOD)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        match draw(st.sampled_from(["flip", "cut", "insert", "repeat", "swap"])):
            case "flip" if at < len(content):
                content[at] ^= draw(st.integers(1, 255))
            case "cut":
                del content[at : at + draw(st.integers(1, 40))]
            case "insert":
                content[at:at] = draw(st.binary(min_size=1, max_size=40))
            case "repeat":
                content[at:at] = content[at : at + draw(st.integers(1, 200))]
            case _:
                mark = draw(st.sampled_from([b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"]))
                content[at : at + 4] = mark
    return bytes(content)


@given(content=mutated())
@settings(max_examples=400, deadline=None)
def test_a_mutated_package_is_read_as_every_reader_would_or_refused(content: bytes) -> None:
    with contextlib.suppress(WardianError):
        found = read_archive(content, max_bytes=1_000_000, room=lambda name: 1_000_000)

        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            assert dict(found.kept) == {name: opened.read(name) for name in opened.namelist()}


@given(content=mutated())
@settings(max_examples=200, deadline=None)
def test_a_mutated_package_never_fails_in_an_unforeseen_way(content: bytes) -> None:
    with contextlib.suppress(WardianError):
        read_package(content)


async def test_a_package_that_changes_on_disk_after_its_check_does_not_run(
    tmp_path: Path,
) -> None:
    async with fake_host(tmp_path / "data") as made:
        await made.host.install(GOOD)
        await made.host.enable("good")
        await made.host.call("good", "run", {})
        (job,) = made.executor.jobs
        assert (await job.load()).startswith(WASM)

        (path,) = (tmp_path / "data" / "packages").iterdir()
        path.write_bytes(package())

        # Whoever compiles it, now or after the next start, reads it from here.
        with pytest.raises(WardianError, match="was changed"):
            await job.load()
