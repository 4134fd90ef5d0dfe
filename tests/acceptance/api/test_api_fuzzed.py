"""Whatever is sent to any route, the answer is one that the API's document has, and no fault.

Requests are made from the document by schemathesis, right ones and wrong ones, and go to a server
over HTTP. Those of one route are the same in each run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from commands import announced, serve_process, stop
from guests import guest
from packages import package
from wardian.api.app import app_over
from wardian.api.openapi import static_document
from wardian.settings import Settings

EXAMPLES = 12
SECONDS = 10.0

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
)

STREAMS = ("/stream",)
"""They answer for as long as somebody listens, and are asked for the wrong things only."""

LISTENED = 2.0
"""Seconds that somebody listens, where something was right about it all the same."""

PLAIN = ("/healthz", "/readyz", "/api/versions")
"""They take nothing that could be wrong."""


def operations() -> list[tuple[str, str]]:
    document = static_document(app_over(None, Settings()))  # type: ignore[arg-type]  # no request
    return [
        (path, method)
        for path, item in sorted(document["paths"].items())
        for method in sorted(item)
    ]


@dataclass(frozen=True)
class Target:
    schema: Any
    headers: dict[str, str]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("fuzzed")
    options = ("--json", "--log-level", "error", "--port", 0, "--data-dir", folder / "state")
    with serve_process(*options) as process:
        found = announced(process)
        headers = {"Authorization": f"Bearer {found['bootstrap_key']}"}
        answer = requests.post(
            f"{found['url']}/api/v1/plugins",
            data=package("calculator", guest("calculator")),
            headers={**headers, "Content-Type": "application/zip"},
            timeout=SECONDS,
        )
        assert answer.status_code == 201, answer.text
        document = requests.get(
            f"{found['url']}/openapi.json", headers=headers, timeout=SECONDS
        ).json()
        schema = schemathesis.openapi.from_dict(document)
        schema.config.update(base_url=found["url"])
        yield Target(schema, headers)
        assert stop(process) == (0, "")


@pytest.mark.parametrize(("path", "method"), operations(), ids=lambda each: str(each))
def test_every_answer_is_one_that_the_document_has(target: Target, path: str, method: str) -> None:
    operation = target.schema[path][method.upper()]
    modes, seconds = list(GenerationMode), SECONDS
    if path.endswith(STREAMS):
        modes, seconds = [GenerationMode.NEGATIVE], LISTENED
    elif path in PLAIN:
        modes = [GenerationMode.POSITIVE]

    for mode in modes:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            answer = case.call(headers=target.headers, timeout=seconds)
            case.validate_response(answer, checks=CHECKS)

        ask()


def test_each_message_of_a_stream_is_one_that_the_document_has(target: Target) -> None:
    case = target.schema["/api/v1/events/stream"]["GET"].Case(query={"after": 0})
    answer = case.call(headers=target.headers, timeout=LISTENED)

    assert "plugin.installed" in answer.text
    case.validate_response(answer, checks=CHECKS)
