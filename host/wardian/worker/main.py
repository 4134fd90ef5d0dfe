"""The worker's loop: read a call, find the component, run it, report."""

from __future__ import annotations

import os
import socket
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path

from wardian import errors
from wardian.policy.limits import Limits
from wardian.sandbox import Component, LiveInstance, Outcome, Sandbox
from wardian.sandbox.audit import audit
from wardian.sandbox.linker import Imports
from wardian.worker.channel import Channel, Disconnected
from wardian.worker.confinement import Confinement
from wardian.worker.host_calls import EXHAUSTED_CALLS, Conversation
from wardian.worker.protocol import (
    ARTIFACT_UNUSABLE,
    Call,
    Compile,
    Compiled,
    Done,
    Failed,
    Ready,
)

LOADED_COMPONENTS_MAX = 8


def serve(connection: socket.socket, confinement: Confinement | None = None) -> None:
    """Run calls from ``connection`` until the broker closes it.

    ``confinement`` is what this process has entered; a thread of the host has none.
    """
    channel = Channel(connection)
    with Sandbox(statm=confinement.statm if confinement else None) as sandbox:
        runner = _Runner(sandbox, channel, confinement)
        try:
            if confinement is not None:
                confinement.seal()
            channel.send(Ready())
            while True:
                message = channel.receive()
                if isinstance(message, Call):
                    channel.send(runner.run(message))
        except Disconnected:
            return


def compile_once(connection: socket.socket, source: int, target: int) -> None:
    """Audit and compile the component in descriptor ``source`` into ``target``, once."""
    channel = Channel(connection)
    channel.send(Ready())
    message = channel.receive()
    if not isinstance(message, Compile):
        return
    with Sandbox(parallel_compilation=True) as sandbox:
        try:
            with os.fdopen(source, "rb") as file:
                wasm = file.read()
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
    """Runs calls, and keeps the components that were called last."""

    def __init__(self, sandbox: Sandbox, channel: Channel, confinement: Confinement | None) -> None:
        self._sandbox = sandbox
        self._confinement = confinement
        self._conversation = Conversation(channel)
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()

    def run(self, call: Call) -> Done | Failed:
        try:
            loaded = self._load(call)
        except errors.WardianError as error:
            return Failed(call.call, ARTIFACT_UNUSABLE, error.message, {}, None)
        if self._confinement is not None:
            self._confinement.settle(alone=call.alone)
        self._conversation.begin(call.call, call.limits)
        try:
            outcome = self._answer(call, loaded)
        except errors.WardianError as error:
            return self._counted(_failed(call.call, error))
        except MemoryError:
            return _failed(call.call, errors.MemoryExceeded("The worker ran out of memory."))
        except RecursionError:
            return _failed(
                call.call, errors.InvalidArguments("A value nests deeper than can be passed.")
            )
        return self._counted(Done(call.call, outcome.result, outcome.usage))

    def _counted(self, report: Done | Failed) -> Done | Failed:
        if report.usage is not None:
            report.usage.log_lines = self._conversation.log_lines
            report.usage.dropped_log_lines = self._conversation.dropped_log_lines
        return report

    def _answer(self, call: Call, loaded: _Loaded) -> Outcome:
        limits = _with_slack(call.limits)
        if not call.reuse:
            return self._sandbox.call(
                loaded.component,
                call.function,
                call.arguments,
                limits=limits,
                imports=loaded.imports,
            )
        if loaded.live is None or not loaded.live.usable:
            loaded.live = self._sandbox.instance(loaded.component, imports=loaded.imports)
        return loaded.live.call(call.function, call.arguments, limits=limits)

    def _load(self, call: Call) -> _Loaded:
        digest = call.source.digest
        loaded = self._loaded.get(digest)
        if loaded is not None:
            self._loaded.move_to_end(digest)
            return loaded
        component = self._sandbox.load_compiled(Path(call.code), call.source)
        loaded = _Loaded(component, self._conversation.imports_of(component))
        self._loaded[digest] = loaded
        if len(self._loaded) > LOADED_COMPONENTS_MAX:
            _, oldest = self._loaded.popitem(last=False)
            if oldest.live is not None:
                oldest.live.close()
        return loaded


@dataclass(slots=True)
class _Loaded:
    """A component that was called lately, and its instance if that lives on."""

    component: Component
    imports: Imports
    live: LiveInstance | None = None


def _with_slack(limits: Limits) -> Limits:
    """Past its budget of host calls a guest is told so, until it does not listen."""
    return replace(limits, host_calls=limits.host_calls + EXHAUSTED_CALLS)


def _failed(call: int, error: errors.WardianError) -> Failed:
    usage = error.usage if isinstance(error, errors.CallError) else None
    return Failed(call, type(error).type, error.message, error.details(), usage)
