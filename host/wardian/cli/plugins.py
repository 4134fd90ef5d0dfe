"""Plugins of a host: install, uninstall, list, show, enable, disable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from wardian.cli.client import connect, plugin_path
from wardian.cli.dependencies import dependents_of, install_together
from wardian.cli.enhancements_asked import show_enhancements
from wardian.cli.failures import failure
from wardian.cli.reviews import note_how_to_grant, show_review, show_webhooks
from wardian.cli.schedules_asked import show_asked
from wardian.cli.sources import package_at, signature_of
from wardian.cli.terminal import Json, Terminal, command
from wardian.cli.text import moment
from wardian.cli.vitals import vitals
from wardian.errors import InvalidArguments

Name = Annotated[str, typer.Argument(help="The plugin's name.")]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Signature = Annotated[
    Path | None,
    typer.Option("--signature", help="The package's signature; by default FILE.sig beside FILE."),
]
AllowOlder = Annotated[
    bool, typer.Option("--allow-older", help="Take it though a newer version was here.")
]
AllowOtherPublisher = Annotated[
    bool,
    typer.Option(
        "--allow-other-publisher",
        help="Take it though it is not signed by whoever signed the plugin before.",
    ),
]


@command
def install(
    sources: Annotated[
        list[Path], typer.Argument(help="A .wardian file, or a built plugin's directory.")
    ],
    grant: Annotated[
        list[str] | None,
        typer.Option("--grant", help="A permission to grant; repeat it for more."),
    ] = None,
    grant_all: Annotated[
        bool, typer.Option("--grant-all", help="Grant everything that the plugin asks for.")
    ] = False,
    disabled: Annotated[
        bool, typer.Option("--disabled", help="Install only; do not enable it yet.")
    ] = False,
    signature: Signature = None,
    allow_older: AllowOlder = False,
    allow_other_publisher: AllowOtherPublisher = False,
    json: Json = False,
) -> None:
    """Install a plugin and show what it asks for and what it was granted.

    Several that need each other are installed together, in whatever order they are named: all of
    them, or none. The signature FILE.sig beside a .wardian FILE is sent with it.
    """
    terminal = Terminal(json=json)
    query = {
        "grant": ["all"] if grant_all else grant or [],
        "enable": "false" if disabled else "true",
        "allow_older": str(allow_older).lower(),
        "allow_other_publisher": str(allow_other_publisher).lower(),
    }
    if len(sources) > 1:
        batch = install_together(_with_signatures(sources, signature), query)
        terminal.answer(batch, lambda: _show_batch(terminal, batch))
        return
    (source,) = sources
    package = package_at(source)
    signed = signature_of(source, signature)
    with connect() as client, uploading(terminal, package, source.name) as progress:
        view = client.upload("/plugins", package, progress, query, signed)
    terminal.answer(view, lambda: _show_installed(terminal, view))


@command
def uninstall(
    name: Name,
    cascade: Annotated[
        bool, typer.Option("--cascade", help="Uninstall the enabled plugins that need it before.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Uninstall a plugin, with its stored values, configuration and grants.

    In a terminal it asks first.
    """
    terminal = Terminal(json=json)
    with connect() as client:
        others = dependents_of(client, name) if cascade else []
        what = f"{', '.join([*others, name])}, with {'their' if others else 'its'}"
        question = f"Uninstall {what} stored values, configuration and grants?"
        if not yes and not terminal.confirms(question):
            raise failure("refused", "Nothing was done.", f"{name} stays installed.")
        answered = client.send("DELETE", plugin_path(name, "?cascade=true" if cascade else ""))
    gone = answered["uninstalled"] if cascade else [name]
    found = {"uninstalled": name} | ({"also": gone[:-1]} if cascade else {})
    terminal.answer(found, lambda: terminal.line(f"Uninstalled {', '.join(gone)}."))


@command
def list_plugins(json: Json = False) -> None:
    """List the installed plugins."""
    terminal = Terminal(json=json)
    with connect() as client:
        found = client.get("/plugins")
    terminal.answer({"plugins": found}, lambda: _show_list(terminal, found))


@command
def show(name: Name, json: Json = False) -> None:
    """Show an installed plugin, its permissions and its functions."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.get(plugin_path(name))
        functions = client.get(plugin_path(name, "/functions"))
    terminal.answer(
        {**view, "functions": functions}, lambda: _show_plugin(terminal, view, functions)
    )


@command
def enable(
    name: Name,
    with_dependencies: Annotated[
        bool, typer.Option("--with-dependencies", help="Enable all that it needs before.")
    ] = False,
    json: Json = False,
) -> None:
    """Let a plugin take calls."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.post(_switch_path(name, "enable", with_dependencies))
    terminal.answer(view, lambda: _show_switched(terminal, view))


@command
def disable(
    name: Name,
    cascade: Annotated[
        bool, typer.Option("--cascade", help="Disable the enabled plugins that need it before.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Let a plugin take no more calls, until it is enabled again.

    In a terminal it asks first, if others go with it.
    """
    terminal = Terminal(json=json)
    with connect() as client:
        others = dependents_of(client, name) if cascade else []
        question = f"Disable {name}, and before it {', '.join(others)}, which need it?"
        if others and not yes and not terminal.confirms(question):
            raise failure("refused", "Nothing was done.", f"{name} stays as it is.")
        view = client.post(_switch_path(name, "disable", cascade))
    terminal.answer(view, lambda: _show_switched(terminal, view))


def _switch_path(name: str, verb: str, cascade: bool) -> str:
    return plugin_path(name, f"/{verb}?cascade=true" if cascade else f"/{verb}")


def _show_switched(terminal: Terminal, view: dict[str, Any]) -> None:
    for each in (*view["also"], view):
        why = f" ({each['state_reason']})" if each["state_reason"] else ""
        terminal.line(f"{each['name']} is {each['state']}{why}.")


def _with_signatures(
    sources: list[Path], chosen: Path | None
) -> list[tuple[str, bytes, bytes | None]]:
    if chosen is not None:
        raise InvalidArguments(
            "--signature is of one package; of several, each has its own beside it as FILE.sig."
        )
    return [(each.name, package_at(each), signature_of(each, None)) for each in sources]


@contextmanager
def uploading(
    terminal: Terminal, package: bytes, label: str
) -> Iterator[Callable[[int, int | None], None]]:
    """Lend what is told how much of a package has gone, with a bar for who watches."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        console=terminal.err,
        transient=True,
        disable=terminal.json or not terminal.err.is_terminal,
    ) as bar:
        task = bar.add_task("uploading", total=len(package))

        def sent(gone: int, total: int | None) -> None:
            bar.update(task, completed=gone)
            if gone == total:
                bar.stop()
                terminal.note(f"{label}: sent; the host checks and compiles it.")

        yield sent


def _show_installed(terminal: Terminal, view: dict[str, Any]) -> None:
    terminal.line(f"Installed {view['name']} {view['version']}: {view['state']}.", "bold")
    _show_trust(terminal, view)
    show_review(terminal, view["review"])
    show_webhooks(terminal, view["webhooks"])
    note_how_to_grant(terminal, f"wardian grant {view['name']}", view["review"])
    show_asked(terminal, view["schedules"])
    show_enhancements(terminal, view["enhancements"])
    for function in view["functions"]:
        terminal.line(f"  {function}")


def _show_trust(terminal: Terminal, view: dict[str, Any]) -> None:
    if view["signed"]:
        terminal.line(f"signed by: {view['publisher']}, with the key {view['key_id']}")
    for warning in view["warnings"]:
        terminal.note(f"warning: {warning}", "yellow")


def _show_batch(terminal: Terminal, batch: dict[str, Any]) -> None:
    for view in batch["installed"]:
        _show_installed(terminal, view)
    for release in batch["left_out"]:
        terminal.note(f"{release} was left out: another version of it was installed.")


def _show_list(terminal: Terminal, found: list[dict[str, Any]]) -> None:
    if not found:
        terminal.line("No plugin is installed.")
        return
    columns = ("name", "version", "state", "health", "level", "description")
    rows = [
        [str(item[name]) for name in columns]
        for item in ({**each, "health": each["health"]["status"]} for each in found)
    ]
    terminal.table(list(columns), rows)


def _show_plugin(
    terminal: Terminal, view: dict[str, Any], functions: dict[str, dict[str, Any]]
) -> None:
    terminal.line(f"{view['name']} {view['version']}", "bold")
    for name in ("description", "state", "state_reason", "level"):
        if view.get(name):
            terminal.line(f"{name.replace('_', ' ')}: {view[name]}")
    terminal.line(f"package: SHA-256 {view['package_digest']}")
    terminal.line(f"component: SHA-256 {view['digest']}")
    terminal.line(f"installed at: {moment(view['installed_at'])}")
    if view["capabilities"]:
        terminal.line(f"offers: {', '.join(view['capabilities'])}")
    _show_trust(terminal, view)
    for line in vitals(view):
        terminal.line(line)
    show_review(terminal, view["review"])
    show_asked(terminal, view["schedules"])
    show_enhancements(terminal, view["enhancements"])
    show_webhooks(terminal, view["webhooks"])
    for name, function in functions.items():
        terminal.line(f"{name}: {function.get('signature', '')}")
