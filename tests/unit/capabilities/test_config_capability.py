"""config"""

from __future__ import annotations

import pytest

from callings import calling, refusing
from wardian.capabilities.config import Config

pytestmark = pytest.mark.anyio

VALUES = {"step": 2, "limits": {"daily": [1, None, "é"]}}


async def test_values_come_as_json_text() -> None:
    call = calling(configuration=VALUES)

    assert await Config().get(call, "step") == "2"
    assert await Config().get(call, "limits.daily") == '[1,null,"é"]'
    assert await Config().get_all(call) == '{"step":2,"limits":{"daily":[1,null,"é"]}}'


async def test_a_value_nobody_set_is_not_found() -> None:
    with refusing("not-found", "no value at 'x'"):
        await Config().get(calling(configuration=VALUES), "x")


async def test_without_configuration_there_is_an_empty_object() -> None:
    assert await Config().get_all(calling()) == "{}"
