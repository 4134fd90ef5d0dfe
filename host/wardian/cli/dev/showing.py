"""What the loop prints: lines in colour for people, one JSON object a line for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
from rich.text import Text

from wardian.cli.access import curl_line
from wardian.cli.authoring import BuildFailed, Progress, SourceFault
from wardian.cli.dev.examples import example, function_to_try, short_name
from wardian.cli.dev.hearing import Line
from wardian.cli.dev.reloading import Reloaded
from wardian.cli.failures import failure_of
from wardian.cli.terminal import Terminal
from wardian.cli.text import size, visible, visible_lines
from wardian.cli.validate import described
from wardian.errors import WardianError
from wardian.plugins.compatibility import Change
from wardian.runtime.call_log import Ended

_LEVELS = {"debug": "dim", "info": "cyan", "warning": "yellow", "error": "bold red"}
_SHOWN_CHANGED = 5


class Screen:
    """Where everything that the loop has to tell goes, in the order in which it happens.

    ``once`` says that there is one attempt, and nothing to wait for after it.
    """

    def __init__(self, terminal: Terminal, *, once: bool = False) -> None:
        self._terminal = terminal
        self._once = once
        self._url = ""
        self._key = ""

    def serving(self, url: str, key: str, directory: str, data_dir: str) -> None:
        """The host answers; functions are called there from now on."""
        self._url, self._key = url, key
        facts = {"url": url, "api_key": key, "directory": directory, "data_dir": data_dir}
        self._event("serving", facts, self._serving, url, key, directory)

    def _serving(self, url: str, key: str, directory: str) -> None:
        self._print((f"Wardian serves {directory} at {url}", "bold"))
        self._print(f"Documentation: {url}/docs")
        self._print("API key: ", (key, "green"))
        stop = "" if self._once else " Stop with Ctrl-C."
        self._print((f"Everything that the plugin asks for is granted.{stop}", "dim"))

    @contextmanager
    def building(self, changed: Sequence[str]) -> Iterator[Progress]:
        """A build begins, because of these files; yields a function that is told its steps."""
        few = len(changed) <= _SHOWN_CHANGED
        because = ", ".join(changed) if few else f"{len(changed)} files"
        self._event("building", {"changed": list(changed)}, lambda: None)
        with self._busy(f"Building ({because})" if because else "Building") as progress:
            yield progress

    def built(self, size_bytes: int, seconds: float) -> None:
        """A build has succeeded."""
        facts = {"size_bytes": size_bytes, "seconds": seconds}
        text = f"Built in {seconds:.1f} s ({size(size_bytes)})."
        self._event("built", facts, self._print, (text, "dim"))

    @contextmanager
    def loading(self) -> Iterator[None]:
        """The plugin is handed to the host, which compiles it."""
        with self._busy("Loading"):
            yield

    def unchanged(self) -> None:
        """What was saved gives the very package that runs."""
        self._event("unchanged", {}, self._print, ("The package is the same as before.", "dim"))

    def failed(
        self, error: WardianError, faults: Sequence[SourceFault], serving: str | None
    ) -> None:
        """There is no new version; ``serving`` is the one that goes on, if any does."""
        facts = {
            "error": failure_of(error).error,
            "faults": msgspec.to_builtins(faults),
            "serving": serving,
        }
        self._event("failed", facts, self._failed, error, faults, serving)

    def _failed(
        self, error: WardianError, faults: Sequence[SourceFault], serving: str | None
    ) -> None:
        for fault in faults:
            place, _, text = str(fault).partition(": ")
            self._print((place, "bold"), ": ", (text, "red"))
        if not faults or isinstance(error, BuildFailed):
            self._print(("error: ", "bold red"), visible_lines(error.message))
        kept = f"Version {serving} goes on serving." if serving else "Nothing serves yet."
        if not self._once:
            self._print((f"{kept} Waiting for a change.", "yellow"))

    def reloaded(self, found: Reloaded, seconds: float) -> None:
        """A new version takes the calls."""
        view = found.view
        try_it = self._line_to_try(found)
        facts = {
            "name": view.name,
            "version": view.version,
            "digest": view.digest,
            "state": view.state,
            "state_reason": view.state_reason,
            "seconds": seconds,
            "first": found.first,
            "changes": msgspec.to_builtins(found.changes),
            "new_permissions": msgspec.to_builtins(found.asked),
            "granted": view.granted,
            "warnings": [described(warning) for warning in found.warnings],
            "functions": view.functions,
            "curl": try_it,
        }
        self._event("reloaded", facts, self._reloaded, found, seconds, try_it)

    def _reloaded(self, found: Reloaded, seconds: float, try_it: str | None) -> None:
        view = found.view
        verb = "Loaded" if found.first else "Reloaded"
        text = f"{verb} {view.name} {view.version} in {seconds * 1000:.0f} ms"
        self._print(self._time(), (text, "bold green"))
        if view.state != "active":
            self._print((f"It is {view.state}: {view.state_reason}", "bold red"))
        for change in found.changes:
            self._print(*_change(change))
        for asked in found.asked:
            self._print("  granted ", (asked.permission, "magenta"), f"  {asked.reason}")
        for warning in found.warnings:
            self._print((f"  warning: {warning}", "yellow"))
        if found.first and try_it is not None:
            self._print("Try it:")
            self._print((try_it, "green"))

    def _line_to_try(self, found: Reloaded) -> str | None:
        if found.question is not None:
            return curl_line(f"{self._url}/api/v1/agents/ask", self._key, found.question)
        function = function_to_try(found.functions)
        if function is None:
            return None
        name = quote(short_name(function.name, found.functions), safe="")
        url = f"{self._url}/api/v1/plugins/{found.view.name}/functions/{name}"
        return curl_line(url, self._key, {"arguments": example(function.parameters)})

    def answered(self, function: str, result: Any, usage: Mapping[str, Any]) -> None:
        """The call that is made after every reload has succeeded."""
        facts = {"function": function, "result": result, "usage": usage}
        self._event("result", facts, self._answered, result, usage)

    def _answered(self, result: Any, usage: Mapping[str, Any]) -> None:
        self._terminal.value(result)
        if usage:
            self._terminal.spent(dict(usage))

    def refused(self, function: str, error: WardianError) -> None:
        """The call that is made after every reload has failed."""
        failed = failure_of(error)
        facts = {"function": function, "error": failed.error}
        if failed.usage is not None:
            facts["usage"] = msgspec.to_builtins(failed.usage)
        self._event("result", facts, self._terminal.fail, failed)

    def called(self, call: Ended) -> None:
        """A call has ended, whoever made it."""
        self._event("call", call._asdict(), self._called, call)

    def _called(self, call: Ended) -> None:
        style = "green" if call.outcome == "ok" else "bold red"
        took = f" {call.seconds * 1000:.1f} ms"
        self._print(self._time(), f"{call.function} ", (call.outcome, style), (took, "dim"))

    def said(self, line: Line) -> None:
        """A plugin has logged or printed something, or the host a warning."""
        facts = {
            "level": line.level,
            "message": line.message,
            "plugin": line.plugin or None,
            "call_id": line.call_id or None,
            "fields": line.fields,
        }
        self._event("log", facts, self._said, line)

    def _said(self, line: Line) -> None:
        fields = "".join(f" {name}={value}" for name, value in line.fields.items())
        level = (f"{line.level:7} ", _LEVELS.get(line.level, ""))
        # Whoever says it cannot make it look like a line of somebody else's.
        self._print(
            self._time(),
            level,
            (f"[{visible(line.plugin or 'host')}] ", "dim"),
            visible(line.message),
            (visible(fields), "dim"),
        )

    def _event(self, name: str, facts: Mapping[str, Any], show: Any, *shown: Any) -> None:
        self._terminal.answer({"event": name, **facts}, lambda: show(*shown))

    def _print(self, *parts: str | tuple[str, str]) -> None:
        styled = [part if isinstance(part, tuple) else (part, "") for part in parts]
        safe = [(visible_lines(text), style) for text, style in styled]
        self._terminal.out.print(Text.assemble(*safe))

    def _time(self) -> tuple[str, str]:
        return f"{datetime.now().astimezone():%H:%M:%S} ", "dim"

    @contextmanager
    def _busy(self, text: str) -> Iterator[Progress]:
        """Like `Terminal.busy`, but on the stream that everything else of the loop is on."""
        if self._terminal.json or not self._terminal.out.is_terminal:
            if not self._terminal.json:
                self._print((text, "dim"))
            yield lambda _step: None
            return
        with self._terminal.out.status(Text(visible(text))) as status:
            yield lambda step: status.update(Text(visible(f"{text}: {step}")))


def _change(change: Change) -> tuple[str | tuple[str, str], ...]:
    style = "red" if change.breaking else "green" if change.kind == "added" else "yellow"
    where = f"{change.subject} ({change.place})" if change.place else change.subject
    breaks = ("breaks callers ", "bold red") if change.breaking else ""
    return (f"  {change.kind:8} ", style), breaks, f"{where}: {change.text}"
