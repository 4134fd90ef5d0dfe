"""This plugin's configuration, resolved by the host from its layers. Needs no permission."""

from typing import Any, TypeVar, overload

from wit_world.imports import config as _host

from wardian_sdk._errors import Invalid, NotFound, ask
from wardian_sdk._json import from_text
from wardian_sdk._typed import Misfit, typed

__all__ = ["get", "get_all", "load"]

T = TypeVar("T")
D = TypeVar("D")

_REQUIRED: Any = object()


@overload
def get(key: str, default: Any = ...) -> Any: ...
@overload
def get(key: str, *, type: type[T]) -> T: ...
@overload
def get(key: str, default: D, *, type: type[T]) -> T | D: ...
def get(key: str, default: Any = _REQUIRED, *, type: Any = Any) -> Any:  # noqa: A002 - reads best
    """Return the value at ``key``; it may go into nested objects with dots: ``limits.daily``.

    When no layer sets it, ``default`` is returned if there is one, else ``NotFound`` is raised.
    With ``type`` the value is returned as that type, or ``Invalid`` is raised, saying what it is
    instead: ``get("limits.daily", default=10, type=int)``. What types there are is told at
    ``load``.
    """
    try:
        value = from_text(ask(_host.get, key))
    except NotFound:
        if default is _REQUIRED:
            raise
        return default
    return _typed(value, type, key)


def get_all() -> dict[str, Any]:
    """Return the whole configuration."""
    values: dict[str, Any] = from_text(ask(_host.get_all))
    return values


def load(kind: type[T]) -> T:
    """Return the whole configuration as the dataclass ``kind``, by the names of its fields.

    Fields are of type ``str``, ``int``, ``float``, ``bool`` or ``Any``, of an ``Enum`` or another
    dataclass, or a ``list``, ``dict`` or ``| None`` of these. A field without a default must be
    set; what is set and has no field is left out. Raises ``Invalid``, with the path of the fault.
    """
    loaded: T = _typed(get_all(), kind, "")
    return loaded


def _typed(value: Any, kind: Any, path: str) -> Any:
    try:
        return typed(value, kind, path)
    except Misfit as misfit:
        raise Invalid(misfit.of("the configuration")) from None
