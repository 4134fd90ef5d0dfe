"""Answers as JSON bytes, and their description for OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

LARGE_OUTPUT = 64 * 1024
"""What a plugin returned in more bytes is made into JSON in a thread: an element of a list may
take a byte there, and this takes about a tenth of a microsecond for each."""

SCHEMAS = "#/components/schemas/{name}"


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Encode ``value``, which consists of JSON values, structs and dataclasses."""
    return Response(
        msgspec.json.encode(value),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


def answers(
    kind: Any, status: int = 200, description: str = "Done.", *, others: Sequence[Any] = ()
) -> dict[int | str, Any]:
    """The ``responses`` of a route that answers a ``kind``, or one of ``others``."""
    schema = schema_of(kind)
    if others:
        schema = {"anyOf": [schema, *map(schema_of, others)]}
    content = {"application/json": {"schema": schema}}
    return {status: {"description": description, "content": content}}


def takes(kind: Any, *, required: bool = True) -> dict[str, Any]:
    """The ``openapi_extra`` of a route whose body is a ``kind``, which may be left out or not."""
    content = {"application/json": {"schema": schema_of(kind)}}
    return {"requestBody": {"required": required, "content": content}}


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of ``kind``, with references into the document's components."""
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=SCHEMAS)
    return schema
