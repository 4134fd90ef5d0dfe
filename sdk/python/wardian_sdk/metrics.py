"""Numbers for the operator's monitoring. Needs no permission.

The host labels them with the plugin and the tenant; the number of names and of label sets is
bounded, so labels are for kinds of things and not for single ones.
"""

from wit_world.imports import metrics as _host

from wardian_sdk._errors import ask
from wardian_sdk._json import as_word

__all__ = ["count", "observe"]


def count(name: str, by: int = 1, **labels: object) -> None:
    """Add ``by`` to the counter ``name``."""
    ask(_host.count, name, by, _pairs(labels))


def observe(name: str, value: float, **labels: object) -> None:
    """Record one observation of ``name``, such as a duration in seconds."""
    ask(_host.observe, name, value, _pairs(labels))


def _pairs(labels: dict[str, object]) -> list[tuple[str, str]]:
    return [(name, as_word(value)) for name, value in labels.items()]
