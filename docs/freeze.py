"""Renew the frozen documents of the HTTP API: ``python docs/freeze.py``.

docs/reference/openapi-v1.json is what version 1 promises, and so for each version: paths,
parameters, schemas and statuses, without prose. A test compares it with the code. What was added is
taken into it by this command; what breaks those who rely on it is told, and nothing is written,
unless ``--breaking`` says so.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openapi_breaks import breaks
from wardian.api.app import app_over
from wardian.api.openapi import static_document
from wardian.settings import Settings

REFERENCE = Path(__file__).parent / "reference"
VERSIONS = ("v1", "v2")

_PROSE = ("description", "summary", "title", "tags", "operationId", "example", "examples")
_NAMED = ("properties", "schemas", "parameters", "responses", "paths")
"""The keys of these are names, which prose may have too."""

Json = dict[str, Any]


def frozen_path(version: str) -> Path:
    """Where the frozen document of a version is."""
    return REFERENCE / f"openapi-{version}.json"


def frozen(version: str) -> Json:
    """Return what a version of the API promises now, as the code has it."""
    whole = static_document(app_over(None, Settings()))  # type: ignore[arg-type]  # no request
    prefix = f"/api/{version}/"
    paths = {path: item for path, item in whole["paths"].items() if path.startswith(prefix)}
    components: Json = {}
    _take(whole, paths, components)
    found: Json = _without_prose({"paths": paths, "components": components})
    operations = [each for item in found["paths"].values() for each in item.values()]
    for holder in (*operations, found["components"]):
        for response in holder["responses"].values():
            if "$ref" not in response:
                response["description"] = ""  # which OpenAPI demands
    info = {"title": whole["info"]["title"], "version": version}
    return {"openapi": whole["openapi"], "info": info, **found}


def text_of(document: Json) -> str:
    """Return a document as it is kept."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _take(whole: Json, value: Any, components: Json) -> None:
    """Take over the components that ``value`` refers to, and those that they do."""
    for reference in _references(value):
        _, _, group, name = reference.split("/")
        taken = components.setdefault(group, {})
        if name not in taken:
            taken[name] = whole["components"][group][name]
            _take(whole, taken[name], components)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _references(each)


def _without_prose(value: Any, *, names: bool = False) -> Any:
    """Leave out what is for people; ``names`` tells that the keys of ``value`` are names."""
    if isinstance(value, list):
        return [_without_prose(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_prose(each, names=key in _NAMED)
        for key, each in value.items()
        if names or key not in _PROSE
    }


def main(arguments: list[str]) -> int:
    """Write what is frozen; return the exit code."""
    for version in VERSIONS:
        path, document = frozen_path(version), frozen(version)
        broken = breaks(json.loads(path.read_text()), document) if path.exists() else []
        if broken and "--breaking" not in arguments:
            for each in broken:
                sys.stderr.write(f"{each}\n")
            sys.stderr.write(f"{len(broken)} changes break {version}; {path.name} stays.\n")
            return 1
        path.write_text(text_of(document))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
