"""Endpoints: which secrets hold, what retries wait for, and how failures are counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wardian.egress import Answer
from wardian.errors import InvalidArguments
from wardian.runtime.endpoints.audience import may_have, standing
from wardian.runtime.endpoints.orders import checked_topics
from wardian.runtime.endpoints.posting import _retry_after
from wardian.runtime.endpoints.signing import SECRETS_MAX, first_secret, in_force, replaced
from wardian.storage.rows import AttemptRow, EndpointRow

AT = datetime(2026, 11, 25, 20, 14, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def texts(secrets: Any, at: datetime = AT) -> list[str]:
    return [each.reveal() for each in in_force(secrets, at)]


def test_an_old_secret_signs_until_its_time_is_over() -> None:
    first = first_secret()
    second = replaced(first, AT, HOUR)

    assert texts(second) == [second[0].secret, first[0].secret]
    assert texts(second, AT + HOUR) == [second[0].secret]


def test_a_later_replacement_does_not_lengthen_an_older_secrets_time() -> None:
    first = first_secret()
    second = replaced(first, AT, HOUR)
    third = replaced(second, AT + HOUR / 2, timedelta(days=1))

    assert len(texts(third, AT + HOUR / 2)) == 3
    assert texts(third, AT + HOUR) == [third[0].secret, second[0].secret]


def test_a_later_replacement_without_overlap_ends_all_before_it() -> None:
    second = replaced(first_secret(), AT, timedelta(days=7))
    third = replaced(second, AT, timedelta())

    assert texts(third) == [third[0].secret]
    assert len(third) == 1


def test_however_often_it_is_replaced_few_secrets_sign() -> None:
    secrets = first_secret()
    for _ in range(10):
        secrets = replaced(secrets, AT, HOUR)

    assert len(secrets) == SECRETS_MAX


def test_a_secret_is_in_no_record() -> None:
    secrets = first_secret()

    assert "whsec_" not in repr(secrets)
    assert "whsec_" not in repr(in_force(secrets, AT))


@pytest.mark.parametrize(
    ("header", "waits"),
    [
        ("0", timedelta()),
        ("120", timedelta(minutes=2)),
        (" 7 ", timedelta(seconds=7)),
        ("9" * 400, timedelta(seconds=10**8)),
        ("Wed, 25 Nov 2026 20:15:02 GMT", timedelta(minutes=1)),
        ("Wed, 25 Nov 2026 20:13:02 GMT", timedelta()),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        ("Wed, 99 Nov 2026 20:15:02 GMT", None),
        (f"Wed, 25 Nov {'9' * 20} 20:15:02 GMT", None),
        (f"Wed, 25 Nov 2026 20:15:02 +{'9' * 20}", None),
    ],
)
def test_when_a_receiver_wants_to_be_asked_again(header: str, waits: timedelta | None) -> None:
    assert _retry_after(Answer(503, (("retry-after", header),), b""), AT) == waits


def endpoint(**values: Any) -> EndpointRow:
    fixed: dict[str, Any] = {
        "id": "e1",
        "url": "https://shop.example/",
        "topics": ["*"],
        "description": "",
        "api_key_id": "k",
        "key_id": "d",
        "sealed": b"",
        "created_at": AT,
        "created_by": "",
        "updated_at": AT,
        "updated_by": "",
    }
    return EndpointRow(**fixed | values)


def attempt(minutes: int, reason: str = "") -> AttemptRow:
    return AttemptRow(
        endpoint_id="e1",
        event_id="x",
        topic="orders.new",
        attempt=1,
        outcome="retry" if reason else "done",
        status=None,
        reason=reason,
        response="",
        milliseconds=1,
        at=AT + timedelta(minutes=minutes),
    )


def test_an_endpoint_fails_since_the_first_failure_after_its_last_success() -> None:
    found = standing(
        endpoint(failures=4, failing_since=AT),
        [attempt(1, "no"), attempt(2), attempt(3, "no"), attempt(4, "no")],
    )

    assert found == {
        "failures": 2,
        "failing_since": AT + timedelta(minutes=3),
        "last_success_at": AT + timedelta(minutes=2),
    }


def test_further_failures_leave_the_first_ones_time() -> None:
    found = standing(endpoint(failures=4, failing_since=AT), [attempt(1, "no")])

    assert (found["failures"], found["failing_since"]) == (5, AT)


@pytest.mark.parametrize(
    ("scopes", "may"),
    [(("read", "webhooks"), True), (("admin",), True), (("webhooks", "call"), False), ((), False)],
)
def test_an_endpoint_gets_what_its_key_could_stream(scopes: tuple[str, ...], may: bool) -> None:
    assert may_have(scopes, "orders.new") is may


def test_topics_are_each_there_once() -> None:
    assert checked_topics(["a.*", "b", "a.*", "*"]) == ["a.*", "b", "*"]
    with pytest.raises(InvalidArguments):
        checked_topics(["x"] * 51)
