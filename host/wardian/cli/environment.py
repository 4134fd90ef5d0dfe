"""Environment variables that look like Wardian's and are not: mostly typing errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from wardian.cli.client import KEY_VARIABLE, URL_VARIABLE
from wardian.settings import Settings

PREFIX = "WARDIAN_"


def known_variables() -> list[str]:
    """Every variable that Wardian reads."""
    return [URL_VARIABLE, KEY_VARIABLE, *(PREFIX + name.upper() for name in Settings.model_fields)]


def complaints(names: Iterable[str]) -> list[str]:
    """Say of each of ``names`` that begins as Wardian's do and is none, what may have been meant.

    Case does not matter, as it does not to the settings.
    """
    known = known_variables()
    return [
        _complaint(name, known)
        for name in sorted(names)
        if name.upper().startswith(PREFIX) and name.upper() not in known
    ]


def _complaint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name.upper(), known, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return f"{name} is not a variable of Wardian's, and has no effect.{meant}"
