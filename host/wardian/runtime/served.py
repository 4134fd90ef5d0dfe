"""The HTTP paths that a plugin's manifest has the host answer with its functions.

Parameters of the path, and of the query where a method has no body, are text; what they are for the
function its schema says. Of text that can be read in several ways, a number is one where the schema
wants a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wardian.errors import Fault, InvalidArguments, InvalidManifest, NotFound
from wardian.plugins import Installed, Manifest, Registry
from wardian.plugins.paths import best_match, parse_path
from wardian.plugins.tables import ApiEndpoint
from wardian.sandbox.description import Description, FunctionDescription
from wardian.storage.documents import parse_json

WITHOUT_BODY = ("GET", "DELETE")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

TEXT_BYTES_MAX = 64 * 1024

_HOST_CALLS = "wardian:plugin/"
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,19})", re.ASCII)
_NUMBER = re.compile(
    r"-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII
)
_BOOLEANS = {"true": True, "false": False}
_NO = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Which function answers a request, and what the path gives it.

    Attributes:
        arguments: those that are parameters of the path.
    """

    function: FunctionDescription
    has_body: bool
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedOperation:
    """One path and method of a plugin, and the function that answers it.

    Attributes:
        in_path: the names of its parameters that are in the path.
    """

    method: str
    path: str
    description: str
    function: FunctionDescription
    in_path: tuple[str, ...]


class OtherMethods(Exception):
    """There is such a path, and it takes other methods."""

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(f"It takes {', '.join(allowed)}.")
        self.allowed = tuple(allowed)


class Served:
    """What plugins answer at paths of their own."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def find(self, name: str, method: str, path: str, *, tenant: str = "default") -> Found:
        """Find what answers a request to a path of a plugin's own.

        Raises:
            NotFound: there is no such plugin, or it has no such path.
            OtherMethods: it has, for other methods.
            InvalidArguments: a parameter of the path is not what the function takes.
        """
        return find_served(await self._registry.get(tenant, name), method, path)

    async def operations(self, tenant: str) -> dict[str, list[ServedOperation]]:
        """Return the paths of every plugin of a tenant that takes calls now."""
        return {
            plugin.name: _operations(plugin)
            for plugin in await self._registry.all(tenant)
            if plugin.is_callable and plugin.manifest.api_endpoints
        }


def check_served(manifest: Manifest, description: Description) -> None:
    """Check that a component has the functions that its manifest's paths are answered with.

    Raises:
        InvalidManifest: it lacks one, or one takes no such parameter.
    """
    faults = [
        Fault(text, f"api_endpoints[{index}].{field}")
        for index, endpoint in enumerate(manifest.api_endpoints)
        for field, text in _faults(endpoint, description)
    ]
    if faults:
        raise InvalidManifest(faults=faults)


def find_served(plugin: Installed, method: str, path: str) -> Found:
    """Find what of a plugin answers a request; see `Served.find`."""
    endpoints = [(parse_path(each.path), each) for each in plugin.manifest.api_endpoints]
    found = best_match(path, [each for each in endpoints if each[1].method == method])
    if found is None:
        allowed = sorted({each[1].method for each in endpoints if best_match(path, [each])})
        if allowed:
            raise OtherMethods(allowed)
        raise NotFound(f"{plugin.name} has nothing at {path[:200]!r}.")
    endpoint, texts = found
    function = plugin.description.functions[plugin.description.resolve(endpoint.function)]
    return Found(
        function=function,
        has_body=method not in WITHOUT_BODY,
        arguments={
            name: value_of(function, name, [text], f"path.{name}") for name, text in texts.items()
        },
    )


def arguments_of_query(found: Found, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return the arguments of a request without a body.

    Raises:
        InvalidArguments: there is no such parameter, or it is not what the function takes.
    """
    texts: dict[str, list[str]] = {}
    for name, text in query:
        texts.setdefault(name, []).append(text)
    arguments = dict(found.arguments)
    for name, given in texts.items():
        if name in arguments:
            raise InvalidArguments(
                f"{name[:80]!r} is a parameter of the path and cannot be given again.",
                path=f"query.{name[:80]}",
            )
        arguments[name] = value_of(found.function, name, given, f"query.{name[:80]}")
    return arguments


def arguments_of_body(found: Found, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a request whose body is a JSON object of them.

    Raises:
        InvalidArguments: one of them is a parameter of the path.
    """
    twice = next((name for name in body if name in found.arguments), None)
    if twice is not None:
        raise InvalidArguments(
            f"{twice!r} is a parameter of the path and cannot be given again.", path=twice
        )
    return {**found.arguments, **body}


def value_of(function: FunctionDescription, name: str, texts: Sequence[str], path: str) -> Any:
    """Return what the texts of one parameter are, as the function's schema has it.

    Raises:
        InvalidArguments: there is no such parameter, or they are nothing that it takes.
    """
    schemas: Mapping[str, Any] = function.parameters.get("properties", {})
    if name not in schemas:
        known = ", ".join(schemas) or "none"
        raise InvalidArguments(
            f"{function.name} takes no parameter {name[:80]!r}; it takes: {known}.", path=path
        )
    value = _read(schemas[name], texts)
    if value is _NO:
        shown = ", ".join(repr(text[:80]) for text in texts[:3])
        raise InvalidArguments(f"{name!r} cannot be {shown}; see the schema.", path=path)
    return value


def _read(schema: Mapping[str, Any], texts: Sequence[str]) -> Any:
    for choice in schema.get("anyOf", (schema,)):
        if choice.get("type") == "array" and "prefixItems" not in choice:
            value = _read_list(choice, texts)
        else:
            value = _read_one(choice, texts[0]) if len(texts) == 1 else _NO
        if value is not _NO:
            return value
    return _NO


def _read_list(schema: Mapping[str, Any], texts: Sequence[str]) -> Any:
    items = [_read(schema["items"], [text]) for text in texts]
    return _NO if any(item is _NO for item in items) else items


def _read_one(schema: Mapping[str, Any], text: str) -> Any:
    kind = schema.get("type")
    if kind == "null":
        return _NO
    if "enum" in schema:
        return text if text in schema["enum"] else _NO
    if kind == "string":
        return text
    if kind == "integer":
        return int(text) if _INTEGER.fullmatch(text) else _NO
    if kind == "boolean":
        return _BOOLEANS.get(text, _NO)
    if kind == "number":
        return _finite(text)
    return _parsed(text)


def _finite(text: str) -> Any:
    if not _NUMBER.fullmatch(text):
        return _NO
    number = float(text)
    return number if math.isfinite(number) else _NO


def _parsed(text: str) -> Any:
    try:
        return parse_json(text, max_bytes=TEXT_BYTES_MAX)
    except InvalidArguments:
        return _NO


def _operations(plugin: Installed) -> list[ServedOperation]:
    found = []
    for endpoint in plugin.manifest.api_endpoints:
        # What was installed before paths were checked may have one that nothing answers.
        with suppress(NotFound):
            name = plugin.description.resolve(endpoint.function)
            found.append(
                ServedOperation(
                    method=endpoint.method,
                    path=endpoint.path,
                    description=endpoint.description,
                    function=plugin.description.functions[name],
                    in_path=parse_path(endpoint.path).names,
                )
            )
    return found


def _faults(endpoint: ApiEndpoint, description: Description) -> Iterator[tuple[str, str]]:
    try:
        name = description.resolve(endpoint.function)
    except NotFound as error:
        yield "function", error.message
        return
    if name.startswith(_HOST_CALLS):
        yield "function", f"The host calls {name} itself; a path takes one of the plugin's own."
        return
    schemas: Mapping[str, Any] = description.functions[name].parameters.get("properties", {})
    for parameter in parse_path(endpoint.path).names:
        if parameter not in schemas:
            known = ", ".join(schemas) or "none"
            yield "path", f"{name} takes no parameter {parameter!r}; it takes: {known}."
