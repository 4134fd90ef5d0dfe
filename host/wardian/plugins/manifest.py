"""``plugin.toml``: what a plugin is and what it asks for (design, section 7)."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from wardian.errors import InvalidArguments, InvalidManifest
from wardian.plugins.text import (
    ApiVersion,
    AssetPath,
    CapabilityName,
    Line,
    Name,
    Prose,
    Version,
    VersionRange,
)
from wardian.policy.levels import Level
from wardian.policy.permissions import Permission, parse_permission
from wardian.storage.documents import check_json, dump_json, path_of

MANIFEST_NAME = "plugin.toml"
MAX_MANIFEST_BYTES = 64 * 1024
MAX_SCHEMA_BYTES = 64 * 1024
MAX_KEY_PARTS = 16
"""How many parts a dotted key may have: ``[a.b.c]`` has three."""

_MANY = 256
_MAX_VALUES = 5_000
_SHOWN_CHARS = 80
_LONG_INTEGER = re.compile(r"[0-9_]{4000,}")

# A string that does not end runs to the end of its line or of the text: it is no TOML, and what
# would follow is never read. Nothing here goes back, so the time is linear in the text.
_PART = r"""(?:
    \"{3}(?:[^\\"]++|\\.|"(?!""))*+(?:"{3,5})?+
  | '{3}(?:[^']++|'(?!''))*+(?:'{3,5})?+
  | "(?:[^"\\\n]++|\\[^\n])*+"?+
  | '[^'\n]*+'?+
  | [A-Za-z0-9_-]++
)"""
_DOT = r"[ \t]*+\.[ \t]*+"
_TOKEN = re.compile(
    rf"\#[^\n]*+|{_PART}(?:{_DOT}{_PART}){{0,{MAX_KEY_PARTS - 1}}}+(?P<beyond>{_DOT}{_PART})?+",
    re.VERBOSE | re.DOTALL,
)

JsonObject = dict[str, Any]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PermissionRequest(_Table):
    """One permission the plugin asks for, and why."""

    permission: Annotated[str, Field(max_length=512)]
    reason: Annotated[Line, Field(min_length=1)]
    optional: bool = False

    @field_validator("permission")
    @classmethod
    def _is_permission(cls, text: str) -> str:
        _as_value_error(parse_permission, text)
        return text

    def parsed(self) -> Permission:
        """Return the permission as a value."""
        return parse_permission(self.permission)


class ApiEndpoint(_Table):
    """An HTTP path of the host's that answers with one of the plugin's functions."""

    path: Line
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    function: Line
    description: Prose = ""


class UiComponent(_Table):
    """A page or widget in the package's ``ui`` folder."""

    name: Name
    entry: AssetPath
    title: Line = ""


class Webhook(_Table):
    """A webhook the plugin receives: who sends it, and with which credential it is verified."""

    name: Name
    recipe: Name
    credential: Line | None = None
    description: Prose = ""


class HealthCheck(_Table):
    """How often the host asks the plugin how it feels, how long it waits, and what follows.

    Attributes:
        interval_seconds: between checks; the host's setting unless it is given.
        failure_threshold: failed checks in a row that make the plugin degraded.
        success_threshold: good ones in a row that make it active again.
        quarantine_after: further failed ones in a row that quarantine it; 0 is never.
    """

    interval_seconds: Annotated[float, Field(ge=1, le=86_400, strict=False)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=60, strict=False)] = 5.0
    failure_threshold: Annotated[int, Field(ge=1, le=100)] = 3
    success_threshold: Annotated[int, Field(ge=1, le=100)] = 1
    quarantine_after: Annotated[int, Field(ge=0, le=1000)] = 0


class MigrationScript(_Table):
    """One step that the plugin's ``migrate`` takes."""

    from_version: Version
    to_version: Version
    description: Prose = ""


class OAuth(_Table):
    """An OAuth provider whose tokens the plugin uses."""

    provider: Name
    scopes: Annotated[tuple[Line, ...], Field(max_length=_MANY, strict=False)] = ()
    authorize_url: Line | None = None
    token_url: Line | None = None


class Manifest(_Table):
    """A plugin's manifest. Only ``name`` and ``version`` are required."""

    name: Name
    version: Version
    api_version: ApiVersion = "1.0"
    description: Prose = ""
    author: Line = ""
    license: Line = ""
    category: Literal["integration", "ai_agent", "workflow", "ui"] = "integration"
    tags: Annotated[tuple[Name, ...], Field(max_length=32, strict=False)] = ()
    sandbox_level: Annotated[Level, Field(strict=False)] = Level.RESTRICTED
    capabilities: Annotated[tuple[CapabilityName, ...], Field(max_length=_MANY, strict=False)] = ()
    dependencies: Annotated[dict[Name, VersionRange], Field(max_length=_MANY)] = {}
    permissions: Annotated[
        tuple[PermissionRequest, ...], Field(max_length=_MANY, strict=False)
    ] = ()
    config_schema: JsonObject | None = None
    default_config: JsonObject = {}
    api_endpoints: Annotated[tuple[ApiEndpoint, ...], Field(max_length=_MANY, strict=False)] = ()
    ui_components: Annotated[tuple[UiComponent, ...], Field(max_length=_MANY, strict=False)] = ()
    webhooks: Annotated[tuple[Webhook, ...], Field(max_length=_MANY, strict=False)] = ()
    health_check: HealthCheck | None = None
    migration_scripts: Annotated[
        tuple[MigrationScript, ...], Field(max_length=_MANY, strict=False)
    ] = ()
    oauth: Annotated[tuple[OAuth, ...], Field(max_length=_MANY, strict=False)] = ()
    required_scopes: Annotated[tuple[Line, ...], Field(max_length=_MANY, strict=False)] = ()

    @field_validator("config_schema", "default_config")
    @classmethod
    def _is_bounded_json(cls, value: JsonObject | None) -> JsonObject | None:
        if value is not None:
            _check_amount(value)
            _as_value_error(check_json, value)
            if len(dump_json(value)) > MAX_SCHEMA_BYTES:
                raise ValueError(f"may take {MAX_SCHEMA_BYTES} bytes as JSON")
        return value

    @field_validator("permissions")
    @classmethod
    def _asks_once(cls, value: tuple[PermissionRequest, ...]) -> tuple[PermissionRequest, ...]:
        seen: set[str] = set()
        for request in value:
            if request.permission in seen:
                raise ValueError(f"asks for {request.permission!r} twice")
            seen.add(request.permission)
        return value

    def asked(self) -> tuple[Permission, ...]:
        """Return the permissions asked for, optional ones too."""
        return tuple(request.parsed() for request in self.permissions)

    def document(self) -> dict[str, Any]:
        """Return the manifest as a JSON object, for storage."""
        return self.model_dump(mode="json")

    @classmethod
    def restored(cls, document: Mapping[str, Any]) -> Manifest:
        """Return a manifest from what `document` gave."""
        return cls.model_validate(document)


def parse_manifest(source: bytes) -> Manifest:
    """Parse the bytes of a ``plugin.toml``.

    Raises:
        InvalidManifest: it is too large, not UTF-8, not TOML (with the line), or a field is wrong
            (with its path).
    """
    if len(source) > MAX_MANIFEST_BYTES:
        raise InvalidManifest(
            f"{MANIFEST_NAME} has {len(source)} bytes; at most {MAX_MANIFEST_BYTES} are allowed."
        )
    try:
        text = source.decode()
    except UnicodeDecodeError as exc:
        line = f"line {source[: exc.start].count(10) + 1}"
        raise InvalidManifest(f"{MANIFEST_NAME} is not UTF-8 text at {line}.", path=line) from exc
    document = _document(text)
    try:
        return Manifest.model_validate(document)
    except ValidationError as exc:
        raise _translated(exc) from exc


def _document(text: str) -> dict[str, Any]:
    _check_keys(text)
    try:
        return tomllib.loads(text)
    except RecursionError as exc:
        raise InvalidManifest(f"{MANIFEST_NAME} is nested too deeply.") from exc
    except tomllib.TOMLDecodeError as exc:
        line = _line(exc, text)
        # The parser quotes whole keys, which are as long as their author likes.
        reason = str(exc)[:200]
        raise InvalidManifest(
            f"{MANIFEST_NAME} is not TOML at {line}: {reason}.", path=line
        ) from exc
    except ValueError as exc:
        # Python refuses to read integers of more than 4,300 digits, and says it in its own way.
        found = _LONG_INTEGER.search(text)
        line = _line_at(text, found.start()) if found else ""
        where = f" at {line}" if line else ""
        raise InvalidManifest(
            f"{MANIFEST_NAME} holds a number that is too long{where}.", path=line or None
        ) from exc


def _check_keys(text: str) -> None:
    """Refuse long dotted keys before the parser, which takes quadratic time and memory for them."""
    for token in _TOKEN.finditer(text):
        if token["beyond"] is not None:
            line = _line_at(text, token.start())
            raise InvalidManifest(
                f"{MANIFEST_NAME} has a key of more than {MAX_KEY_PARTS} parts at {line}.",
                path=line,
            )


def _line_at(text: str, position: int) -> str:
    return f"line {text.count(chr(10), 0, position) + 1}"


def _check_amount(value: JsonObject) -> None:
    """Bound what `check_json` writes paths for: a long name above many values costs their product.

    Raises:
        ValueError: too many values, or a name too long.
    """
    pending: list[Any] = [value]
    count = 0
    while pending:
        current = pending.pop()
        count += 1
        if isinstance(current, dict):
            if any(len(name) > _MANY for name in current):
                raise ValueError(f"has a name of more than {_MANY} characters")
            pending += current.values()
        elif isinstance(current, list):
            pending += current
    if count > _MAX_VALUES:
        raise ValueError(f"has more than {_MAX_VALUES} values")


def _as_value_error(check: Callable[[Any], object], value: object) -> None:
    """Run one of the host's own checks where pydantic, which adds the path, hears of its fault."""
    try:
        check(value)
    except InvalidArguments as exc:
        raise ValueError(exc.message) from exc


def _line(exc: tomllib.TOMLDecodeError, text: str) -> str:
    found = re.search(r"line \d+", str(exc))
    return found.group() if found else f"line {text.rstrip().count(chr(10)) + 1}"


def _translated(exc: ValidationError) -> InvalidManifest:
    fault = exc.errors(include_url=False)[0]
    steps = [
        step if isinstance(step, int) else step[:_SHOWN_CHARS]
        for step in fault["loc"]
        if step != "[key]"
    ]
    path = path_of(steps)
    message = _sentence(fault["type"], fault["msg"], steps)
    return InvalidManifest(f"{MANIFEST_NAME}: {path} {message}.", path=path or None)


def _sentence(kind: str, message: str, steps: list[Any]) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        close = difflib.get_close_matches(str(steps[-1]), Manifest.model_fields, n=1)
        return "is not a field of the manifest" + (f"; did you mean {close[0]!r}?" if close else "")
    text = message.removeprefix("Value error, ").rstrip(".")
    return text if kind == "value_error" else f"is wrong: {text[:1].lower()}{text[1:]}"
