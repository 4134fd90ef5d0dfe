"""What a call ran as."""

from __future__ import annotations

from typing import NamedTuple

from wardian.policy.limits import Limits


class Terms(NamedTuple):
    """What ran, and within which limits.

    Attributes:
        function: by its full name.
    """

    plugin: str
    version: str
    function: str
    limits: Limits
