"""Environment variables that look like Wardian's and are not: mostly typing errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module

PREFIX = "WARDIAN_"
URL_VARIABLE = "WARDIAN_URL"
KEY_VARIABLE = "WARDIAN_API_KEY"


def known_variables() -> list[str]:
    """Every variable that Wardian reads."""
    # Loaded when there is a variable to look at, because it takes longer than a command's help.
    settings = import_module("wardian.settings").Settings
    return [URL_VARIABLE, KEY_VARIABLE, *(PREFIX + name.upper() for name in settings.model_fields)]


def complaints(names: Iterable[str]) -> list[str]:
    """Say of each of ``names`` that begins as Wardian's do and is none, what may have been meant.

    Case does not matter, as it does not to the settings.
    """
    clients = {URL_VARIABLE, KEY_VARIABLE}
    ours = sorted(name for name in names if name.upper().startswith(PREFIX))
    if clients.issuperset(ours):
        return []
    known = known_variables()
    return [_complaint(name, known) for name in ours if name.upper() not in known]


def _complaint(name: str, known: list[str]) -> str:
    # Without the prefix, which would make every name look like every other.
    names = [each.removeprefix(PREFIX) for each in known]
    near = difflib.get_close_matches(name.upper().removeprefix(PREFIX), names, n=1)
    meant = f" Did you mean {PREFIX}{near[0]}?" if near else ""
    return f"{name} is not a variable of Wardian's, and has no effect.{meant}"
