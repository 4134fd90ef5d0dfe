"""Version 2 as OpenAPI describes it, made of what describes version 1: the difference is here."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from wardian.api.answers import SCHEMAS, answers
from wardian.api.problems import MEDIA_TYPE
from wardian.api.streams import STREAMED
from wardian.api.v2.functions import CALL_PATH
from wardian.api.v2.preferences import RESPOND_ASYNC, STREAM_TYPE
from wardian.runtime.jobs import JobView

PREFIX = "/api/v2/"
ANY_CALL_PATH = CALL_PATH.replace(":path", "")
PROBLEM_REF = {"$ref": "#/components/responses/ProblemV2"}

Json = dict[str, Any]

_ENVELOPE = {"$ref": SCHEMAS.format(name="UsageEnvelope")}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": f"`{RESPOND_ASYNC}` makes it a job (RFC 7240).",
    "schema": {"type": "string"},
}
_OF_JOBS: Json = {
    "retry": {
        "anyOf": [{"type": "integer"}, {"type": "null"}],
        "description": "Of a job: how often it may run again if its host is lost.",
    },
    "notify": {
        "anyOf": [{"type": "string"}, {"type": "null"}],
        "description": "Of a job: the id of an endpoint that is told of its end.",
    },
}
_LOCATION = {"description": "Of the job.", "schema": {"type": "string"}}


def path_of(path: str) -> str:
    """Return where version 2 has what version 1 has at ``path``."""
    return path.replace("/api/v1/", PREFIX, 1)


def operation_of(operation: Json) -> Json:
    """Describe a call in version 2, as `operation` does in version 1."""
    made = deepcopy(operation)
    made["operationId"] = f"v2/{operation['operationId']}"
    made["parameters"] = [*made.get("parameters", ()), _PREFER]
    body = made["requestBody"]["content"]["application/json"]["schema"]
    if "properties" in body:
        body["properties"] |= _OF_JOBS
    else:
        body["$ref"] = SCHEMAS.format(name="CallRequestV2")
    responses = made["responses"]
    content = responses["200"]["content"]
    _answered(content["application/json"]["schema"])
    content[STREAM_TYPE] = STREAMED
    queued = answers(JobView, 202, "It is a job, which is durable.")[202]
    responses["202"] = queued | {"headers": {"Location": _LOCATION}}
    if "422" in responses:
        declared = responses["422"]["content"][MEDIA_TYPE]["schema"]
        declared["allOf"][0] = {"$ref": SCHEMAS.format(name="ProblemV2")}
    return made


def problem_of(problem: Json) -> Json:
    """Describe a problem, which has an envelope of usage where version 1 has what was spent."""
    made = deepcopy(problem)
    made["properties"]["usage"] = _ENVELOPE
    return made


def problem_response() -> Json:
    """Describe the answer that a problem is."""
    content = {MEDIA_TYPE: {"schema": {"$ref": SCHEMAS.format(name="ProblemV2")}}}
    return {"description": "A problem.", "content": content}


def _answered(schema: Json) -> None:
    if "properties" not in schema:
        schema["$ref"] = SCHEMAS.format(name="CallAnswerV2")
        return
    del schema["properties"]["call_id"]
    schema["required"].remove("call_id")
    schema["properties"]["usage"] = _ENVELOPE
