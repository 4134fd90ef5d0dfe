"""The vault: status, open, rotate, rekey."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import typer

from wardian.cli.client import connect
from wardian.cli.failures import FAILED, Failure
from wardian.cli.terminal import Json, Terminal, command

_LOOK_SECONDS = 0.5


@command
def status(json: Json = False) -> None:
    """Tell whether the vault is sealed, and which keys the tenant has."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.get("/vault")
    terminal.answer(view, lambda: _show(terminal, view))


@command
def open_vault(json: Json = False) -> None:
    """Try to open a sealed vault, once its root key is back; exit 1 if it stays sealed."""
    terminal = Terminal(json=json)
    with connect() as client:
        view = client.post("/vault/open")
    terminal.answer(view, lambda: _show(terminal, view))
    if view["sealed"]:
        raise typer.Exit(FAILED)


@command
def rotate(json: Json = False) -> None:
    """Make a new data key, and seal all of the tenant's credentials with it."""
    terminal = Terminal(json=json)
    with _watched(terminal, "to_reseal", "credentials are left to be sealed"), connect() as client:
        done = client.post("/vault/rotate")
    terminal.answer(done, lambda: _show_rotated(terminal, done))


@command
def rekey(json: Json = False) -> None:
    """Wrap the data keys of all tenants under a new root key; for the host's operator."""
    terminal = Terminal(json=json)
    with _watched(terminal, "to_rewrap", "data keys are left to be wrapped"), connect() as client:
        done = client.post("/vault/rekey")
    terminal.answer(done, lambda: _show_rekeyed(terminal, done))


@contextmanager
def _watched(terminal: Terminal, left: str, text: str) -> Iterator[None]:
    """Show how much is left, as long as the block waits for it to be done."""
    ended = Event()
    with terminal.busy("Making a new key") as say:
        watcher = Thread(target=_watch, args=(ended, left, lambda n: say(f"{n} {text}")))
        if not terminal.json:
            watcher.start()
        try:
            yield
        finally:
            ended.set()
            if watcher.ident is not None:
                watcher.join()


def _watch(ended: Event, left: str, say: Callable[[int], None]) -> None:
    try:
        with connect() as client:
            while not ended.wait(_LOOK_SECONDS):
                say(client.get("/vault")[left])
    except Failure:
        return  # whoever waits for the answer itself tells what is wrong


def _show(terminal: Terminal, view: dict[str, Any]) -> None:
    if view["sealed"]:
        terminal.line("The vault is sealed.", "bold red")
        terminal.line(view["reason"])
    else:
        terminal.line(f"The vault is open; its root key is {view['root_key']}.", "bold")
    terminal.line(f"credentials: {view['credentials']}")
    columns = ["data key", "state", "wrapped by", "sealings", "made"]
    rows = [
        [
            str(key["number"]),
            key["state"],
            key["root_key"],
            f"{key['sealings']:,}",
            key["created_at"].partition("T")[0],
        ]
        for key in view["keys"]
    ]
    if rows:
        terminal.table(columns, rows)
    if view["to_reseal"]:
        terminal.line(
            f"{view['to_reseal']} credentials are sealed with an older data key: "
            "`wardian vault rotate` goes on.",
            "yellow",
        )
    if view["to_rewrap"] and not view["sealed"]:
        terminal.line(
            f"{view['to_rewrap']} data keys are wrapped by another root key: "
            "`wardian vault rekey` goes on.",
            "yellow",
        )


def _show_rotated(terminal: Terminal, done: dict[str, Any]) -> None:
    what = "Ended the rotation that was cut short" if done["resumed"] else "Rotated"
    terminal.line(
        f"{what}: data key {done['key']} seals now, {done['resealed']} credentials were sealed "
        f"anew, {done['dropped']} old keys dropped."
    )
    for name in done["damaged"]:
        terminal.line(f"{name} cannot be opened: it is damaged. Set it anew.", "bold red")


def _show_rekeyed(terminal: Terminal, done: dict[str, Any]) -> None:
    terminal.line(
        f"The root key is {done['root_key']} now; {done['rewrapped']} data keys were wrapped anew."
    )
    terminal.line(
        "Keep a copy of it apart from the database's. Backups of the database from before take the "
        "root key from before."
    )
    for tenant in done["damaged"]:
        terminal.line(f"A data key of the tenant {tenant} is damaged.", "bold red")
