"""One build, as the builders of the languages see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wardian.cli.authoring.options import Options
from wardian.cli.authoring.steps import Steps

# Kept in the plugin's directory and ignored by git: bindings and types for the author's editor,
# and the log of the last build.
SCRATCH = ".wardian-build"


@dataclass(frozen=True)
class Project:
    """A plugin that is being built; all paths are absolute.

    ``scratch`` survives the build, ``staging`` does not; ``wit`` is complete for the tools.
    ``declared`` are the enhancements that the source declares, by method.
    """

    directory: Path
    scratch: Path
    staging: Path
    wit: Path
    world: str
    options: Options
    steps: Steps
    declared: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def component(self) -> Path:
        """Where a builder leaves its result."""
        return self.staging / "plugin.wasm"
