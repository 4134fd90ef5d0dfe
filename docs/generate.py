"""Write docs/reference from the code: `make docs`. A test compares the two."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from wardian import errors
from wardian.api.problems import STATUS
from wardian.client.api import Api, NamedPlugin
from wardian.client.binding import Method, Noun, Stream
from wardian.events.catalogue import ONLY_AUDITED, SYSTEM_EVENTS
from wardian.events.topics import RESERVED
from wardian.plugins.documents import MAX_BYTES, MAX_VALUES
from wardian.plugins.manifest import MAX_MANIFEST_BYTES
from wardian.plugins.manifest_schema import FILE_NAME, manifest_schema
from wardian.plugins.toml_text import MAX_KEY_PARTS
from wardian.policy.levels import LEVELS, Level
from wardian.policy.limits import MIB, Limits
from wardian.policy.meanings import EXHAUSTED, MEANINGS, amount
from wardian.policy.permissions import DESCRIPTIONS
from wardian.policy.risks import CHANGES, LEVEL_RISKS, RISKS, UNENCRYPTED, Reach
from wardian.settings import Settings
from wardian.telemetry.catalogue import METRICS
from wardian.telemetry.labels import (
    MAX_FUNCTIONS,
    MAX_FUNCTIONS_OF_PLUGIN,
    MAX_FUNCTIONS_OF_TENANT,
    MAX_NAME_CHARS,
    MAX_PLUGINS,
    MAX_PLUGINS_OF_TENANT,
    MAX_TENANTS,
    REST,
)
from wardian.telemetry.plugin_metrics import (
    MAX_SERIES,
    MAX_SERIES_OF_PLUGIN,
    MAX_SERIES_OF_TENANT,
)
from wardian.telemetry.served import MAX_ROUTES
from wardian.vault.kinds import FIELDS, PEM_CHARS_MAX, TEXT_CHARS_MAX, Field
from wardian.worker.host_calls import EXHAUSTED_CALLS

REFERENCE = Path(__file__).parent / "reference"

NOTE = "<!-- Written by `make docs` from the code. -->\n\n"


def levels() -> str:
    """The tables of design section 6, from policy/levels.py."""
    return (
        "# Sandbox levels and limits\n\n"
        + NOTE
        + "A plugin's manifest names its level; the default is `restricted`. The operator bounds\n"
        "it with `WARDIAN_LEVEL_MAX`.\n\n"
        + _policies()
        + "\nClosed WASI: clocks and random answer, standard output and error go to the log;\n"
        "there are no files, no environment, no arguments and no addresses.\n\n"
        "## Limits of one call\n\n"
        "A call may lower any limit by its name (`--limit wall_seconds=0.5`, or `limits` in the\n"
        "API); nothing but another level raises one. 1 MiB is 1,048,576 bytes.\n\n"
        + _limits()
        + f"\n`{EXHAUSTED}` is not an error: a host function answers it, and the plugin may\n"
        "handle it. Log lines beyond the limit are dropped and counted. A call that goes on\n"
        f"asking {EXHAUSTED_CALLS:,} times after its host calls are used up is ended by a `trap`.\n"
        "The others are [errors](errors.md) that end the call. The stack is the same at every\n"
        "level, and `stack-overflow` answers.\n"
    )


def _policies() -> str:
    policies = [LEVELS[level] for level in Level]
    rows: list[list[str]] = [
        ["runs in", *(policy.runs_in for policy in policies)],
        ["instance", *("reused" if policy.reuses_instance else "fresh" for policy in policies)],
        ["WASI 0.2", *("closed" if policy.wasi else "refused" for policy in policies)],
        ["`credentials.reveal`", *(policy.reveal for policy in policies)],
    ]
    return _table(["", *Level], rows)


def _limits() -> str:
    rows = []
    for field in fields(Limits):
        name, meaning = field.name, MEANINGS[field.name]
        values = [amount(name, getattr(LEVELS[level].limits, name)) for level in Level]
        rows.append([f"`{name}`", meaning.bounds, *values, f"`{meaning.answer}`"])
    return _table(["limit", "what it bounds", *Level, "what answers"], rows)


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


def credentials() -> str:
    """Every kind of credential with its fields, from vault/kinds.py."""
    sections = [
        f"\n## `{kind}`\n\n"
        + _table(["field", "secret", "needed", "meaning"], [_field(field) for field in fields])
        for kind, fields in FIELDS.items()
    ]
    return (
        "# Kinds of credentials\n\n"
        + NOTE
        + "`wardian credential set NAME --kind KIND` sets one. What is secret is sealed and never\n"
        "shown; the rest is. A text has at most "
        f"{TEXT_CHARS_MAX:,} characters, a key in PEM {PEM_CHARS_MAX:,}.\n" + "".join(sections)
    )


def _field(field: Field) -> list[str]:
    meaning = f"{field.meaning} A list." if field.is_list else field.meaning
    return [
        f"`{field.name}`",
        "yes" if field.is_secret else "no",
        "yes" if field.is_required else "no",
        meaning,
    ]


def permissions() -> str:
    """Every permission of the grammar, with its risk."""
    rows = [[f"`{name}`", meaning] for name, meaning in DESCRIPTIONS.items()]
    levels = [[f"`{level}`", found.risk, found.why] for level, found in LEVEL_RISKS.items()]
    return (
        "# Permissions\n\n"
        + NOTE
        + "A permission is text. A `*` in its target stands for any run of characters. A plugin\n"
        "has a permission when its manifest asks for it, the operator granted it, its level\n"
        "allows it and the host does not exclude it; a denial names the layer that refused.\n\n"
        "In an address, method, scheme, host with port, and the rest are matched one by one. A\n"
        "`*` in the host is all of it, or its first labels: `https://*.example.org/*` reaches the\n"
        "hosts below `example.org` and no others. `https://*` alone is every address.\n\n"
        + _table(["permission", "allows"], rows)
        + "\n## Risks\n\n"
        "The risk is what a permission may do in the hands of a stranger. It is shown wherever\n"
        "permissions are reviewed, and allows or refuses nothing. A target without a fixed\n"
        "beginning counts as any; of an address it is the host that counts, and `*.org` is any.\n\n"
        + _risks()
        + "\nWhat running at a level risks, permissions apart, when a new version asks for one:\n\n"
        + _table(["level", "risk", "why"], levels)
    )


_REACHES = {Reach.ONE: "one", Reach.SOME: "some (`a.*`)", Reach.ANY: "any (`*`)"}
_HOSTS = {Reach.ONE: "one host", Reach.SOME: "hosts of a domain", Reach.ANY: "any host"}


def _risks() -> str:
    rows = []
    for (action, reach), found in RISKS.items():
        reaches = _HOSTS if action == "http:request" else _REACHES
        target = reaches[reach] if (action, Reach.ANY) in RISKS else ""
        rows.append([f"`{action}`", target, found.risk, found.why])
    raises = (
        ("another method than `GET`, `HEAD`, `OPTIONS`, and a `*` in the path", CHANGES),
        ("`http://`", UNENCRYPTED),
    )
    for target, found in raises:
        rows.append(["`http:request`", target, f"at least {found.risk}", found.why])
    return _table(["permission", "target", "risk", "why"], rows)


def manifest() -> str:
    """Every field of plugin.toml, from its JSON Schema."""
    schema = manifest_schema()
    tables = {name: table for name, table in schema["$defs"].items() if "properties" in table}
    pages = "".join(
        f"\n## {_where(schema, name)}\n\n{table['description'].replace('``', '`')}\n\n"
        + _fields(table)
        for name, table in tables.items()
    )
    return (
        "# The manifest, `plugin.toml`\n\n"
        + NOTE
        + "There are no other fields. No text or name has characters that are invisible or change\n"
        f"the direction of text. The file has at most {MAX_MANIFEST_BYTES // 1024} KiB, a dotted "
        f"key at most {MAX_KEY_PARTS} parts;\n"
        f"`config_schema` and `default_config` each have at most {MAX_VALUES:,} values and "
        f"{MAX_BYTES // 1024} KiB as JSON.\n"
        f"For editors there is the same as [JSON Schema]({FILE_NAME}).\n\n"
        + _fields(schema)
        + pages
    )


def manifest_schema_file() -> str:
    """The JSON Schema of plugin.toml, for editors."""
    return json.dumps(manifest_schema(), indent=2, ensure_ascii=False) + "\n"


def _where(schema: dict[str, Any], table: str) -> str:
    """Say how a table is written: `[health_check]`, or `[[permissions]]` if there may be many."""
    reference = {"$ref": f"#/$defs/{table}"}
    for name, field in schema["properties"].items():
        if field.get("items") == reference:
            return f"`[[{name}]]`"
        if field.get("$ref") == reference["$ref"]:
            return f"`[{name}]`"
    for holder, held in schema["$defs"].items():
        for name, field in held.get("properties", {}).items():
            if reference["$ref"] in [each.get("$ref") for each in (field, *field.get("anyOf", ()))]:
                return f"`[{_where(schema, holder).strip('`[]')}.{name}]`"
    raise LookupError(table)


def _fields(table: dict[str, Any]) -> str:
    rows = [
        [
            f"`{name}`",
            _kind(field),
            "required" if name in table.get("required", ()) else _default_value(field),
            field["description"],
        ]
        for name, field in table["properties"].items()
    ]
    return _table(["field", "what it is", "default", "meaning"], rows)


def _kind(field: dict[str, Any]) -> str:
    """Say in words what a value must be."""
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "$ref" in field:
        found = manifest_schema()["$defs"][field["$ref"].rpartition("/")[2]]
        return _kind(found) if "enum" in found else "a table, below"
    if "anyOf" in field:
        return " or ".join(map(_kind, field["anyOf"]))
    if field["type"] == "array":
        items = _kind(field["items"]).replace("a table", "tables").replace("text", "texts")
        return f"up to {field['maxItems']} {items}"
    return _plain_kind(field)


def _plain_kind(field: dict[str, Any]) -> str:
    match field["type"]:
        case "string":
            least = f"{field['minLength']} to" if "minLength" in field else "up to"
            return f"text of {least} {field['maxLength']:,} characters"
        case "number":
            least = f"from {field['minimum']}" if "minimum" in field else "more than 0"
            return f"number, {least}, up to {field['maximum']:,}"
        case "object" if "maxProperties" in field:
            return f"table of up to {field['maxProperties']} names with texts"
        case kind:
            return {"object": "table"}.get(kind, kind)


def _default_value(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value in ("", []):
        return "empty"
    return "none" if value is None else f"`{json.dumps(value)}`"


def _subclasses(kind: type[errors.WardianError]) -> set[type[errors.WardianError]]:
    found = {kind}
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            found |= _subclasses(child)
    return found - {errors.CallError}


def _default(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, int) and not isinstance(value, bool) and value >= MIB:
        return f"{value // MIB} MiB"
    return f"`{value}`" if str(value) else "empty"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def system_events() -> str:
    """Every event that the host tells of itself."""
    nouns: dict[str, list[list[str]]] = {}
    for topic, told in SYSTEM_EVENTS.items():
        fields = ", ".join(f"`{field.removesuffix('?')}`" for field in told.fields)
        nouns.setdefault(topic.partition(".")[0], []).append([f"`{topic}`", told.when, fields])
    return (
        "# System events\n\n"
        + NOTE
        + "What a host tells of itself. Whatever is in the audit trail is told under one of these\n"
        "topics, in the same transaction, to those who may hear it: host apps by\n"
        "[stream or `host.bus`](../host-apps.md#events), plugins that were granted\n"
        "`events:subscribe:TOPIC`, and `wardian events tail`. Nobody else can publish topics that\n"
        f"begin with {', '.join(f'`{word}`' for word in RESERVED)}.\n\n"
        "The data is a JSON object with these fields; some are there only where they mean\n"
        "something. There is no secret in them: no value of a configuration or credential, no\n"
        "token, no data of a plugin. `plugin` is the plugin that it is about, `actor` who did\n"
        "it: the name of an API key or a file, or `host`. Further fields and topics may come.\n\n"
        + "".join(
            f"Only in the audit trail is `{action}`: {why}.\n"
            for action, why in ONLY_AUDITED.items()
        )
        + "".join(
            f"\n## `{noun}.*`\n\n" + _table(["topic", "when", "data"], rows)
            for noun, rows in nouns.items()
        )
    )


def client() -> str:
    """Every method of `wardian.client`, from its classes."""
    api = Api(object())  # type: ignore[type-var]
    nouns = {name: noun for name, noun in vars(api).items() if isinstance(noun, Noun)}
    parts = [("", Api), *((name, type(noun)) for name, noun in nouns.items())]
    return (
        "# Methods of the Python client\n\n"
        + NOTE
        + "What [`wardian.client`](../host-apps.md#the-python-client) can ask a host for. Those\n"
        "of an `AsyncClient` are awaited, but for `stream`, which is iterated. Answers are\n"
        "classes of `wardian.client.models`, whose fields are described there.\n"
        + "".join(
            _client_part(name, kind) for name, kind in [*parts, ("plugin(name)", NamedPlugin)]
        )
    )


def _client_part(name: str, kind: type[Any]) -> str:
    prefix = f"client.{name}".rstrip(".")
    rows = [
        [
            f"`{prefix}.{method}{_signature(made.build)}`",
            f"`{_answer(made.build)}`",
            _sentence(made),
        ]
        for method, made in vars(kind).items()
        if isinstance(made, Method | Stream)
    ]
    return f"\n## `{prefix}`\n\n{_sentence(kind)}\n\n" + _table(["method", "answers", "does"], rows)


def _signature(build: Callable[..., Any]) -> str:
    """Names and defaults; what a ``TypedDict`` adds is spelt out."""
    said: list[str] = []
    for parameter in list(inspect.signature(build).parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD and parameter.name == "terms":
            (terms,) = get_args(get_type_hints(build)["terms"])
            said += [f"{term}=…" for term in get_type_hints(terms)]
        elif parameter.kind is parameter.VAR_KEYWORD:
            said.append(f"**{parameter.name}")
        else:
            given = parameter.default is not parameter.empty
            said.append(f"{parameter.name}={parameter.default!r}" if given else parameter.name)
    return f"({', '.join(said)})"


def _answer(build: Callable[..., Any]) -> str:
    (answered,) = get_args(get_type_hints(build)["return"])
    plain = isinstance(answered, type) and not get_args(answered)
    text = answered.__name__ if plain else str(answered)
    return re.sub(r"[\w.]+\.", "", text.replace("NoneType", "None"))


def _sentence(described: Any) -> str:
    return inspect.cleandoc(described.__doc__).partition("\n\n")[0].replace("\n", " ")


def metrics() -> str:
    """Every metric, from telemetry/catalogue.py."""
    rows = [
        [
            f"`{each.shown_name}`",
            each.kind,
            ", ".join(f"`{label}`" for label in each.labels),
            each.text,
        ]
        for each in METRICS
    ]
    return (
        "# Metrics\n\n"
        + NOTE
        + "`GET /metrics` has these, and `process_…` of the host's own process. A histogram has\n"
        "`_bucket`, `_sum` and `_count`. Counts are this host's, and begin at 0 with it.\n\n"
        + _table(["metric", "kind", "labels", "meaning"], rows)
        + "\n## Bounds\n\n"
        "Names of plugins, functions and what plugins count are strangers'. The first ones get\n"
        f"labels of their own, and the rest is counted together as `{REST}`; a label stays until\n"
        "the host ends.\n\n"
        + _table(
            ["what", "of all", "of one"],
            [
                ["plugins", f"{MAX_PLUGINS:,}", f"{MAX_PLUGINS_OF_TENANT:,} of a tenant"],
                [
                    "functions",
                    f"{MAX_FUNCTIONS:,}",
                    f"{MAX_FUNCTIONS_OF_TENANT:,} of a tenant, {MAX_FUNCTIONS_OF_PLUGIN:,} of a "
                    "plugin",
                ],
                ["tenants, where no plugin is told apart", f"{MAX_TENANTS:,}", ""],
                ["routes", f"{MAX_ROUTES:,}", ""],
                [
                    "series that plugins count or observe",
                    f"{MAX_SERIES:,}",
                    f"{MAX_SERIES_OF_TENANT:,} of a tenant, {MAX_SERIES_OF_PLUGIN:,} of a plugin; "
                    "it is told `exhausted` then",
                ],
            ],
        )
        + f"\nA name of more than {MAX_NAME_CHARS} characters is among the rest.\n"
    )


PAGES = {
    "client.md": client,
    "metrics.md": metrics,
    "events.md": system_events,
    "levels.md": levels,
    "errors.md": error_types,
    "settings.md": settings,
    "permissions.md": permissions,
    "credentials.md": credentials,
    "manifest.md": manifest,
    FILE_NAME: manifest_schema_file,
}


def main() -> int:
    """Write every page."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
