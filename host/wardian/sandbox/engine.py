"""The engine: which WebAssembly is accepted, how it is compiled, and the clock that stops it."""

from __future__ import annotations

import faulthandler
import hashlib
import os
import threading
import time
from contextlib import suppress

import wasmtime
from wasmtime import _bindings as bindings

from wardian.errors import HostUnusable
from wardian.sandbox import abi

TICK_SECONDS = 0.002
"""Resolution of deadlines."""

IDLE_TICKS = 500
"""The ticker sleeps after this many ticks without a call, and is woken by the next one."""

MAX_WASM_STACK_BYTES = 512 * 1024

MEMORY_RESERVATION_BYTES = 4 * 1024 * 1024 * 1024
MEMORY_GUARD_BYTES = 32 * 1024 * 1024
"""With all that 32 bits address reserved, and guards behind it, code needs no bounds checks:
compiling an 18 MB component took half as long here, and gave two thirds of the code. It is address
space, not memory; a worker is bounded in what it may write to (``confinement``)."""

TICKER_STACK_BYTES = 256 * 1024

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


def _config(*, parallel: bool) -> wasmtime.Config:
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
    """One engine and its ticker; may be shared by threads, never across a fork.

    ``parallel`` compiles with a thread a core; a process that did so cannot compile after a fork,
    because the threads are not there any more.

    Wasmtime turns the guest's memory faults into traps with signal handlers. Python's
    ``faulthandler`` must therefore be enabled before, or not at all.
    """

    def __init__(self, *, parallel: bool = False, statm: int | None = None) -> None:
        abi.check_layout()
        self._faulthandler = faulthandler.is_enabled()
        self.wasmtime = wasmtime.Engine(_config(parallel=parallel))
        self.pointer = abi.pointer_of(self.wasmtime)
        self.layout = abi.store_layout(self.pointer)
        self._ticker = _Ticker(self.pointer)
        self._statm = _open_statm() if statm is None else statm

    def close(self) -> None:
        """Stop the ticker. Calls that still run are not interrupted any more."""
        self._ticker.close()
        if self._statm >= 0:
            os.close(self._statm)
            self._statm = -1

    def check_signals(self) -> None:
        """Refuse to run wasm whose next memory fault would end this process.

        Raises:
            HostUnusable: ``faulthandler`` was enabled after the engine was made.
        """
        if faulthandler.is_enabled() and not self._faulthandler:
            raise HostUnusable(
                "faulthandler was enabled after the sandbox was made, and has taken the signals "
                "that contain a guest's memory faults. Enable it before."
            )

    def ticks_until(self, seconds: float) -> int:
        """Start (or keep) the clock, and return how many ticks from now ``seconds`` are."""
        return self._ticker.ticks_until(seconds)

    def call_ended(self) -> None:
        """Tell that the call for which ``ticks_until`` was asked is over."""
        self._ticker.release()

    def writable_bytes(self) -> int:
        """Private writable memory of this process, in bytes; 0 where the kernel does not tell.

        Linear memories count as they grow, because the reserved rest is not yet writable.
        """
        if self._statm < 0:
            return 0
        return int(os.pread(self._statm, 128, 0).split()[5]) * _PAGE_BYTES


def _open_statm() -> int:
    with suppress(OSError):
        return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    return -1


_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class _Ticker:
    """Advances the engine's epoch in step with the monotonic clock while calls run.

    A late tick is followed by as many as were missed, so that delays do not add up; a deadline
    counts the ticks that are still owed, so that catching up cannot fire it early.
    """

    def __init__(self, engine: int) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._calls = 0
        self._epoch = 0
        self._origin = 0.0  # monotonic time of epoch 0
        self._ticking = False
        self._closed = False
        self._thread = self._start()

    def ticks_until(self, seconds: float) -> int:
        with self._lock:
            self._calls += 1
            now = time.monotonic()
            if not self._ticking:
                self._origin = now - self._epoch * TICK_SECONDS
                self._ticking = True
                self._wake.set()
            owed = (now - self._origin) / TICK_SECONDS - self._epoch
            return int(seconds / TICK_SECONDS + owed) + 2

    def release(self) -> None:
        with self._lock:
            self._calls -= 1

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        self._thread.join()

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="wardian-epoch", daemon=True)
        previous = threading.stack_size(TICKER_STACK_BYTES)
        try:
            thread.start()
        finally:
            threading.stack_size(previous)
        return thread

    def _run(self) -> None:
        idle = 0
        while not self._closed:
            if not self._ticking:
                self._wake.wait()
                self._wake.clear()
                idle = 0
                continue
            time.sleep(TICK_SECONDS)
            idle = 0 if self._calls else idle + 1
            self._advance()
            if idle > IDLE_TICKS:
                self._rest()

    def _advance(self) -> None:
        due = int((time.monotonic() - self._origin) / TICK_SECONDS)
        for _ in range(due - self._epoch):
            abi.engine_increment_epoch(self._engine)
        self._epoch = max(self._epoch, due)

    def _rest(self) -> None:
        with self._lock:
            if not self._calls:
                self._ticking = False
