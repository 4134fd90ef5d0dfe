"""What an author needs before there is a component: ``wardian new`` and ``wardian build``.

Synchronous; knows no server, no terminal and no wasm engine. Toolchains run as subprocesses.
"""

from wardian.cli.authoring.building import build
from wardian.cli.authoring.contract import sdk_directory, wit_directory
from wardian.cli.authoring.errors import (
    BuildFailed,
    NotAPlugin,
    ScaffoldRefused,
    ToolchainMissing,
)
from wardian.cli.authoring.language import Language, detect_language
from wardian.cli.authoring.manifest import check_at, check_source
from wardian.cli.authoring.scaffold import scaffold

__all__ = [
    "BuildFailed",
    "Language",
    "NotAPlugin",
    "ScaffoldRefused",
    "ToolchainMissing",
    "build",
    "check_at",
    "check_source",
    "detect_language",
    "scaffold",
    "sdk_directory",
    "wit_directory",
]
