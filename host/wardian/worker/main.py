"""The worker's loop: read a call, find the component, run it, report."""

from __future__ import annotations

import contextlib
import os
import socket
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from wardian import errors
from wardian.policy.limits import Limits
from wardian.sandbox import Component, LiveInstance, Sandbox
from wardian.sandbox.audit import audit, check_size
from wardian.sandbox.linker import Imports
from wardian.worker.channel import Channel, Disconnected
from wardian.worker.configured import Configuration
from wardian.worker.confinement import Confinement
from wardian.worker.host_calls import EXHAUSTED_CALLS, Conversation
from wardian.worker.protocol import (
    ARTIFACT_UNUSABLE,
    PLANS_MAX,
    Call,
    Compile,
    Compiled,
    Done,
    Failed,
    Plan,
    Ready,
)

LOADED_COMPONENTS_MAX = 8

PARALLEL_FROM_BYTES = 1024 * 1024
"""A smaller component is compiled by one thread: it takes milliseconds, and leaves all processors
but one to calls."""

AHEAD_SECONDS = 0.05
"""An instance that takes longer to make is made when it is called for."""


def serve(
    connection: socket.socket, sandbox: Sandbox, confinement: Confinement | None = None
) -> None:
    """Run calls from ``connection`` in ``sandbox`` until the broker closes it.

    ``confinement`` is what this process has entered; a thread of the host has none.
    """
    channel = Channel(connection)
    with sandbox:
        runner = _Runner(sandbox, channel, confinement)
        try:
            sandbox.begin(None if confinement is None else confinement.statm)
            if confinement is not None:
                confinement.seal()
            channel.send(Ready())
            sandbox.warm()
            while True:
                message = channel.receive()
                if isinstance(message, Plan):
                    runner.plan(message)
                elif isinstance(message, Call):
                    channel.awake = message.awake
                    channel.send(runner.run(message))
                    runner.look_ahead()
        except Disconnected:
            return


def compile_once(connection: socket.socket, source: int, target: int) -> None:
    """Audit and compile the component in descriptor ``source`` into ``target``, once."""
    channel = Channel(connection)
    channel.send(Ready())
    message = channel.receive()
    if not isinstance(message, Compile):
        return
    is_large = os.fstat(source).st_size > PARALLEL_FROM_BYTES
    with Sandbox(parallel_compilation=is_large) as sandbox:
        try:
            with os.fdopen(source, "rb") as file:
                wasm = file.read()
            check_size(wasm)
            component, code = sandbox.compile(wasm)
            audit(component.surface, message.offer)
            sandbox.check_links(component, Conversation(channel).imports_of(component))
            with os.fdopen(target, "wb") as file:
                file.write(code)
        except errors.WardianError as error:
            channel.send(_failed(message.call, error))
        except MemoryError:
            channel.send(_failed(message.call, errors.CompileExceeded()))
        else:
            channel.send(Compiled(message.call, component.description))


class _Runner:
    """Runs calls by plans, and keeps the components that were called last."""

    def __init__(self, sandbox: Sandbox, channel: Channel, confinement: Confinement | None) -> None:
        self._sandbox = sandbox
        self._confinement = confinement
        self._channel = channel
        self._conversation = Conversation(channel)
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._plans: dict[int, _Plan] = {}
        self._last: _Plan | None = None

    def plan(self, plan: Plan) -> None:
        """Remember what calls have in common."""
        limits = _with_slack(plan.limits)
        text = plan.configuration
        configuration = None if text is None else Configuration(text)
        self._plans[plan.plan % PLANS_MAX] = _Plan(plan, limits, configuration)
        if plan.ahead:
            # Code that does not load fails the call that needs it, and nothing before.
            with contextlib.suppress(errors.WardianError):
                self._load(plan)

    def run(self, call: Call) -> Done | Failed:
        plan = self._plans[call.plan]
        try:
            loaded = self._load(plan.given)
        except errors.WardianError as error:
            return Failed(call.call, ARTIFACT_UNUSABLE, error.message, {}, None)
        if self._confinement is not None:
            self._confinement.settle(alone=plan.given.once)
        self._last = plan
        self._conversation.begin(call.call, plan.given.limits, plan.configuration)
        report = self._report(call, plan, loaded)
        self._conversation.end()
        if report.usage is not None:
            report.usage.log_lines = self._conversation.log_lines
            report.usage.dropped_log_lines = self._conversation.dropped_log_lines
        return report

    def look_ahead(self) -> None:
        """While nothing is asked for: free the instance of the last call, and make the next.

        What a guest does before its first call may depend on answers of the host, or show; then its
        instances are made when they are called for.
        """
        plan, self._last = self._last, None
        if plan is None or plan.given.once or plan.given.reuse:
            return
        loaded = self._loaded[plan.given.source.digest]
        if loaded.live is not None:
            loaded.live.close()
            loaded.live = None
        if loaded.ahead and self._channel.idle():
            live = self._sandbox.instance(loaded.component, imports=loaded.imports)
            loaded.ahead = live.prepare(plan.limits, AHEAD_SECONDS) and not self._conversation.spoke
            if loaded.ahead:
                loaded.live, loaded.limits = live, plan.limits
            else:
                live.close()

    def _report(self, call: Call, plan: _Plan, loaded: _Loaded) -> Done | Failed:
        try:
            return self._answer(call, plan, loaded)
        except errors.WardianError as error:
            return _failed(call.call, error)
        except MemoryError:
            return _failed(call.call, errors.MemoryExceeded("The worker ran out of memory."))
        except RecursionError:
            return _failed(
                call.call, errors.InvalidArguments("A value nests deeper than can be passed.")
            )

    def _answer(self, call: Call, plan: _Plan, loaded: _Loaded) -> Done:
        live = loaded.live
        ahead_for_others = not plan.given.reuse and loaded.limits != plan.limits
        if live is None or not live.usable or ahead_for_others:
            live = self._sandbox.instance(loaded.component, imports=loaded.imports)
            loaded.live = live
        self._conversation.live = live
        outcome = live.call(call.function, call.arguments, limits=plan.limits)
        result = outcome.result if outcome.encoded is None else msgspec.Raw(outcome.encoded)
        return Done(call.call, result, outcome.usage)

    def _load(self, plan: Plan) -> _Loaded:
        digest = plan.source.digest
        loaded = self._loaded.get(digest)
        if loaded is not None:
            self._loaded.move_to_end(digest)
            return loaded
        component = self._sandbox.load_compiled(Path(plan.code), plan.source)
        loaded = _Loaded(component, self._conversation.imports_of(component))
        self._loaded[digest] = loaded
        if len(self._loaded) > LOADED_COMPONENTS_MAX:
            _, oldest = self._loaded.popitem(last=False)
            if oldest.live is not None:
                oldest.live.close()
        return loaded


@dataclass(slots=True)
class _Plan:
    """A plan, and what follows from it."""

    given: Plan
    limits: Limits
    configuration: Configuration | None


@dataclass(slots=True)
class _Loaded:
    """A component that was called lately.

    Attributes:
        live: its instance, if it lives on, or is one that was made ahead for the next call.
        limits: under which it was made ahead.
        ahead: whether one may be made ahead.
    """

    component: Component
    imports: Imports
    live: LiveInstance | None = None
    limits: Limits | None = None
    ahead: bool = True


def _with_slack(limits: Limits) -> Limits:
    """Past its budget of host calls a guest is told so, until it does not listen."""
    return replace(limits, host_calls=limits.host_calls + EXHAUSTED_CALLS)


def _failed(call: int, error: errors.WardianError) -> Failed:
    usage = error.usage if isinstance(error, errors.CallError) else None
    return Failed(call, type(error).type, error.message, error.details(), usage)
