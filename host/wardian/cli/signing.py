"""Signing packages, and checking signatures: keygen, sign, verify. None of it needs a host."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from wardian.cli.sources import SIGNATURE_SUFFIX, package_at, signature_of
from wardian.cli.terminal import Json, Terminal, command
from wardian.crypto.keys import PREFIX, PrivateKey, PublicKey, is_encrypted, refuse_private
from wardian.errors import InvalidArguments, SignatureInvalid
from wardian.plugins.judgement import Subject, check_statement
from wardian.plugins.package import Package, read_package
from wardian.plugins.statements import KeyRotation, PackageStatement, checked

DEFAULT_KEY = Path("wardian.key")
PUBLIC_SUFFIX = ".pub"
ROTATION_SUFFIX = ".rotation.json"

_MAX_PUBLIC_BYTES = 1024
_MAX_PASSPHRASE_BYTES = 1024

KeyFile = Annotated[Path, typer.Option("--key", help="The private key, as `keygen` wrote it.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="A file whose first line is the key's passphrase."),
]


@command
def keygen(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the private key is written.")
    ] = DEFAULT_KEY,
    successor_of: Annotated[
        Path | None,
        typer.Option("--successor-of", help="Your key before, which vouches for the new one."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    old_passphrase_file: Annotated[
        Path | None,
        typer.Option("--old-passphrase-file", help="The same for the key before."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a key to sign packages with, and print the public key for operators.

    The private key is for its owner's eyes only. With --successor-of it also writes a statement,
    signed by both keys, with which operators replace the one by the other.
    """
    terminal = Terminal(json=json)
    old = None if successor_of is None else load_key(successor_of, old_passphrase_file)
    key = PrivateKey.generate()
    key.save(output, _passphrase(passphrase_file))
    public = output.with_name(output.name + PUBLIC_SUFFIX)
    written(public, f"{key.public}\n".encode())
    found: dict[str, Any] = {
        "key": str(output),
        "public_key_file": str(public),
        "public_key": str(key.public),
        "key_id": key.public.id,
    }
    if old is not None:
        rotation = output.with_name(output.name + ROTATION_SUFFIX)
        written(rotation, _rotation(old, key))
        found["rotation"] = str(rotation)
    terminal.answer(found, lambda: terminal.line(found["public_key"]))
    terminal.note(f"The private key is in {output}: keep it to yourself. {public} is for others.")
    if "rotation" in found:
        terminal.note(f"Operators run: wardian publishers rotate YOU {found['rotation']}")


@command
def sign(
    source: Annotated[Path, typer.Argument(help="A .wardian file.")],
    key: KeyFile = DEFAULT_KEY,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: FILE.sig beside FILE.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    json: Json = False,
) -> None:
    """Sign a package: a signature beside it says who made exactly this file."""
    terminal = Terminal(json=json)
    package = _package(source)
    private = load_key(key, passphrase_file)
    statement = checked(
        PackageStatement,
        {
            "name": package.manifest.name,
            "version": package.manifest.version,
            "sha256": package.digest,
        },
    )
    target = output or source.with_name(source.name + SIGNATURE_SUFFIX)
    written(target, statement.signed(private))
    found = {
        "signature": str(target),
        **statement.model_dump(),
        "key_id": private.public.id,
        "public_key": str(private.public),
    }
    terminal.answer(found, lambda: terminal.line(f"Signed {source}: {target}."))


@command
def verify(
    source: Annotated[Path, typer.Argument(help="A .wardian file.")],
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key", help="A public key (ed25519:…), or a file with one; repeat it for more."
        ),
    ] = None,
    publisher_key: Annotated[
        Path | None, typer.Option("--publisher-key", help="A file with a public key.")
    ] = None,
    signature: Annotated[
        Path | None, typer.Option("--signature", help="Default: FILE.sig beside FILE.")
    ] = None,
    json: Json = False,
) -> None:
    """Check a package's signature against public keys that you trust."""
    terminal = Terminal(json=json)
    keys = [public_key(text) for text in key or []]
    keys += [public_key(str(publisher_key))] if publisher_key else []
    if not keys:
        raise InvalidArguments("Say against which key: --key ed25519:… or --publisher-key FILE.")
    package = _package(source)
    content = signature_of(source, signature)
    if content is None:
        raise SignatureInvalid(
            f"{str(source)!r} has no signature: there is no {source.name}{SIGNATURE_SUFFIX} beside "
            "it, and --signature names none."
        )
    subject = Subject(
        name=package.manifest.name, version=package.manifest.version, digest=package.digest
    )
    key_id = check_statement(subject, content, keys)
    found = {
        "verified": True,
        "name": subject.name,
        "version": subject.version,
        "sha256": subject.digest,
        "key_id": key_id,
    }
    terminal.answer(
        found,
        lambda: terminal.line(f"{subject} is signed with the key {key_id}: it holds.", "green"),
    )


def load_key(path: Path, passphrase_file: Path | None) -> PrivateKey:
    """Load a private key; a person is asked for its passphrase if no file has it."""
    passphrase = _passphrase(passphrase_file)
    if passphrase is None and is_encrypted(path) and sys.stdin.isatty():
        passphrase = typer.prompt(f"Passphrase of {path}", hide_input=True, err=True).encode()
    return PrivateKey.load(path, passphrase)


def public_key(text: str) -> PublicKey:
    """Read a public key from its text, or from a file with it.

    Raises:
        InvalidArguments: it is neither.
    """
    if text.startswith(PREFIX):
        return PublicKey.parse(text)
    try:
        with Path(text).open("rb") as stream:
            content = stream.read(_MAX_PUBLIC_BYTES)
    except OSError as error:
        raise InvalidArguments(
            f"{text[:80]!r} is no public key (it starts with '{PREFIX}'), nor a file that can be "
            f"read: {error.strerror}."
        ) from error
    refuse_private(content, repr(text))
    try:
        return PublicKey.parse(content.decode(errors="replace"))
    except InvalidArguments as error:
        raise InvalidArguments(f"The file {text!r} holds no public key. {error.message}") from error


def written(path: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        InvalidArguments: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidArguments(f"{str(path)!r} cannot be written: {error.strerror}.") from error


def _rotation(old: PrivateKey, new: PrivateKey) -> bytes:
    statement = KeyRotation(
        public_key=str(new.public),
        successor_of=old.public.id,
        issued_at=datetime.now(UTC).replace(microsecond=0),
    )
    return statement.signed(old, new)


def _package(source: Path) -> Package:
    if source.is_dir():
        raise InvalidArguments(
            f"{str(source)!r} is a directory, and a signature is of one file: `wardian pack` it."
        )
    return read_package(package_at(source))


def _passphrase(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        with path.open("rb") as stream:
            first = stream.read(_MAX_PASSPHRASE_BYTES).partition(b"\n")[0].rstrip(b"\r")
    except OSError as error:
        raise InvalidArguments(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    if not first:
        raise InvalidArguments(f"{str(path)!r} has no passphrase in its first line.")
    return first
