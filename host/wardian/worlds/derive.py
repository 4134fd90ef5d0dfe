"""Derive a contract's data from its WIT text: ``python -m wardian.worlds.derive wit/v1``.

Needs ``wasm-tools`` (a tool for developing Wardian, not for running it). Writes JSON to
standard output.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def derive(directory: Path) -> dict[str, Any]:
    """Read the WIT package in ``directory`` and return the contract's data."""
    program = subprocess.run(
        ["wasm-tools", "component", "wit", "--json", str(directory)],  # noqa: S607 -- from PATH
        check=True,
        capture_output=True,
    )
    resolved = json.loads(program.stdout)
    worlds = {world["name"]: world for world in resolved["worlds"]}
    version = resolved["packages"][0]["name"].partition("@")[2]
    return {
        "version": version,
        "imports": _interfaces(resolved, worlds["host"]["imports"]),
        "exports": _interfaces(resolved, worlds["handlers"]["exports"]),
    }


def _interfaces(resolved: dict[str, Any], items: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for item in items.values():
        interface = resolved["interfaces"][item["interface"]["id"]]
        if interface["functions"]:
            found[interface["name"]] = {
                name: {
                    "parameters": [
                        [parameter["name"], _type(resolved, parameter["type"])]
                        for parameter in function["params"]
                    ],
                    "result": _maybe(resolved, function.get("result")),
                }
                for name, function in interface["functions"].items()
            }
    return found


def _maybe(resolved: dict[str, Any], reference: Any) -> Any:
    return None if reference is None else _type(resolved, reference)


def _type(resolved: dict[str, Any], reference: Any) -> Any:
    """Write a type with every name resolved."""
    if isinstance(reference, str):
        return reference
    kind = resolved["types"][reference]["kind"]
    ((name, value),) = kind.items()
    writer = _WRITERS[name]
    return writer(resolved, value)


def _named(resolved: dict[str, Any], items: list[dict[str, Any]]) -> list[Any]:
    return [[item["name"], _maybe(resolved, item["type"])] for item in items]


_WRITERS: dict[str, Any] = {
    "type": lambda r, value: _type(r, value),
    "list": lambda r, value: {"list": _type(r, value)},
    "option": lambda r, value: {"option": _type(r, value)},
    "tuple": lambda r, value: {"tuple": [_type(r, t) for t in value["types"]]},
    "record": lambda r, value: {"record": _named(r, value["fields"])},
    "variant": lambda r, value: {"variant": _named(r, value["cases"])},
    "enum": lambda r, value: {"enum": [case["name"] for case in value["cases"]]},
    "flags": lambda r, value: {"flags": [flag["name"] for flag in value["flags"]]},
    "result": lambda r, value: {"result": [_maybe(r, value["ok"]), _maybe(r, value["err"])]},
}


if __name__ == "__main__":
    print(json.dumps(derive(Path(sys.argv[1])), indent=1))  # noqa: T201 -- the tool's output
