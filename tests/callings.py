"""Call contexts for tests of capabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from wardian.capabilities import Budget, CallContext, CallFacts, Refused
from wardian.capabilities.http import Guard
from wardian.policy.grants import Authority
from wardian.policy.levels import Level
from wardian.policy.limits import Limits
from wardian.policy.permissions import parse_permission


def calling(
    *granted: str,
    plugin_id: str = "p1",
    tenant: str = "default",
    level: Level = Level.RESTRICTED,
    limits: Limits | None = None,
    configuration: Mapping[str, Any] | None = None,
    clock: Callable[[], float] | None = None,
    traceparent: str | None = None,
    tracestate: str | None = None,
) -> CallContext:
    """A call of a plugin that asked for, and got, ``granted``."""
    permissions = tuple(parse_permission(text) for text in granted)
    budget = Budget(limits or Limits(), **({"clock": clock} if clock else {}))
    return CallContext(
        facts=CallFacts(
            call_id="call-1",
            tenant=tenant,
            subject="ci",
            plugin="counter",
            plugin_id=plugin_id,
            version="1.0.0",
            correlation_id="c1",
            traceparent=traceparent,
            tracestate=tracestate,
        ),
        authority=Authority(asked=permissions, granted=permissions, level=level),
        budget=budget,
        configuration=configuration or {},
    )


async def unguarded(call: CallContext, credential: str | None) -> Guard:
    """Guard a request as if the tenant had no credentials."""
    return Guard()


class refusing:  # noqa: N801 -- reads like pytest.raises
    """Expects a refusal of this case; its text is in ``text`` afterwards."""

    def __init__(self, case: str, match: str | None = None) -> None:
        self._case = case
        self._raises = pytest.raises(Refused, match=match)

    def __enter__(self) -> refusing:
        self._caught = self._raises.__enter__()
        return self

    @property
    def text(self) -> str:
        return self._caught.value.text

    def __exit__(self, *error: Any) -> bool:
        swallowed = bool(self._raises.__exit__(*error))
        assert self._caught.value.case == self._case
        return swallowed
