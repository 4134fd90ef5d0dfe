"""The steps of one build: programs that run one after the other and leave one log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wardian.cli.authoring.errors import BuildFailed, ToolchainMissing
from wardian.cli.authoring.halting import Halt

SHOWN_LINES = 40

Progress = Callable[[str], None]


class Steps:
    """Runs programs, keeps all of their output in ``log`` and shows the end of a failure's.

    Where the output names ``staging`` it is made to name ``original``, the directory that the
    author knows and that what was staged is a copy of.
    """

    def __init__(
        self,
        log: Path,
        progress: Progress,
        staging: Path,
        original: Path,
        halt: Halt | None = None,
    ) -> None:
        self._halt = halt or Halt()
        self._log = log
        self._progress = progress
        self._staging = str(staging)
        self._original = str(original)
        log.write_text("", encoding="utf-8")

    def run(
        self,
        what: str,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Announce ``what``, run ``command`` to its end and return its output.

        ``environment`` is added to this process's own. Raises ``BuildFailed`` with the last
        lines when the program fails, ``ToolchainMissing`` when there is no such program and
        ``BuildHalted`` when the build is given up.
        """
        self._halt.check()
        self._progress(what)
        try:
            process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                process_group=0,
            )
        except FileNotFoundError as error:
            raise ToolchainMissing(f"{what} needs `{command[0]}`, which was not found.") from error
        with process, self._halt.over(process):
            written, _ = process.communicate()
        self._halt.check()
        output = written.replace(self._staging, self._original)
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"# {what}\n{output}\n")
        if process.returncode != 0:
            raise BuildFailed(self._failure(what, process.returncode, output), output=output)
        return output

    def _failure(self, what: str, code: int, output: str) -> str:
        lines = output.rstrip().splitlines()
        shown = lines[-SHOWN_LINES:]
        if len(shown) < len(lines):
            shown.insert(0, f"[{len(lines) - len(shown)} lines before these are in {self._log}]")
        return f"{what} failed with exit code {code}:\n" + "\n".join(shown)
