"""Host functions for a guest, and the one gateway through which all of them are called.

Wasmtime's component linker is untyped: it accepts whatever signature the guest declares, so
nothing is linked here whose types were not compared first (``resolve``). Whatever leaves a
callback other than by returning corrupts memory, so ``_enter`` is the only function that wasm
calls, and it is total.
"""

from __future__ import annotations

import ctypes
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from wardian import errors
from wardian.policy.limits import Limits
from wardian.sandbox import abi
from wardian.sandbox.codec import FunctionCodec, Misfit
from wardian.sandbox.engine import Engine
from wardian.sandbox.reflection import Extern, Surface

HostFunction = Callable[..., Any]
HostFunctions = Mapping[str, Mapping[str, HostFunction] | HostFunction]
"""What the host offers: functions by interface (``acme:host/log@1.0.0``), or at the root by
their bare name. A function takes the guest's arguments in order, as plain values, and returns
its result as one (see ``values``)."""


@dataclass(frozen=True, slots=True)
class Imports:
    """What a call may import.

    Attributes:
        functions: host functions.
        on_output: receives what the guest writes to WASI's standard output and error; None
            discards it.
    """

    functions: HostFunctions = field(default_factory=dict)
    on_output: Callable[[bytes], None] | None = None


DEFAULT_LIMITS = Limits()


@dataclass(slots=True)
class CallState:
    """What the gateway knows of one running call."""

    most_host_calls: int = 0
    deadline: float = 0.0
    host_calls: int = 0
    error: BaseException | None = None

    def begin(self, limits: Limits, deadline: float) -> None:
        """Start over for another call in the same instance."""
        self.most_host_calls = limits.host_calls
        self.deadline = deadline
        self.host_calls = 0
        self.error = None


def is_wasi(interface: str) -> bool:
    """Tell whether an import is one of the WASI 0.2 packages that are linked closed."""
    return _WASI.fullmatch(interface) is not None


_WASI = re.compile(r"wasi:(?:cli|clocks|filesystem|io|random|sockets)/[a-z0-9-]+@0\.2\.\d+")
_VERSIONED = re.compile(r"(?P<name>[^@]+)@(?P<major>\d+)\.(?P<minor>\d+)\.\d+")


def check_import_names(names: Iterable[str], offered: Mapping[str, Any], *, wasi: bool) -> None:
    """Refuse a component that imports anything that is neither offered nor closed WASI.

    Raises:
        ImportRefused: names the first such import.
    """
    for name in names:
        if is_wasi(name):
            if not wasi:
                raise errors.ImportRefused(
                    f"The component imports {name}; this level refuses every WASI import. "
                    "Build the plugin without WASI, or run it at another level.",
                    imported=name,
                )
        elif offered_name(name, offered) is None:
            raise _refused(name, offered)


def _refused(name: str, offered: Mapping[str, Any]) -> errors.ImportRefused:
    bare = name.partition("@")[0]
    versions = [known for known in offered if known.partition("@")[0] == bare]
    if versions:
        reason = f"this host offers {', '.join(versions)}"
    elif name.startswith("wasi:http/"):
        reason = (
            "plugins send HTTP requests through wardian:plugin/http. Build without it "
            "(componentize-js: disableFeatures http and fetch-event)"
        )
    elif name.startswith("wasi:"):
        reason = "of WASI this host offers cli, clocks, filesystem, io, random, sockets at 0.2"
    else:
        reason = "this host offers nothing of that name"
    return errors.ImportRefused(
        f"The component imports {name[:200]}, which is refused: {reason}.", imported=name[:200]
    )


def offered_name(wanted: str, offered: Mapping[str, Any]) -> str | None:
    """Return the name under which ``wanted`` is offered: the same major, no newer minor."""
    if wanted in offered:
        return wanted
    asked = _VERSIONED.fullmatch(wanted)
    for name in offered if asked else ():
        has = _VERSIONED.fullmatch(name)
        if has is None or asked is None or has["name"] != asked["name"]:
            continue
        same_major = has["major"] == asked["major"] != "0"
        if same_major and int(asked["minor"]) <= int(has["minor"]):
            return name
    return None


class Linker:
    """One component's imports, linked. Immutable; shared by every call with these imports."""

    def __init__(self, engine: Engine, surface: Surface, imports: Imports) -> None:
        self.imports = imports
        self.wasi = any(is_wasi(name) for name in surface.import_names)
        self.states: dict[int, CallState] = {}
        self._keys: list[int] = []
        # An interface of types only has nothing that could be offered.
        used = {extern.interface or extern.name for extern in surface.imports}
        names = [name for name in surface.import_names if name in used or is_wasi(name)]
        check_import_names(names, imports.functions, wasi=True)
        functions = [(extern, _resolve(extern, imports.functions)) for extern in surface.imports]
        self.has_functions = bool(functions) or self.wasi
        self.pointer = abi.linker_new(engine.pointer)
        if self.wasi:
            _check(abi.linker_add_wasip2(self.pointer))
        self._define(surface, functions)

    def close(self) -> None:
        """Free the linker; no call that uses it may be running."""
        if self.pointer:
            abi.linker_delete(self.pointer)
            self.pointer = 0
        for key in self._keys:
            _linked.pop(key, None)

    def __del__(self) -> None:
        if getattr(self, "pointer", 0):
            self.close()

    def _define(self, surface: Surface, functions: list[tuple[Extern, HostFunction]]) -> None:
        root = abi.linker_root(self.pointer)
        try:
            for name in surface.import_names:
                if is_wasi(name):
                    continue
                mine = [(e, f) for e, f in functions if (e.interface or e.name) == name]
                if mine and mine[0][0].interface is None:
                    self._add(root, *mine[0])
                else:
                    self._define_instance(root, name, mine)
        finally:
            abi.linker_instance_delete(root)

    def _define_instance(
        self, root: int, name: str, functions: list[tuple[Extern, HostFunction]]
    ) -> None:
        out = ctypes.c_void_p()
        encoded = name.encode()
        _check(abi.linker_instance_add_instance(root, encoded, len(encoded), ctypes.addressof(out)))
        try:
            for extern, function in functions:
                self._add(out.value or 0, extern, function)
        finally:
            abi.linker_instance_delete(out)

    def _add(self, instance: int, extern: Extern, function: HostFunction) -> None:
        assert extern.type is not None  # noqa: S101 -- `_resolve` refused those without
        codec = FunctionCodec(extern.type)
        lower, points = None, False
        if codec.result is not None:
            lower, points = codec.result.lower, codec.result.points
        key = next(_keys)
        _linked[key] = codec.caller(function), lower, points, self.states, extern.full_name
        self._keys.append(key)
        name = extern.name.encode()
        _check(abi.linker_instance_add_func(instance, name, len(name), _ENTRY, key, None))


_Linked = tuple[Callable[[int], Any], Callable[..., bytes] | None, bool, dict[int, CallState], str]
_linked: dict[int, _Linked] = {}
"""By its key, each function of each linker: what calls it with its arguments, what lowers its
result, whether that points to more, the running calls of its linker, and its name."""
_keys = itertools.count(1)


def _enter(key: int, context: int, _type: Any, args: int, _n: int, results: int, _m: int) -> int:
    """Make the host function of ``key`` total, and speak C on its behalf."""
    state = None
    name = ""
    try:
        call, lower, points, states, name = _linked[key]
        state = states[context]
        state.host_calls += 1
        if state.host_calls > state.most_host_calls or state.error is not None:
            _refuse(state)
        value = call(args)
        if lower is not None:
            keep: list[Any] = []
            slot = lower(value, keep)
            if points:
                _val_clone(id(slot) + _BYTES_HEADER, results)
            else:
                _memory[results : results + _SLOT] = slot
        if monotonic() > state.deadline:
            raise errors.DeadlineExceeded
    except BaseException as error:  # noqa: BLE001 -- what escapes corrupts memory
        if state is not None and state.error is None:
            state.error = _translated(error, name)
        return abi.error_new(b"host function failed") or 0
    return 0


_ENTRY = abi.HOST_FUNCTION(_enter)
"""The only function that wasm calls. There is one for all, because each is made of code that
ctypes writes while the process runs, and a worker may not make such code (``worker``)."""

_BYTES_HEADER = abi.BYTES_HEADER
_SLOT = abi.VAL_SIZE
_memory = abi.memory
_val_clone = abi.val_clone


def _refuse(state: CallState) -> None:
    """End a call that goes on after an error, or after its budget."""
    if state.error is not None:
        state.host_calls -= 1
        raise state.error
    raise errors.Trap(
        f"The call used up its budget of {state.most_host_calls} host calls and went on calling."
    )


def _translated(error: BaseException, name: str) -> BaseException:
    if isinstance(error, errors.WardianError) or not isinstance(error, Exception):
        return error
    if isinstance(error, Misfit):
        message = f"The host function {name} answered with a value not of its type: {error}."
    else:
        message = f"The host function {name} failed."
    trap = errors.Trap(message)
    trap.__cause__ = error
    return trap


def _resolve(extern: Extern, offered: HostFunctions) -> HostFunction:
    """Find the host function for an import whose types can cross."""
    if extern.type is None:
        raise errors.ImportRefused(
            f"The component imports {extern.full_name}, which passes {extern.unsupported}; "
            "that cannot be offered by a host function.",
            imported=extern.full_name,
        )
    found: Any = offered.get(extern.name) if extern.interface is None else None
    if extern.interface is not None:
        members = offered.get(offered_name(extern.interface, offered) or "")
        found = members.get(extern.name) if isinstance(members, Mapping) else None
    if not callable(found):
        raise errors.ImportRefused(
            f"The component imports {extern.full_name}; this host offers no such function.",
            imported=extern.full_name,
        )
    function: HostFunction = found
    return function


def _check(error: int | None) -> None:
    if error:
        text, _ = abi.take_error(error)
        raise errors.ImportRefused(f"The component's imports cannot be linked: {text}.")
