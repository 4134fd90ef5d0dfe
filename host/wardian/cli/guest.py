"""What a guest says during a local call, on standard error.

Each line begins with the plugin's name in brackets and is one line, whatever the guest wrote, so
that nothing of it can be taken for a line of Wardian's own.
"""

from __future__ import annotations

import codecs
import sys
from typing import Protocol

from wardian.cli.text import visible

MAX_LINE_CHARS = 8_192


class Listener(Protocol):
    """Who hears what a guest says."""

    def log(self, level: str, message: str, fields: list[list[str]]) -> None:
        """Hear a log line."""

    def event(self, topic: str, data: str) -> None:
        """Hear of an event that the guest published."""

    def piece(self, text: str) -> None:
        """Hear a piece of an agent's answer."""

    def output(self, written: bytes) -> None:
        """Hear what the guest wrote to its standard output or error."""


class GuestLines:
    """Prints what a guest says."""

    def __init__(self, plugin: str) -> None:
        self._plugin = visible(plugin)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._partial = ""

    def log(self, level: str, message: str, fields: list[list[str]]) -> None:
        """Print a log line with its fields."""
        self._print(level, message + "".join(f" {name}={value}" for name, value in fields))

    def event(self, topic: str, data: str) -> None:
        """Print an event."""
        self._print("event", f"{topic} {data}")

    def piece(self, text: str) -> None:
        """Print a piece of an answer."""
        self._print("piece", text)

    def output(self, written: bytes) -> None:
        """Print the lines that are complete; a write need not be a line."""
        *lines, self._partial = (self._partial + self._decoder.decode(written)).split("\n")
        for line in lines:
            self._print("output", line)
        if len(self._partial) > MAX_LINE_CHARS:
            self.end()

    def end(self) -> None:
        """Print what was written last, if no line break came after it."""
        if self._partial:
            self._print("output", self._partial)
            self._partial = ""

    def _print(self, kind: str, text: str) -> None:
        shown = text if len(text) <= MAX_LINE_CHARS else f"{text[:MAX_LINE_CHARS]}…"
        sys.stderr.write(f"[{self._plugin}] {kind}: {visible(shown)}\n")
