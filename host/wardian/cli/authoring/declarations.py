"""What a Python plugin's source declares for the host, beside its manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wardian.cli.authoring.decorators import as_toml, beside, declared_in
from wardian.cli.authoring.observers import check_asked, observed_in
from wardian.cli.authoring.reading import read_sources
from wardian.plugins.manifest import Manifest
from wardian.plugins.package import DECLARED_NAME


@dataclass(frozen=True, slots=True)
class Declarations:
    """What was found.

    Attributes:
        toml: what is packed behind the author's manifest; None if that is nothing.
        methods: which kinds of enhancements stand above which method.
    """

    toml: str | None = None
    methods: Mapping[str, Sequence[str]] = field(default_factory=dict)


def declarations(directory: Path, manifest: Manifest, text: str) -> Declarations:
    """Return what the decorators in a plugin's source add to its manifest, which has this text.

    Raises:
        BuildFailed: they cannot be read, or contradict the manifest; or it does not ask for what
            observers observe.
    """
    sources = read_sources(directory)
    check_asked(observed_in(sources), manifest)
    found = declared_in(sources)
    entries = beside(found, manifest, text)
    return Declarations(
        as_toml(entries) if entries else None,
        {each.method: [kind.value for kind in each.places] for each in found},
    )


def write_declarations(directory: Path, text: str | None) -> None:
    """Put that where it is packed from, in one step; or take away what was there."""
    target = directory / DECLARED_NAME
    if text is None:
        target.unlink(missing_ok=True)
        return
    made = target.with_suffix(".new")
    made.write_text(text, encoding="utf-8")
    os.replace(made, target)
