"""What an author needs before there is a component: ``wardian new`` and ``wardian build``.

Synchronous; knows no server, no terminal and no wasm engine. Toolchains run as subprocesses.
"""

from wardian.cli.authoring.building import build
from wardian.cli.authoring.contract import sdk_directory, wit_directory
from wardian.cli.authoring.errors import (
    BuildFailed,
    BuildHalted,
    NotAPlugin,
    ScaffoldRefused,
    ToolchainMissing,
)
from wardian.cli.authoring.faults import SourceFault, faults_of
from wardian.cli.authoring.halting import Halt
from wardian.cli.authoring.language import Language, detect_language
from wardian.cli.authoring.manifest import check_at, check_source
from wardian.cli.authoring.scaffold import Template, scaffold
from wardian.cli.authoring.sources import has_sources, is_built
from wardian.cli.authoring.steps import Progress

__all__ = [
    "BuildFailed",
    "BuildHalted",
    "Halt",
    "Language",
    "NotAPlugin",
    "Progress",
    "ScaffoldRefused",
    "SourceFault",
    "Template",
    "ToolchainMissing",
    "build",
    "check_at",
    "check_source",
    "detect_language",
    "faults_of",
    "has_sources",
    "is_built",
    "scaffold",
    "sdk_directory",
    "wit_directory",
]
