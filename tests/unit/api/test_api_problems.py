import msgspec
import pytest

from wardian import errors
from wardian.api.problems import STATUS, known_problems, problem_of, respond, status_of
from wardian.errors import (
    CallError,
    GuestError,
    ImportRefused,
    InvalidArguments,
    Overloaded,
    PermissionDenied,
    Trap,
    Unauthenticated,
    WardianError,
)
from wardian.policy.usage import Usage

ERRORS = sorted(
    (
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, WardianError)
    ),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_a_status_of_its_own(kind: type[WardianError]) -> None:
    assert 400 <= STATUS[kind] < 600


def test_an_error_without_a_status_takes_that_of_its_nearest_ancestor() -> None:
    class SpecialTrap(Trap):
        """A trap of a special kind."""

    assert status_of(SpecialTrap) == STATUS[Trap]


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_type_has_a_page(kind: type[WardianError]) -> None:
    assert kind.type in known_problems()


def test_the_page_of_a_shared_type_shows_the_error_itself_and_not_its_ancestor() -> None:
    assert CallError.type == Trap.type
    assert known_problems()["trap"] == (Trap.title(), STATUS[Trap])


def body_of(error: WardianError, **state: str) -> dict[str, object]:
    response = respond({"path": "/here", "state": state}, problem_of(error))
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code == status_of(type(error))
    found: dict[str, object] = msgspec.json.decode(response.body)
    return found


def test_a_problem_has_the_members_of_rfc_9457_and_the_error_s_details() -> None:
    error = PermissionDenied("No.", permission="kv:read", layer="grant")
    assert body_of(error, request_id="r", call_id="c") == {
        "type": "/problems/permission-denied",
        "title": "The plugin lacks a permission.",
        "status": 403,
        "detail": "No.",
        "instance": "/here",
        "permission": "kv:read",
        "layer": "grant",
        "request_id": "r",
        "call_id": "c",
    }


def test_a_failed_call_reports_its_usage() -> None:
    assert body_of(Trap(usage=Usage(fuel=7)))["usage"]["fuel"] == 7  # type: ignore[index]


def test_a_guest_s_payload_is_made_fit_for_json() -> None:
    payload = {"raw": b"\x00\xff", "ratio": float("nan")}
    assert body_of(GuestError(payload=payload))["payload"] == {"raw": "AP8=", "ratio": "NaN"}


def test_paths_and_imports_are_members_of_their_own() -> None:
    assert body_of(InvalidArguments(path="a.b"))["path"] == "a.b"
    assert body_of(ImportRefused(imported="evil:x/y"))["import"] == "evil:x/y"


@pytest.mark.parametrize(("seconds", "header"), [(0.2, "1"), (2.5, "3")])
def test_an_overloaded_host_says_when_to_come_back(seconds: float, header: str) -> None:
    problem = problem_of(Overloaded(retry_after_seconds=seconds))
    assert respond({}, problem).headers["retry-after"] == header


def test_a_missing_key_is_asked_for_as_http_asks() -> None:
    assert respond({}, problem_of(Unauthenticated())).headers["www-authenticate"].startswith("Bea")
