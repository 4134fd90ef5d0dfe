"""What can go wrong before there is a component.

* WardianError
  + BuildFailed
    - ToolchainMissing · BuildHalted
  + ScaffoldRefused · NotAPlugin
"""

from __future__ import annotations

from typing import ClassVar

from wardian.errors import WardianError


class BuildFailed(WardianError):
    """The plugin could not be built."""

    type: ClassVar[str] = "build-failed"

    def __init__(self, message: str | None = None, *, output: str = "") -> None:
        super().__init__(message)
        # All that the program which failed has printed.
        self.output = output


class ToolchainMissing(BuildFailed):
    """A program that this plugin's language needs is not installed."""


class BuildHalted(BuildFailed):
    """The build was given up before its end."""


class ScaffoldRefused(WardianError):
    """A new plugin cannot be written under this name or in this place."""

    type: ClassVar[str] = "invalid-arguments"


class NotAPlugin(WardianError):
    """The directory does not hold the sources of a plugin."""

    type: ClassVar[str] = "invalid-arguments"
