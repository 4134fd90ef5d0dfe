"""The exceptions that stand for ``wardian:plugin/types.error``, and the one place that raises them.

* WardianError
  + Denied · NotFound · Invalid · Exhausted · Unavailable
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from wardian_sdk._plain import Err

P = ParamSpec("P")
T = TypeVar("T")


class WardianError(Exception):
    """The host refused. ``str()`` of it is the host's sentence, which names what refused."""


class Denied(WardianError):
    """The plugin lacks the permission."""


class NotFound(WardianError):
    """What was named does not exist, or does not exist for this plugin."""


class Invalid(WardianError):
    """The argument is malformed."""


class Exhausted(WardianError):
    """A quota or the rest of the budget does not suffice."""


class Unavailable(WardianError):
    """The service behind the function does not answer, or this host does not offer it."""


# Keyed by the names of the generated cases and not by the cases themselves: the module that
# holds those is called `types` or `wardian_plugin_types`, depending on the plugin's own world.
_BY_CASE: dict[str, type[WardianError]] = {
    "Error_Denied": Denied,
    "Error_NotFound": NotFound,
    "Error_Invalid": Invalid,
    "Error_Exhausted": Exhausted,
    "Error_Unavailable": Unavailable,
}


def ask(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Call a host function; raise the ``WardianError`` that its ``err`` stands for."""
    try:
        return function(*arguments, **named)
    except Err as refusal:
        case = refusal.value
        kind = _BY_CASE.get(type(case).__name__, WardianError)
        raise kind(getattr(case, "value", str(case))) from None
