"""Write docs/reference from the code: `make docs`. A test compares the two."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path

from wardian import errors
from wardian.api.problems import STATUS
from wardian.policy.levels import LEVELS, Level
from wardian.policy.limits import MIB, Limits
from wardian.policy.permissions import DESCRIPTIONS
from wardian.settings import Settings

REFERENCE = Path(__file__).parent / "reference"

NOTE = "<!-- Written by `make docs` from the code. -->\n\n"


def levels() -> str:
    """The table of design section 6, from policy/levels.py."""
    columns = list(Level)
    rows = [
        ("runs in", [LEVELS[level].runs_in for level in columns]),
        (
            "instance",
            ["reused" if LEVELS[level].reuses_instance else "fresh" for level in columns],
        ),
        ("WASI 0.2", ["closed" if LEVELS[level].wasi else "refused" for level in columns]),
        ("`credentials.reveal`", [LEVELS[level].reveal for level in columns]),
    ]
    for field in fields(Limits):
        values = [
            _amount(field.name, getattr(LEVELS[level].limits, field.name)) for level in columns
        ]
        rows.append((f"`{field.name}`", values))
    table = _table(["", *columns], [[name, *map(str, values)] for name, values in rows])
    return (
        "# Sandbox levels and limits\n\n"
        + NOTE
        + "A plugin's manifest names its level; the default is `restricted`. A call may lower any\n"
        "limit by its name (`--limit wall_seconds=0.5`, or `limits` in the API).\n\n"
        + table
        + "\nClosed WASI: clocks and random answer, standard output and error go to the log;\n"
        "there are no files, no environment, no arguments and no addresses.\n"
    )


def error_types() -> str:
    """Every error type with its status and meaning."""
    kinds = sorted(_subclasses(errors.WardianError), key=lambda kind: kind.type)
    rows = [[f"`{kind.type}`", str(STATUS[kind]), kind.title()] for kind in kinds]
    return (
        "# Errors\n\n"
        + NOTE
        + "Over HTTP an error is problem+json (RFC 9457); the last path segment of its `type`\n"
        "is the name below. On the command line with `--json` it is `error.type`. In Python it is\n"
        "a class of `wardian.errors`.\n\n" + _table(["type", "HTTP status", "meaning"], rows)
    )


def settings() -> str:
    """Every setting with its default."""
    rows = [
        [
            f"`WARDIAN_{name.upper()}`",
            # The only default that depends on the machine.
            "cores + 2" if name == "workers_max" else _default(field.default),
            " ".join((field.description or "").split()),
        ]
        for name, field in Settings.model_fields.items()
    ]
    return (
        "# Settings\n\n"
        + NOTE
        + "Settings are environment variables of `wardian serve`, or arguments of `Settings`.\n\n"
        + _table(["variable", "default", "meaning"], rows)
    )


def permissions() -> str:
    """Every permission of the grammar."""
    rows = [[f"`{name}`", meaning] for name, meaning in DESCRIPTIONS.items()]
    return (
        "# Permissions\n\n"
        + NOTE
        + "A permission is text. A `*` in its target stands for any run of characters. A plugin\n"
        "has a permission when its manifest asks for it, the operator granted it, its level\n"
        "allows it and the host does not exclude it; a denial names the layer that refused.\n\n"
        + _table(["permission", "allows"], rows)
    )


def _subclasses(kind: type[errors.WardianError]) -> set[type[errors.WardianError]]:
    found = {kind}
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            found |= _subclasses(child)
    return found - {errors.CallError}


def _amount(name: str, value: object) -> str:
    if value is None:
        return "unmetered"
    if name.endswith("_bytes") and isinstance(value, int):
        return f"{value // MIB} MiB"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else str(value)


def _default(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, int) and not isinstance(value, bool) and value >= MIB:
        return f"{value // MIB} MiB"
    return f"`{value}`" if str(value) else "empty"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


PAGES = {
    "levels.md": levels,
    "errors.md": error_types,
    "settings.md": settings,
    "permissions.md": permissions,
}


def main() -> int:
    """Write every page."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
