"""Calls: authority and level become limits and a budget; the outcome becomes a record."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from wardian.capabilities import Budget, CallContext, CallFacts, Course
from wardian.capabilities.answering import OnPiece, Pieces
from wardian.capabilities.logging import write_output
from wardian.config import configured
from wardian.crypto.identifiers import new_id
from wardian.errors import CallError, GuestError, InvalidArguments, WardianError
from wardian.plugins import Installed
from wardian.plugins.agents import AGENT_ASK
from wardian.plugins.ceiling import LevelCeiling
from wardian.plugins.text import escaped
from wardian.plugins.trust import Trust
from wardian.policy import trace
from wardian.policy.grants import Authority
from wardian.policy.layers import Environment
from wardian.policy.leaks import Leaks
from wardian.policy.levels import LEVELS, Level, RunsIn
from wardian.policy.limits import Limits, limits_from
from wardian.policy.permissions import Permission
from wardian.policy.terms import Terms
from wardian.policy.usage import Usage
from wardian.runtime.accounting import Accounting, Entry
from wardian.runtime.arguments import UNENCODABLE, fault_of
from wardian.runtime.call_log import CallLog, Ended
from wardian.runtime.executor.job import HostCalls, Job, Place
from wardian.runtime.host_calls import HostFunctions
from wardian.runtime.monitoring import Monitoring
from wardian.runtime.package_files import PackageFiles
from wardian.runtime.ports import Executor
from wardian.runtime.recording import Recorder
from wardian.runtime.sinks import Sinks, may_meet_credentials
from wardian.runtime.tape import RecordedCall, Tape, is_recorded
from wardian.runtime.traced import traced_call
from wardian.runtime.views import CallOutcome
from wardian.storage.documents import dump_json
from wardian.telemetry import Telemetry
from wardian.telemetry.bound import CALL
from wardian.telemetry.steps import current_ids

SETTLED_MAX = 1_024
FAULT_CHARACTERS_MAX = 500
"""How much is kept of why a call of the host's own failed."""

_MAX_NAME_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """What was asked for, before anything of it was checked.

    Attributes:
        limits: overrides by name, which only ever lower.
        counted: whether the plugin's statistics are to have it, and the day's quotas; not if it is
            the host's own.
        call_id: one is made when it is None.
        caller: the call of another plugin that makes this one, and waits for it. Its rights and its
            budget are what this one has at most.
        hops, origin: how many events led to it, and the first; of a call that a plugin makes they
            are its caller's.
        scopes: of the key that the first call of all was made with; None if it took no key.
        is_kept: whether the host writes down what it answers, or why it failed; then these have
            nothing of what the call was given by ``reveal``, either.
        course: where what the call does is noted, if somebody wants to know.
        on_piece: hears what an agent says before its answer is whole.
        question: names the question that the host puts to an agent with it, also where it is made
            more than once; nobody else puts any.
    """

    function: str
    arguments: Mapping[str, Any]
    subject: str = "host"
    limits: Mapping[str, Any] | None = None
    counted: bool = True
    call_id: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    caller: CallContext | None = None
    hops: int = 0
    origin: str | None = None
    scopes: Collection[str] | None = None
    is_kept: bool = False
    course: Course | None = None
    on_piece: OnPiece | None = None
    question: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """What the operator set for every call of this host.

    Attributes:
        excluded: permissions that no plugin gets, whatever was granted.
        ceilings: limits, by name, that no call passes.
        ceiling: the levels that plugins may have, those installed under another setting too.
        environment: whose values plugins see.
    """

    excluded: tuple[Permission, ...] = ()
    ceilings: Mapping[str, Any] = field(default_factory=dict)
    ceiling: LevelCeiling = field(default_factory=LevelCeiling)
    environment: Environment = Environment.PRODUCTION

    def level(self, plugin: Installed) -> Level:
        """Return the level at which a plugin runs now."""
        return self.ceiling.effective(plugin.level, plugin.tenant)

    def limits(self, level: Level) -> Limits:
        """Return the limits that calls of this level have before they lower them further."""
        return limits_from(self.ceilings, LEVELS[level].limits)

    def authority(self, plugin: Installed) -> Authority:
        """Return what a plugin may do now."""
        return Authority(
            asked=plugin.asked,
            granted=plugin.granted,
            level=self.level(plugin),
            excluded=self.excluded,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A call that was not run, because the host had its answer."""

    id: str
    function: str
    seconds: float
    nested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallServices:
    """What calls are made with."""

    executor: Executor
    functions: HostFunctions
    files: PackageFiles
    telemetry: Telemetry
    accounting: Accounting
    monitoring: Monitoring
    recorder: Recorder
    trust: Trust


class Calls:
    """Runs calls and keeps the record of those that are running.

    Attributes:
        log: to be flushed at the end.
        tracing: makes the spans of calls.
    """

    def __init__(self, services: CallServices, policy: CallPolicy) -> None:
        self._services = services
        self._policy = policy
        self._running: dict[int, _Running] = {}
        self._starting: list[_Starting] = []
        self._settled: OrderedDict[tuple[str, str], _Settled] = OrderedDict()
        self._draining: dict[tuple[str, str], asyncio.Future[None]] = {}
        self.log = CallLog()
        self.tracing = services.telemetry.tracing

    async def run(self, plugin: Installed, request: CallRequest) -> CallOutcome:
        """Run one call of a plugin, whatever its state, and trace it if what it is a part of is.

        Raises:
            CallError: how it failed, with its usage.
            InvalidArguments, NotFound, Overloaded: it did not start.
            SignatureInvalid, Revoked: the tenant does not trust the plugin, or no more.
            Conflict: the plugin was stopped meanwhile; see `wardian.runtime.halts`.
            Refused: the call that makes it has too little left for it.
            QuotaExceeded: the tenant has used up what it may use in a day.
            TryLater: the host cannot write down what calls use.
        """
        trail = self.tracing.call("call")
        if trail is None:
            return await self._run(plugin, request)
        if not trail.is_recorded:
            with trail:  # nothing below is
                return await self._run(plugin, request)
        level = self._policy.level(plugin)
        return await traced_call(trail, partial(self._run, plugin), plugin, level, request)

    async def _run(self, plugin: Installed, request: CallRequest) -> CallOutcome:
        function = plugin.description.resolve(request.function)
        _check_names(request.arguments)
        accounting, tenant = self._services.accounting, plugin.tenant
        counted, nested = request.counted, request.caller is not None
        entry = accounting.at_once(tenant, counted=counted, nested=nested)
        if entry is None:
            fuel = partial(self._fuel_of, plugin, request)
            entry = await accounting.admitted(tenant, fuel, counted=counted, nested=nested)
        with entry:
            return await self._accounted(plugin, request, function, entry)

    def _fuel_of(self, plugin: Installed, request: CallRequest) -> int | None:
        """Return the most fuel that a call from outside may spend; None if it is not metered."""
        limits = self._policy.limits(self._policy.level(plugin))
        return limits_from(request.limits or {}, limits).fuel

    async def _accounted(
        self, plugin: Installed, request: CallRequest, function: str, entry: Entry
    ) -> CallOutcome:
        leaks, settled = await self._started(plugin)
        # Nothing is awaited from here until the call is among those that are running.
        plugin = settled.plugin
        limits = entry.bounded(_limits(settled, request), settled.authority)
        context = _context(settled, request, limits, leaks, _pieces(function, request, limits))
        entry.begins(plugin, function, context)
        job = self._job(settled, context, function, request.arguments)
        if plugin.monitored:
            self._watch(context)
        answer: HostCalls = self._services.functions.serving(context)
        if is_recorded(plugin, function):
            recorded = RecordedCall(
                plugin, job, request.limits or {}, settled.configuration, settled.configured
            )
            answer = self._services.recorder.tape(recorded, answer)
        key = id(context)
        running = self._running[key] = _Running(plugin, context, asyncio.current_task(), job.place)
        about = CALL.set(context.facts)
        try:
            return await self._measured(plugin, job, context, answer, entry)
        except asyncio.CancelledError:
            running.explain()
            raise
        except InvalidArguments as error:
            _name_fault(error, request.arguments)
            raise
        finally:
            CALL.reset(about)
            del self._running[key]
            _charge(context)
            if self._draining:
                self._ended(plugin)

    async def prepare(self, plugin: Installed) -> None:
        """Have what calls of a plugin need at hand before the first comes.

        Raises:
            SignatureInvalid, Revoked: the tenant does not trust it.
        """
        settled = self._settled_of(plugin) or await self._settle(_Starting(plugin))
        request = CallRequest(function="", arguments={})
        context = _context(settled, request, settled.limits)
        self._services.executor.prepare(self._job(settled, context, "", {}))

    def _job(
        self,
        settled: _Settled,
        context: CallContext,
        function: str,
        arguments: Mapping[str, Any],
    ) -> Job:
        plugin = settled.plugin
        return Job(
            call_id=context.facts.call_id,
            tenant=plugin.tenant,
            level=settled.authority.level,
            digest=plugin.digest,
            load=partial(self._services.files.component, plugin.package_digest),
            function=function,
            arguments=arguments,
            limits=context.budget.limits,
            on_output=lambda written: write_output(
                self._services.telemetry.lines,
                context,
                self._services.functions.sinks.output(context, written),
            ),
            configuration=settled.text,
            place=self._place(context),
            account=context.budget.account,
        )

    def _place(self, context: CallContext) -> Place:
        """Return a place of its own, or that of the call that waits for this one."""
        caller = context.caller
        return Place() if caller is None else self._running[id(caller)].place

    async def drained(self, plugin: Installed) -> None:
        """Wait until no call of this version of a plugin runs any more.

        Calls end at their deadlines, whatever their guests do.
        """
        if self._runs(plugin):
            loop = asyncio.get_running_loop()
            await asyncio.shield(
                self._draining.setdefault(_version_of(plugin), loop.create_future())
            )

    def _runs(self, plugin: Installed) -> bool:
        version = _version_of(plugin)
        return any(_version_of(call.plugin) == version for call in self._all())

    def _all(self) -> list[_Running | _Starting]:
        return [*self._running.values(), *self._starting]

    def _ended(self, plugin: Installed) -> None:
        if not self._runs(plugin):
            drained = self._draining.pop(_version_of(plugin), None)
            if drained is not None:
                drained.set_result(None)

    async def attempt(self, plugin: Installed, request: CallRequest) -> str | None:
        """Run one call of the host's own; return why it failed, or None if it did not.

        Every character of the answer prints, whatever the guest said.
        """
        try:
            await self.run(plugin, replace(request, counted=False, is_kept=True))
        except GuestError as error:
            return escaped(str(error.payload), FAULT_CHARACTERS_MAX)
        except WardianError as error:
            return escaped(error.message, FAULT_CHARACTERS_MAX)
        return None

    def authority(self, plugin: Installed) -> Authority:
        """Return what a plugin may do now."""
        return self._policy.authority(plugin)

    @property
    def sinks(self) -> Sinks:
        """What looks through what calls write."""
        return self._services.functions.sinks

    def limits(self, plugin: Installed, request: CallRequest) -> Limits:
        """Return the limits that a call would have, but for those of a call that makes it.

        Raises:
            InvalidArguments: an unknown limit, or a value outside its range.
        """
        policy = self._policy
        return limits_from(request.limits or {}, policy.limits(policy.level(plugin)))

    def settings_of(self, plugin: Installed) -> tuple[Authority, Mapping[str, Any]]:
        """Return what a plugin may do now, and the configuration that it sees."""
        manifest = plugin.manifest
        environment, default = self._policy.environment, manifest.default_config
        found = configured(plugin.documents, environment, manifest.config_schema, default)
        return self.authority(plugin), found

    async def answered(self, plugin: Installed, call: Answered) -> None:
        """Count a call that had its answer without being run; before it is given.

        Raises:
            QuotaExceeded: the tenant has used up its calls of the day.
            TryLater: the host cannot write down what calls use.
        """
        await self._services.accounting.answered(
            plugin, call.function, call.seconds, nested=call.nested
        )
        level = self._policy.level(plugin)
        series = self._services.telemetry.calls.of(plugin.tenant, plugin.name, call.function, level)
        series.ended("ok", Usage(wall_seconds=call.seconds))
        ended = Ended(call.id, plugin.name, plugin.version, call.function, "ok", call.seconds)
        self.log.ended(ended, failed=False)

    def regrant(self, plugin: Installed) -> None:
        """Apply a plugin's present grants to its calls that are running, of any version.

        What its manifest asks stays that of the version that runs.
        """
        for context in self._running_of(plugin):
            context.authority = replace(context.authority, granted=plugin.granted)
        for starting in self._starting_of(plugin):
            starting.plugin = replace(starting.plugin, granted=plugin.granted)

    def remonitor(self, plugin: Installed) -> None:
        """Record from now on, or no longer, what the plugin's running calls need."""
        for context in self._running_of(plugin):
            if plugin.monitored:
                self._watch(context)
            else:
                context.observer = None
        for starting in self._starting_of(plugin):
            starting.plugin = replace(starting.plugin, monitored=plugin.monitored)

    def _starting_of(self, plugin: Installed) -> list[_Starting]:
        return [each for each in self._starting if each.plugin.id == plugin.id]

    def _running_of(self, plugin: Installed) -> list[CallContext]:
        return [each.context for each in self._running.values() if each.plugin.id == plugin.id]

    def _watch(self, context: CallContext) -> None:
        facts = context.facts
        context.observer = self._services.monitoring.observer(
            facts.tenant, facts.plugin_id, facts.call_id
        )

    def running(self, tenant: str) -> list[Installed]:
        """Return the plugins of a tenant that run now, each at the version that runs."""
        found = [each.plugin for each in self._all() if each.plugin.tenant == tenant]
        return list({_version_of(plugin): plugin for plugin in found}.values())

    def end(self, plugin: Installed, error: WardianError) -> None:
        """End the calls of this version of a plugin that are running, or about to; each raises such
        an error."""
        version = _version_of(plugin)
        for call in self._all():
            if _version_of(call.plugin) == version:
                call.end(type(error)(error.message))  # of its own: each has its traceback

    def _settled_of(self, plugin: Installed) -> _Settled | None:
        """Return what is the same in every call of a plugin, if it was worked out as it is now."""
        found = self._settled.get(_version_of(plugin))
        if (
            found is None
            or found.plugin is not plugin
            or found.checked != self._services.trust.changes
        ):
            return None
        return found

    async def _started(self, plugin: Installed) -> tuple[Leaks | None, _Settled]:
        """Get ready for a call, which a drain waits for and a revoke reaches from now on."""
        settled = self._settled_of(plugin)
        if settled is not None and not may_meet_credentials(plugin.asked):
            return None, settled
        starting = _Starting(plugin)
        self._starting.append(starting)
        try:
            leaks = await self._services.functions.sinks.leaks(plugin.tenant, plugin.asked)
            # By now the operator may have changed the plugin.
            settled = self._settled_of(starting.plugin) or await self._settle(starting)
            if starting.error is not None:
                raise starting.error
            return leaks, settled
        finally:
            self._starting.remove(starting)
            if self._draining:
                # Not now: it is about to be among those that are running, unless it fails.
                asyncio.get_running_loop().call_soon(self._ended, plugin)

    async def _settle(self, starting: _Starting) -> _Settled:
        """Load a plugin: check that it is trusted, and work out what its calls have in common.

        Raises:
            SignatureInvalid, Revoked: it is not.
        """
        trust = self._services.trust
        checked = -1
        # What was checked before a change of trust says nothing of a call that starts after it.
        while checked != trust.changes:
            checked = trust.changes
            await trust.check_load(starting.plugin)
        plugin = starting.plugin
        found = self._settled[_version_of(plugin)] = _Settled.of(plugin, self._policy, checked)
        if len(self._settled) > SETTLED_MAX:
            self._settled.popitem(last=False)
        return found

    async def _measured(
        self,
        plugin: Installed,
        job: Job,
        context: CallContext,
        answer: HostCalls,
        entry: Entry,
    ) -> CallOutcome:
        try:
            outcome = await self._services.executor.call(job, answer)
        except CallError as error:
            error.usage = _merged(error.usage, context.budget)
            entry.finish(error.usage, error.type)
            error.terms = _terms(plugin, job)
            self._services.functions.sinks.clean(context, error)
            self._record(plugin, job, error.usage, error)
            if isinstance(answer, Tape):
                answer.ended(error.usage, error=error, known=context.leaks)
            raise
        usage = _merged(outcome.usage, context.budget)
        entry.finish(usage, "ok")
        if context.pieces is not None:
            await context.pieces.end(context)
        result = await self._services.functions.sinks.result(context, outcome.result)
        self._record(plugin, job, usage, None)
        if isinstance(answer, Tape):
            answer.ended(usage, result, known=context.leaks)
        return CallOutcome(result, usage, job.call_id, _terms(plugin, job))

    def _record(self, plugin: Installed, job: Job, usage: Usage, error: CallError | None) -> None:
        outcome = "ok" if error is None else error.type
        seconds = usage.wall_seconds
        series = self._services.telemetry.calls.of(
            plugin.tenant, plugin.name, job.function, job.level
        )
        ids = current_ids()
        series.ended(outcome, usage, None if ids is None else ids[0])
        # A guest's own error is an answer: only a call that was stopped or lost is a fault.
        failed = error is not None and not isinstance(error, GuestError)
        ended = Ended(job.call_id, plugin.name, plugin.version, job.function, outcome, seconds)
        self.log.ended(ended, failed=failed)


@dataclass(slots=True, eq=False)
class _Starting:
    """One call before it runs.

    Attributes:
        plugin: as it was when the call came, with what operators have changed since.
        error: why it is not to run, if the host decided so meanwhile.
    """

    plugin: Installed
    error: WardianError | None = None

    def end(self, error: WardianError) -> None:
        self.error = self.error or error


@dataclass(slots=True)
class _Running:
    """One call while it runs.

    Attributes:
        error: why the host ended it, if it did.
    """

    plugin: Installed
    context: CallContext
    task: asyncio.Task[Any] | None
    place: Place
    error: WardianError | None = None

    def end(self, error: WardianError) -> None:
        if self.error is None and self.task is not None:
            self.error = error
            self.task.cancel()

    def explain(self) -> None:
        """Raise why the host ended the call, unless its caller has gone away as well."""
        if self.error is not None and self.task is not None and self.task.uncancel() == 0:
            raise self.error


@dataclass(frozen=True, slots=True)
class _Settled:
    """What is the same in every call of a plugin until something about it changes.

    Attributes:
        checked: after how many changes of trust the plugin was last found to be trusted.
        configured: what lies over the manifest's defaults.
        text: the configuration as JSON, for workers; None if the plugin never asks for it.
    """

    plugin: Installed
    checked: int
    authority: Authority
    limits: Limits
    configuration: Mapping[str, Any]
    configured: Mapping[str, Any]
    text: str | None

    @classmethod
    def of(cls, plugin: Installed, policy: CallPolicy, checked: int) -> _Settled:
        authority = policy.authority(plugin)
        manifest = plugin.manifest
        documents, schema = plugin.documents, manifest.config_schema
        over = configured(documents, policy.environment, schema)
        configuration = configured(documents, policy.environment, schema, manifest.default_config)
        uses_config = any("/config@" in name for name in plugin.description.imports)
        return cls(
            plugin,
            checked,
            authority,
            policy.limits(authority.level),
            configuration,
            over,
            dump_json(configuration) if uses_config else None,
        )


def _version_of(plugin: Installed) -> tuple[str, str]:
    return plugin.id, plugin.package_digest


def _pieces(function: str, request: CallRequest, limits: Limits) -> Pieces | None:
    return Pieces(request.on_piece, limits.result_bytes) if function == AGENT_ASK else None


def _context(
    settled: _Settled,
    request: CallRequest,
    limits: Limits,
    leaks: Leaks | None = None,
    pieces: Pieces | None = None,
) -> CallContext:
    plugin, caller = settled.plugin, request.caller
    call_id = request.call_id or new_id()
    facts = CallFacts(
        call_id=call_id,
        tenant=plugin.tenant,
        subject=request.subject[:_MAX_NAME_CHARS],
        plugin=plugin.name,
        plugin_id=plugin.id,
        version=plugin.version,
        correlation_id=(request.correlation_id or call_id)[:_MAX_NAME_CHARS],
        traceparent=trace.traceparent(_sent(request.traceparent)),
        tracestate=trace.tracestate(_sent(request.tracestate)),
        hops=request.hops if caller is None else caller.facts.hops,
        origin=request.origin if caller is None else caller.facts.origin,
        scopes=request.scopes,
        question=request.question,
    )
    return CallContext(
        facts=facts,
        authority=settled.authority,
        budget=Budget(limits, within=None if caller is None else caller.budget),
        configuration=settled.configuration,
        caller=caller,
        leaks=leaks,
        # Whoever is not looked through is given nothing: it could keep what it is sent back.
        given_out=[] if caller is None or leaks is None else caller.given_out,
        is_kept=request.is_kept,
        course=request.course,
        pieces=pieces,
    )


def _limits(settled: _Settled, request: CallRequest) -> Limits:
    limits = limits_from(request.limits or {}, settled.limits)
    if request.caller is None:
        return limits
    # A thread cannot be ended from outside.
    exact = LEVELS[settled.authority.level].runs_in is RunsIn.THREAD
    return request.caller.budget.limits_within(limits, exact=exact)


def _terms(plugin: Installed, job: Job) -> Terms:
    return Terms(plugin.name, plugin.version, job.function, job.limits)


def _charge(context: CallContext) -> None:
    """Have the call that made this one pay for what it spent, however it ended."""
    if context.caller is not None:
        budget = context.budget
        budget.account.settle(budget.usage)
        context.caller.budget.account.charge(budget.usage)


def _merged(reported: Usage | None, budget: Budget) -> Usage:
    """Take from the executor what only it can see, and the broker's own counts for the rest."""
    counted = budget.usage
    usage = reported or Usage(wall_seconds=budget.elapsed_seconds())
    usage.host_calls = max(usage.host_calls, counted.host_calls)
    usage.http_requests = counted.http_requests
    usage.http_bytes_sent = counted.http_bytes_sent
    usage.http_bytes_received = counted.http_bytes_received
    usage.events = counted.events
    usage.dropped_log_lines += counted.dropped_log_lines
    usage.log_lines = counted.log_lines
    budget.account.settle(usage)
    counted.fuel, counted.memory_bytes = usage.fuel, usage.memory_bytes
    return usage


def _check_names(arguments: Mapping[str, Any]) -> None:
    """Python takes any key; a message with one that is no text would cost a worker its life."""
    for name in arguments:
        if not isinstance(name, str):
            raise InvalidArguments(f"The arguments have a name that is no text: {name!r:.80}.")


def _name_fault(error: InvalidArguments, arguments: Mapping[str, Any]) -> None:
    """Say where the fault is, if the arguments could not even be passed to a worker."""
    if error.path is None and isinstance(error.__cause__, UNENCODABLE):
        fault = fault_of(arguments)
        if fault is not None:
            raise fault from error


def _sent(header: str | None) -> list[str]:
    return [] if header is None else [header]
