"""The executor: admit components, run calls."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Collection
from types import TracebackType
from typing import Self

import msgspec

from wardian.crypto.digests import sha256_hex
from wardian.errors import HostUnusable, WorkerLost
from wardian.policy.distribution import Distribution
from wardian.policy.levels import LEVELS, Level, RunsIn
from wardian.runtime.executor.artifacts import Artifact, ArtifactStore
from wardian.runtime.executor.compiler import Compiler
from wardian.runtime.executor.job import ExecutorSettings, HostCalls, Job, WorkersReport
from wardian.runtime.executor.pool import Pool
from wardian.runtime.executor.worker import ArtifactUnusable, CallNotTaken
from wardian.runtime.executor.zygote import Zygote
from wardian.sandbox import Description, Outcome
from wardian.sandbox.audit import Offer
from wardian.sandbox.engine import engine_key
from wardian.sandbox.linker import check_import_names
from wardian.worker.protections import Protections

_log = logging.getLogger("wardian.executor")

CHECKED_ARTIFACTS_MAX = 4_096

RECENT_SECONDS = 600.0
"""Code of this age may belong to an install that is under way."""

ATTEMPTS = 3
"""How often a call is given out of which nothing has run."""


class Executor:
    """Runs components in worker processes; an async context manager.

    ``offer`` is what components may import and what the host calls of their exports.
    """

    def __init__(self, settings: ExecutorSettings, offer: Offer) -> None:
        self._offer = offer
        key = f"{engine_key()}-{_offer_key(offer)}"
        self._step = settings.step
        self._store = ArtifactStore(settings.cache_dir, key)
        self._zygote = Zygote(self._store.directory)
        self._allow_weak_isolation = settings.allow_weak_isolation
        self._compiler = Compiler(self._zygote, self._store, settings)
        self._pool = Pool(self._zygote, settings)
        self._checked: OrderedDict[str, Artifact] = OrderedDict()
        self._admitting: dict[str, asyncio.Lock] = {}

    @property
    def waits(self) -> Distribution:
        """How long calls waited for a worker, in seconds, where they had to."""
        return self._pool.waits

    async def __aenter__(self) -> Self:
        await self._zygote.start()
        self._tell_what_is_missing()
        await self._pool.warm()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.close()
        await self._zygote.close()

    async def admit(self, component: bytes, *, wasi: bool = True) -> Description:
        """Audit and compile a component, and keep its code for calls.

        Raises:
            InvalidComponent, ImportRefused, CompileExceeded
        """
        digest = sha256_hex(component)
        artifact = await self._find(digest) or await self._compile(digest, component)
        if not wasi:
            imports = artifact.description.imports
            check_import_names(imports, dict.fromkeys(imports), wasi=False)
        return artifact.description

    async def call(self, job: Job, answer: HostCalls) -> Outcome:
        """Run one call in a worker.

        Raises:
            CallError: how it failed, with its usage.
            InvalidArguments, NotFound, Overloaded
            HostUnusable: it takes a process of its own, which this machine cannot hold well enough.
        """
        if LEVELS[job.level].runs_in is RunsIn.NEW_PROCESS:
            self._check_isolation(job.level)
        for _ in range(ATTEMPTS):
            artifact = self._checked.get(job.digest) or await self._artifact(job)
            with self._step("wait for a worker"):
                worker = await self._pool.lend(job)
            try:
                with self._step("run in a worker"):
                    return await worker.run(job, artifact, answer)
            except CallNotTaken:
                continue
            except ArtifactUnusable:
                self._checked.pop(job.digest, None)
                await asyncio.to_thread(self._store.drop, job.digest)
            finally:
                self._pool.take_back(job, worker)
        raise WorkerLost(
            f"No worker could run the call: {ATTEMPTS} in a row died before they took it, or could "
            "not load the compiled code."
        )

    def prepare(self, job: Job) -> None:
        """Have workers load what calls like ``job`` need, if its component was admitted lately."""
        artifact = self._checked.get(job.digest)
        if artifact is not None and LEVELS[job.level].runs_in is not RunsIn.NEW_PROCESS:
            self._pool.prepare(job, artifact)

    async def keep_only(self, digests: Collection[str]) -> None:
        """Forget the compiled code of all components but these, and of those being admitted.

        What was admitted a moment ago may not have its row yet, so the newest code stays.
        """
        wanted = {*digests, *self._admitting}
        for digest in [digest for digest in self._checked if digest not in wanted]:
            del self._checked[digest]
        await asyncio.to_thread(self._store.keep_only, wanted, RECENT_SECONDS)

    def protections(self) -> Protections:
        """Tell what holds workers on this machine."""
        return self._zygote.protections

    def _tell_what_is_missing(self) -> None:
        missing = self._zygote.protections.missing()
        if missing:
            _log.warning("workers are confined without: %s", ", ".join(missing))

    def _check_isolation(self, level: Level) -> None:
        missing = self._zygote.protections.missing()
        if missing and not self._allow_weak_isolation:
            raise HostUnusable(
                f"The level `{level}` takes a confinement that this machine does not give in full; "
                f"missing: {', '.join(missing)}. `wardian doctor` says what to do. With "
                "WARDIAN_ALLOW_WEAK_ISOLATION=true the host runs such plugins all the same."
            )

    def workers(self) -> WorkersReport:
        """Count the workers."""
        return self._pool.report()

    async def _artifact(self, job: Job) -> Artifact:
        found = self._checked.get(job.digest) or await self._find(job.digest)
        return found or await self._compile(job.digest, await job.load())

    async def _find(self, digest: str) -> Artifact | None:
        artifact = self._checked.get(digest)
        if artifact is None:
            artifact = await asyncio.to_thread(self._store.find, digest)
            if artifact is not None:
                self._remember(artifact)
        return artifact

    async def _compile(self, digest: str, component: bytes) -> Artifact:
        """Compile once, however many ask at the same time."""
        lock = self._admitting.setdefault(digest, asyncio.Lock())
        async with lock:
            try:
                artifact = await self._find(digest)
                if artifact is None:
                    artifact = await self._compiler.compile(component, self._offer)
                    self._remember(artifact)
                return artifact
            finally:
                self._admitting.pop(digest, None)

    def _remember(self, artifact: Artifact) -> None:
        self._checked[artifact.source.digest] = artifact
        if len(self._checked) > CHECKED_ARTIFACTS_MAX:
            self._checked.popitem(last=False)


def _offer_key(offer: Offer) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(offer)).hexdigest()[:16]
