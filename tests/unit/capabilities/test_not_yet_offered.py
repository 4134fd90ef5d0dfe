"""plugins, agents: permission first, then `unavailable`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from callings import calling, refusing
from wardian.capabilities import CallContext
from wardian.capabilities.agents import Agents
from wardian.capabilities.plugins import Plugins
from wardian.policy.levels import Level

pytestmark = pytest.mark.anyio

Attempt = Callable[[CallContext], Awaitable[object]]

GUARDED: list[tuple[str, Attempt]] = [
    ("plugins:call:markdown", lambda call: Plugins().call(call, "markdown", "*", "render", "{}")),
    ("agents:ask:summarise", lambda call: Agents().ask(call, "summarise", "{}", None)),
]


@pytest.mark.parametrize(("permission", "attempt"), GUARDED)
async def test_without_the_permission_it_is_denied(permission: str, attempt: Attempt) -> None:
    with refusing("denied"):
        await attempt(calling(level=Level.TRUSTED))


@pytest.mark.parametrize(("permission", "attempt"), GUARDED)
async def test_with_the_permission_it_is_unavailable(permission: str, attempt: Attempt) -> None:
    with refusing("unavailable", "does not offer"):
        await attempt(calling(permission, level=Level.TRUSTED))
