"""Where the WIT contract and the SDKs are: inside the installed package, or in the repository."""

from __future__ import annotations

from pathlib import Path

from wardian.cli.authoring.errors import BuildFailed
from wardian.cli.authoring.language import Language

_PACKAGE = Path(__file__).resolve().parents[2]
_REPOSITORY = _PACKAGE.parents[1]


def wit_directory() -> Path:
    """Return the folder of the newest version of the contract, ``v1``."""
    return _shipped("wit") / "v1"


def sdk_directory(language: Language) -> Path:
    """Return the folder of the SDK for ``language``."""
    return _shipped("sdk") / language.value


def _shipped(name: str) -> Path:
    for place in (_PACKAGE / name, _REPOSITORY / name):
        if place.is_dir():
            return place
    raise BuildFailed(f"This installation of Wardian lacks its {name!r} folder; install it again.")
