"""This plugin's configuration, resolved by the host from its layers. Needs no permission."""

from typing import Any

from wit_world.imports import config as _host

from wardian_sdk._errors import NotFound, ask
from wardian_sdk._json import from_text

__all__ = ["get", "get_all"]

_REQUIRED = object()


def get(key: str, default: Any = _REQUIRED) -> Any:
    """Return the value at ``key``, typed by the manifest's ``config_schema``.

    ``key`` may go into nested objects with dots. When no layer sets it, ``default`` is
    returned if there is one, else ``NotFound`` is raised.
    """
    try:
        return from_text(ask(_host.get, key))
    except NotFound:
        if default is _REQUIRED:
            raise
        return default


def get_all() -> dict[str, Any]:
    """Return the whole configuration."""
    values: dict[str, Any] = from_text(ask(_host.get_all))
    return values
