"""What a manifest says of data beside rows, against its component."""

from __future__ import annotations

from collections.abc import Iterator

from wardian.errors import Fault, InvalidManifest, NotFound
from wardian.plugins.manifest import Manifest
from wardian.sandbox.description import Description

GIVEN = ("kind", "from-version", "data")
"""The parameters that a function that migrates data is given."""

_HOST_CALLS = "wardian:plugin/"


def check_migrations(manifest: Manifest, description: Description) -> None:
    """Check that a component has the functions that migrate its data beside rows.

    Raises:
        InvalidManifest: it lacks one, or one takes other parameters.
    """
    faults = [
        Fault(text, f"row_data[{index}].migrate")
        for index, each in enumerate(manifest.row_data)
        if each.migrate is not None
        for text in _faults(each.migrate, description)
    ]
    if faults:
        raise InvalidManifest(faults=faults)


def _faults(function: str, description: Description) -> Iterator[str]:
    try:
        name = description.resolve(function)
    except NotFound as error:
        yield error.message
        return
    if name.startswith(_HOST_CALLS):
        yield f"The host calls {name} itself; data is migrated by one of the plugin's own."
        return
    parameters = description.functions[name].parameters.get("properties", GIVEN)
    if sorted(parameters) != sorted(GIVEN):
        listed = ", ".join(parameters) or "none"
        yield f"{name} takes {listed}; what migrates data takes {', '.join(GIVEN)}."
