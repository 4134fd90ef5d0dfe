"""What happens each time that the files have changed: build, reload, call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from wardian.agents.host import Host
from wardian.cli import authoring
from wardian.cli.authoring import BuildHalted, Halt
from wardian.cli.dev.building import build
from wardian.cli.dev.examples import AskedQuestion, question_wanted
from wardian.cli.dev.reloading import ACTOR, Reloaded, Target
from wardian.cli.dev.showing import Screen
from wardian.cli.dev.watching import State
from wardian.errors import WardianError
from wardian.sandbox import to_json


@dataclass(frozen=True, slots=True)
class CallWanted:
    """A call that is made after every reload."""

    function: str
    arguments: Mapping[str, Any]


class Attempts:
    """Makes a directory's state the plugin that runs, as far as it can be.

    What cannot be built or installed is shown, and what ran before goes on running.
    """

    def __init__(
        self,
        directory: Path,
        host: Host,
        target: Target,
        screen: Screen,
        tenant: str,
        wanted: CallWanted | None = None,
    ) -> None:
        self._directory = directory
        self._host = host
        self._target = target
        self._screen = screen
        self._tenant = tenant
        self._wanted = wanted
        self._seen: State | None = None
        self._built: State | None = None
        self._building: tuple[State, Halt] | None = None

    async def attempt(self, state: State) -> bool:
        """Build if need be, reload, and make the call that is wanted; tell whether all went well.

        A build that a newer state overtakes ends without a word: the newer one comes next.
        """
        changed = [] if self._seen is None else state.changed_since(self._seen)
        self._seen = state
        try:
            if await self._needs_build(state):
                await self._build(state, changed)
            found = await self._reload()
        except BuildHalted:
            return False
        except (WardianError, OSError) as error:
            self._fail(error)
            return False
        return found is None or await self._call(found)

    def overtaken(self, state: State) -> None:
        """Halt the build that runs, if any, where ``state`` has other sources."""
        if self._building is not None:
            built, halt = self._building
            if state.sources != built.sources:
                halt()

    async def _needs_build(self, state: State) -> bool:
        if not state.sources:
            return False
        if self._built is not None:
            return state.sources != self._built.sources
        if await asyncio.to_thread(authoring.is_built, self._directory):
            self._built = state
            return False
        return True

    async def _build(self, state: State, changed: list[str]) -> None:
        # If it fails the next attempt builds again, whatever it was that changed.
        self._built = State()
        halt = Halt()
        self._building = state, halt
        started = time.monotonic()
        try:
            with self._screen.building(changed) as progress:
                component = await build(self._directory, progress, halt)
        finally:
            self._building = None
        self._built = state
        self._screen.built(component.stat().st_size, time.monotonic() - started)

    async def _reload(self) -> Reloaded | None:
        started = time.monotonic()
        with self._screen.loading():
            found = await self._target.reload()
        if found is None:
            self._screen.unchanged()
        else:
            self._screen.reloaded(found, time.monotonic() - started)
        return found

    async def _call(self, found: Reloaded) -> bool:
        wanted = self._wanted
        if wanted is None:
            return True
        try:
            if found.question is not None and found.is_asked_by(wanted.function):
                question = question_wanted(wanted.arguments, found.question)
                await self._ask(wanted.function, question, found.view.name)
            else:
                await self._call_function(found.view.name, wanted)
        except WardianError as error:
            self._screen.refused(wanted.function, error)
            return False
        return True

    async def _call_function(self, plugin: str, wanted: CallWanted) -> None:
        outcome = await self._host.call(
            plugin, wanted.function, wanted.arguments, tenant=self._tenant, subject=ACTOR
        )
        usage = msgspec.to_builtins(outcome.usage)
        self._screen.answered(wanted.function, to_json(outcome.result), usage)

    async def _ask(self, function: str, question: AskedQuestion, agent: str) -> None:
        answer = await self._host.agents.ask(
            question.capability,
            question.input,
            criteria={"agents": [agent]} | question.criteria,
            tenant=self._tenant,
            subject=ACTOR,
        )
        self._screen.answered(function, answer.output, answer.usage or {})

    def _fail(self, error: WardianError | OSError) -> None:
        if isinstance(error, OSError):
            error = WardianError(f"{error.filename or self._directory}: {error.strerror}.")
        faults = authoring.faults_of(error, self._directory)
        present = self._target.present
        self._screen.failed(error, faults, None if present is None else present.view.version)
