"""WASI 0.2, closed: clocks and random answer, standard output goes to the log, and nothing
else is there. No directory is preopened, no variable or argument set, no address allowed."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from ctypes import CFUNCTYPE, c_bool, c_size_t, c_ssize_t, c_void_p
from typing import Any

from wardian.sandbox import abi

Output = Callable[[bytes], None]

_WRITE = CFUNCTYPE(c_ssize_t, c_void_p, c_void_p, c_size_t)
_config_new = abi.bind("wasi_config_new", c_void_p)
_set_stdout = abi.bind("wasi_config_set_stdout_custom", None, c_void_p, _WRITE, c_void_p, c_void_p)
_set_stderr = abi.bind("wasi_config_set_stderr_custom", None, c_void_p, _WRITE, c_void_p, c_void_p)
_allow_lookup = abi.bind("wasi_config_allow_ip_name_lookup", None, c_void_p, c_bool)

MAX_WRITE_BYTES = 64 * 1024


def give_closed_wasi(context: int, output: Output | None) -> Any:
    """Give a store the closed WASI; returns what must stay alive as long as the store.

    ``output`` receives what the guest writes to standard output and error, in pieces of at most
    ``MAX_WRITE_BYTES``; None discards it.
    """
    config = _config_new()
    _allow_lookup(config, False)
    sink = _Sink(output)
    _set_stdout(config, _WRITTEN, sink.key, None)
    _set_stderr(config, _WRITTEN, sink.key, None)
    error = abi.context_set_wasi(context, config)
    if error:
        raise MemoryError(abi.take_error(error)[0])
    return sink


class _Sink:
    """Where one store's output goes, as long as this lives."""

    def __init__(self, output: Output | None) -> None:
        self.key = next(_keys)
        if output is not None:
            _outputs[self.key] = output

    def __del__(self) -> None:
        _outputs.pop(self.key, None)


_outputs: dict[int, Output] = {}
_keys = itertools.count(1)


def _written(key: int, start: int, size: int) -> int:
    try:
        output = _outputs.get(key)
        if output is not None and size:
            output(ctypes.string_at(start, min(size, MAX_WRITE_BYTES)))
    except BaseException:  # noqa: BLE001 -- what escapes a callback corrupts memory
        return size
    return size


_WRITTEN = _WRITE(_written)
"""One for all stores; see ``linker`` for why."""
