"""The engine: which WebAssembly is accepted, how it is compiled, and the clock that stops it."""

from __future__ import annotations

import faulthandler
import hashlib
import os
import threading
import time
from contextlib import suppress
from typing import Protocol

import wasmtime
from wasmtime import _bindings as bindings

from wardian.errors import HostUnusable
from wardian.sandbox import abi, pooling

TICK_SECONDS = 0.002
"""Resolution of deadlines."""

REST_TICKS = 500
"""After so many ticks the clock rests if no call is running, and is woken by the next one."""

MAX_WASM_STACK_BYTES = 512 * 1024

MEMORY_RESERVATION_BYTES = 4 * 1024 * 1024 * 1024
MEMORY_GUARD_BYTES = 32 * 1024 * 1024
"""With all that 32 bits address reserved, and guards behind it, code needs no bounds checks:
compiling an 18 MB component took half as long here, and gave two thirds of the code. It is address
space, not memory; a worker is bounded in what it may write to (``confinement``)."""

CLOCK_STACK_BYTES = 256 * 1024

_OFF = (
    "wasm_threads",
    "wasm_memory64",
    "wasm_gc",
    "wasm_exceptions",
    "wasm_tail_call",
    "wasm_relaxed_simd",
    "wasm_stack_switching",
    "wasm_wide_arithmetic",
    "wasm_custom_page_sizes",
    "wasm_component_model_map",
    "wasm_component_model_implements",
    "gc_support",
    "shared_memory",
)

_OFF_RAW = (
    # The C API has no values of asynchronous types: what is not parsed cannot reach it.
    "wasmtime_config_wasm_component_model_async_set",
    "wasmtime_config_wasm_component_model_more_async_builtins_set",
    "wasmtime_config_wasm_component_model_async_stackful_set",
    "wasmtime_config_concurrency_support_set",
)


def _config(*, parallel: bool, pooled: bool) -> wasmtime.Config:
    """The production configuration.

    Every proposal that plugins do not need is off. Multi-memory stays on: adapters between the
    parts of one component need it, and memories are counted by the limits.
    """
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.consume_fuel = True
    config.cranelift_nan_canonicalization = True
    config.max_wasm_stack = MAX_WASM_STACK_BYTES
    config.parallel_compilation = parallel
    for name in _OFF:
        setattr(config, name, False)
    pointer = config.ptr()
    for name in _OFF_RAW:
        getattr(bindings, name)(pointer, False)
    bindings.wasmtime_config_memory_reservation_set(pointer, MEMORY_RESERVATION_BYTES)
    bindings.wasmtime_config_memory_guard_size_set(pointer, MEMORY_GUARD_BYTES)
    if pooled:
        pooling.use(pointer, MEMORY_RESERVATION_BYTES)
    return config


def engine_key() -> str:
    """Name everything that compiled code depends on beside its source: version and settings."""
    settings = (
        abi.package_version(),
        MAX_WASM_STACK_BYTES,
        MEMORY_RESERVATION_BYTES,
        MEMORY_GUARD_BYTES,
        *_OFF,
        *_OFF_RAW,
    )
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:16]


class Engine:
    """One engine and its clock; may be shared by threads.

    Its making starts no thread and opens no file, so that a process may fork after it; each of
    the two begins to use it for itself (``begin``). ``parallel`` compiles with a thread a core; a
    process that compiled so cannot compile after a fork, because the threads are not there any
    more.

    Wasmtime turns the guest's memory faults into traps with signal handlers. Python's
    ``faulthandler`` must therefore be enabled before, or not at all.

    Attributes:
        pooled: whether instances come from a pool, which then bounds how many there are at once.
        clock: what ends calls at their deadline.
    """

    def __init__(self, *, parallel: bool = False) -> None:
        abi.check_layout()
        self.pooled = pooling.fits(MEMORY_RESERVATION_BYTES + MEMORY_GUARD_BYTES)
        self._faulthandler = faulthandler.is_enabled()
        self.wasmtime = wasmtime.Engine(_config(parallel=parallel, pooled=self.pooled))
        self.pointer = abi.pointer_of(self.wasmtime)
        self.settings_at = abi.store_settings(self.pointer).from_address
        self.clock = Clock(self.wasmtime)
        self._statm = -1
        self._statm_read = b""
        self._writable = 0

    def begin(self, statm: int | None = None) -> None:
        """Open what is read during calls, which otherwise the first call does.

        ``statm`` is a descriptor on this process's ``/proc/self/statm``, where that cannot be
        opened any more; it is closed with the engine.
        """
        if statm is not None:
            self._statm = statm
        elif self._statm < 0:
            with suppress(OSError):
                self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Stop the clock. Calls that still run are not interrupted any more."""
        self.clock.stop()
        self.clock.join()
        if self._statm >= 0:
            os.close(self._statm)
            self._statm = -1

    def __del__(self) -> None:
        clock = getattr(self, "clock", None)
        if clock is not None:
            clock.stop()

    def check_signals(self) -> None:
        """Refuse to run wasm whose next memory fault would end this process.

        Raises:
            HostUnusable: ``faulthandler`` was enabled after the engine was made.
        """
        if _faulthandler_enabled() and not self._faulthandler:
            raise HostUnusable(
                "faulthandler was enabled after the sandbox was made, and has taken the signals "
                "that contain a guest's memory faults. Enable it before."
            )

    def writable_bytes(self) -> int:
        """Private writable memory of this process, in bytes; 0 where the kernel does not tell.

        Linear memories count as they grow, because the reserved rest is not yet writable.
        """
        if self._statm < 0:
            self.begin()
            if self._statm < 0:
                return 0
        read = os.pread(self._statm, 128, 0)
        if read != self._statm_read:
            self._statm_read = read
            self._writable = int(read.split()[5]) * _PAGE_BYTES
        return self._writable


_faulthandler_enabled = faulthandler.is_enabled
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Timed(Protocol):
    """What a clock ticks for."""

    running: bool


class Clock:
    """Advances the engine's epoch in step with the monotonic clock while calls run.

    A late tick is followed by as many as were missed, so that delays do not add up. A deadline is
    an epoch of its own, ``(time - origin) * TICKS_PER_SECOND``, not so many ticks from now:
    catching up cannot fire it early.

    Attributes:
        calls: whatever may be running; each says so itself, and then has the clock ``tick`` if it
            is not ``ticking``.
        origin: the monotonic time of epoch 0, as long as the clock is ticking.
    """

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine  # alive as long as the thread
        self._pointer = abi.pointer_of(engine)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        # Calls write and look without the lock: each is a single operation of the interpreter.
        self.calls: set[Timed] = set()
        self.ticking = False
        self.origin = 0.0  # monotonic time of epoch 0
        self._epoch = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            if self._thread is None:
                self._thread = self._started()

    def stop(self) -> None:
        """Tell the thread to end."""
        self._closed = True
        self._wake.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        if self._thread is not None:
            self._thread.join()

    def tick(self) -> None:
        """Start to tick, for a call that said before that it is running."""
        if self._thread is None:
            self.start()
        with self._lock:
            if not self.ticking:
                self.origin = time.monotonic() - self._epoch * TICK_SECONDS
                self.ticking = True
                self._wake.set()

    def _any_running(self) -> bool:
        return any(call.running for call in self.calls.copy())

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="wardian-epoch", daemon=True)
        previous = threading.stack_size(CLOCK_STACK_BYTES)
        try:
            thread.start()
        finally:
            threading.stack_size(previous)
        return thread

    def _run(self) -> None:
        idle = 0
        while not self._closed:
            if not self.ticking:
                self._wake.wait()
                self._wake.clear()
                idle = 0
                continue
            time.sleep(TICK_SECONDS)
            idle += 1
            self._advance()
            if idle >= REST_TICKS:
                idle = 0
                self._rest()

    def _advance(self) -> None:
        due = int((time.monotonic() - self.origin) * TICKS_PER_SECOND)
        for _ in range(due - self._epoch):
            abi.engine_increment_epoch(self._pointer)
        self._epoch = max(self._epoch, due)

    def _rest(self) -> None:
        """Stop ticking; a call that began in the same moment goes on ticking."""
        with self._lock:
            self.ticking = False
            if self._any_running():
                self.ticking = True


TICKS_PER_SECOND = 1 / TICK_SECONDS
