"""``wardian build``: from a plugin's sources to ``plugin.wasm`` beside its manifest."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from wardian.cli.authoring import python, rust, typescript
from wardian.cli.authoring.declarations import (
    Declarations,
    declarations,
    write_declarations,
)
from wardian.cli.authoring.errors import NotAPlugin
from wardian.cli.authoring.halting import Halt
from wardian.cli.authoring.language import Language, detect_language
from wardian.cli.authoring.manifest import check_source, write_schema
from wardian.cli.authoring.options import read_options
from wardian.cli.authoring.project import SCRATCH, Project
from wardian.cli.authoring.staging import stage_wit, world_name
from wardian.cli.authoring.steps import Progress, Steps
from wardian.plugins.manifest import MANIFEST_NAME

_BUILDERS = {
    Language.PYTHON: python.build,
    Language.TYPESCRIPT: typescript.build,
    Language.RUST: rust.build,
}


def build(directory: Path, *, progress: Progress, halt: Halt | None = None) -> Path:
    """Build the plugin in ``directory`` and return the path of its ``plugin.wasm``.

    ``progress`` is told each step in a few words. What was there before stays as it was unless
    the build succeeds. ``halt`` ends it early. Raises ``NotAPlugin``, ``InvalidManifest``,
    ``ToolchainMissing``, ``BuildHalted`` or ``BuildFailed``.
    """
    halt = halt or Halt()
    directory = directory.resolve()
    language = detect_language(directory)
    manifest = directory / MANIFEST_NAME
    if not manifest.is_file():
        raise NotAPlugin(f"{directory} has no {MANIFEST_NAME}, the plugin's manifest.")
    source = manifest.read_bytes()
    checked = check_source(source)
    declared = Declarations()
    if language is Language.PYTHON:
        declared = declarations(directory, checked, source.decode())
    world = world_name(directory)
    options = read_options(directory)
    write_schema(directory)
    scratch = directory / SCRATCH
    # Beside the result, so that moving it into place is one step that cannot half succeed.
    with tempfile.TemporaryDirectory(dir=scratch, prefix="staging-") as staging:
        project = Project(
            directory=directory,
            scratch=scratch,
            staging=Path(staging),
            wit=stage_wit(directory, Path(staging)),
            world=world,
            options=options,
            declared=declared.methods,
            steps=Steps(scratch / "build.log", progress, Path(staging), directory, halt),
        )
        component = _BUILDERS[language](project)
        halt.check()
        result = directory / "plugin.wasm"
        os.replace(component, result)
        write_declarations(directory, declared.toml)
    return result
