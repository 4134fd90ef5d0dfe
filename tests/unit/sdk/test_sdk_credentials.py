"""``wardian_sdk.credentials``: what the host is asked to do with a key it does not hand out."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.toolchain


@pytest.fixture
def asked(sdk: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What reaches the host, in order; it answers with what it was asked."""
    host = sdk("wit_world.imports.credentials")
    reached: list[Any] = []

    def sign(name: str, operation: Any) -> Any:
        reached.append((name, operation))
        return host.Signature(value=f"signed by {name}", headers=[("x-amz-date", "…")])

    monkeypatch.setattr(host, "sign", sign)
    monkeypatch.setattr(host, "exists", lambda name: name == "github")
    monkeypatch.setattr(host, "reveal", lambda name: f"the {name}")
    return reached


def test_each_way_to_sign_asks_for_its_own(
    asked: list[Any], sdk: Callable[[str], ModuleType]
) -> None:
    credentials, host = sdk("credentials"), sdk("wit_world.imports.credentials")
    request = credentials.AwsRequest(
        method="GET",
        url="https://bucket.example/key",
        headers=[],
        body_sha256="e3b0c442",
        region="eu-central-1",
        service="s3",
    )

    assert credentials.sign_hmac("hook", "text") == "signed by hook"
    assert credentials.sign_jwt("app", {"iss": "Zoë", "exp": 1}) == "signed by app"
    assert credentials.sign_aws("aws", request) == [("x-amz-date", "…")]

    assert asked == [
        ("hook", host.Operation_HmacSha256("text")),
        ("app", host.Operation_Jwt('{"iss":"Zoë","exp":1}')),
        ("aws", host.Operation_AwsSigv4(request)),
    ]


def test_claims_that_are_no_json_are_refused_before_the_host_is_asked(
    asked: list[Any], sdk: Callable[[str], ModuleType]
) -> None:
    with pytest.raises(sdk("wardian_sdk").Invalid, match="JSON"):
        sdk("credentials").sign_jwt("app", {"exp": object()})
    assert asked == []


@pytest.mark.usefixtures("asked")
def test_whether_there_is_one_and_what_it_is_can_be_asked(sdk: Callable[[str], ModuleType]) -> None:
    credentials = sdk("credentials")

    assert [credentials.exists("github"), credentials.exists("other")] == [True, False]
    assert credentials.reveal("github") == "the github"


def test_a_refusal_names_what_is_lacking(
    sdk: Callable[[str], ModuleType],
    refusal: Callable[[str, str], Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reveal(name: str) -> str:
        raise refusal("Denied", "The level restricted never grants credentials:reveal.")

    monkeypatch.setattr(sdk("wit_world.imports.credentials"), "reveal", reveal)

    with pytest.raises(sdk("wardian_sdk").Denied, match="never grants"):
        sdk("credentials").reveal("github")
