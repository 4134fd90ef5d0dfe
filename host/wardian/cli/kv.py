"""What a plugin keeps in key-value storage: looked at, exported, cleared."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from shlex import quote
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
import typer

from wardian.cli.client import Client, connect, plugin_path
from wardian.cli.failures import failure
from wardian.cli.plugins import Name
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import as_json, moment, size
from wardian.errors import InvalidArguments

InNamespace = Annotated[
    str, typer.Option("--namespace", "-n", help="Without one, what `kv` itself keeps.")
]
OneNamespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Only this one; '' is what `kv` itself keeps."),
]

_NAMELESS = "(nameless)"


@command
def show(name: Name, json: Json = False) -> None:
    """Show what a plugin keeps beside its quota, by namespace."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get(plugin_path(name, "/kv"))
    terminal.answer(found, lambda: _show_store(terminal, found))


@command
def list_keys(
    name: Name,
    namespace: InNamespace = "",
    prefix: Annotated[str, typer.Option("--prefix", help="Only keys that start with it.")] = "",
    after: Annotated[str | None, typer.Option("--after", help="`next` of the page before.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many.")] = 100,
    json: Json = False,
) -> None:
    """List the keys of a namespace, in byte order."""
    terminal = Terminal(json=json)
    path = _path(name, "/keys", namespace=namespace, prefix=prefix, after=after, limit=limit)
    with connect() as client:
        page = client.get(path)
    terminal.answer(page, lambda: _show_keys(terminal, page))


@command
def get(
    name: Name,
    key: Annotated[str, typer.Argument(help="The key.")],
    namespace: InNamespace = "",
    json: Json = False,
) -> None:
    """Show one entry; secrets are not in it."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get(_path(name, "/entry", namespace=namespace, key=key))
    terminal.answer(found, lambda: _show_entry(terminal, found))


@command
def export(
    name: Name,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write, and not the screen.")
    ] = None,
    namespace: OneNamespace = None,
    json: Json = False,
) -> None:
    """Export what a plugin keeps as JSON Lines, all of it as it is at one moment."""
    terminal = Terminal(json=json)
    path = _path(name, "/export", namespace=namespace)
    with connect() as client:
        if output is None:
            _print(client, path)
            return
        written = _saved(client, path, output)
    answer = {"plugin": name, "file": str(output), "size_bytes": written}
    terminal.answer(answer, lambda: terminal.line(f"Wrote {output}: {size(written)}."))


@command
def clear(
    name: Name,
    namespace: OneNamespace = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", help="Only keys that start with it.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that it keeps.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Remove what a plugin keeps: all, a namespace, or a prefix. In a terminal it asks first."""
    terminal = Terminal(json=json)
    if everything == (namespace is not None or bool(prefix)):
        raise InvalidArguments("Give either --all, or --namespace, --prefix or both of these.")
    what = "everything" if everything else _described(namespace or "", prefix)
    if not yes and not terminal.confirms(f"Remove {what} that {name} keeps? It cannot be undone."):
        raise failure("refused", "Nothing was done.", f"What {name} keeps stays.")
    body = {"all": everything, "namespace": namespace, "prefix": prefix}
    with connect() as client:
        done = client.post(plugin_path(name, "/kv/clear"), body)
    terminal.answer(done, lambda: terminal.line(f"Removed {done['removed']:,} entries."))


def _path(name: str, rest: str, **query: Any) -> str:
    given = {key: value for key, value in query.items() if value is not None}
    return plugin_path(name, f"/kv{rest}") + (f"?{urlencode(given)}" if given else "")


def _described(namespace: str, prefix: str | None) -> str:
    keys = f"the keys that start with {prefix!r}" if prefix else "everything"
    return f"{keys} in the namespace {namespace!r}" if namespace else f"{keys} in no namespace"


def _print(client: Client, path: str) -> None:
    """Write an export to standard output, once it is here whole."""
    with tempfile.TemporaryFile() as file:
        client.save(path, file)
        file.seek(0)
        for line in file:
            sys.stdout.write(as_json(msgspec.json.decode(line)) + "\n")


def _saved(client: Client, path: str, output: Path) -> int:
    """Write an export to a file that is there whole or not at all, for nobody else to read."""
    try:
        descriptor, scratch = tempfile.mkstemp(dir=output.absolute().parent, prefix=".exporting-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                written = client.save(path, file)
            Path(scratch).replace(output)
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InvalidArguments(
            f"{str(output)!r} cannot be written: {error.strerror}.", path="--output"
        ) from error
    return written


def _show_store(terminal: Terminal, found: dict[str, Any]) -> None:
    terminal.line(
        f"{found['plugin']} keeps {size(found['used_bytes'])} of {size(found['bytes_max'])}, in "
        f"{found['used_keys']:,} of {found['keys_max']:,} keys."
    )
    rows = [
        [each["name"] or _NAMELESS, f"{each['keys']:,}", size(each["size_bytes"])]
        for each in found["namespaces"]
    ]
    terminal.table(["namespace", "keys", "size"], rows, {"namespace": {_NAMELESS: "dim"}})


def _show_keys(terminal: Terminal, page: dict[str, Any]) -> None:
    rows = [
        [each["key"], f"{each['size_bytes']:,}", moment(each["expires_at"])]
        for each in page["keys"]
    ]
    if rows:
        terminal.table(["key", "bytes", "expires at"], rows)
    else:
        terminal.line("There are no such keys.")
    if page["next"] is not None:
        terminal.note(f"There are more: --after {quote(page['next'])}")


def _show_entry(terminal: Terminal, found: dict[str, Any]) -> None:
    terminal.line(found["value"])
    until = f", until {moment(found['expires_at'])}" if found["expires_at"] else ""
    terminal.note(f"{found['size_bytes']:,} bytes{until}")
    if found["redacted"]:
        terminal.note("Secrets were taken out of it; an export has the value as it is.", "yellow")
