"""Plugins made with the SDKs call each other: Python calls TypeScript, and the other way round."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from packages import package
from wardian import Settings, open_host
from wardian.cli.authoring import Language, build, scaffold
from wardian.errors import GuestError
from wardian.runtime.host import PluginHost

pytestmark = [pytest.mark.toolchain, pytest.mark.anyio]

WORLD = """package tests:chains;

world chains {
  import wardian:plugin/logging@1.0.0;
  import wardian:plugin/plugins@1.0.0;

  export greet: func(name: string) -> result<string, string>;
  export pass-on: func(to: string, function: string, name: string) -> result<string, string>;
}
"""

PYTHON = """from wardian_sdk import Err, plugins
from wardian_sdk import WardianError


class WitWorld:
    def greet(self, name: str) -> str:
        if not name:
            raise Err("nobody is there")
        return f"Python greets {name}"

    def pass_on(self, to: str, function: str, name: str) -> str:
        try:
            return plugins.call(to, function, {"name": name}, version="^1")
        except plugins.CallFailed as failed:
            raise Err(f"{failed.function} failed: {failed.payload}")
        except WardianError as refused:
            raise Err(f"{type(refused).__name__}: {refused}")
"""

TYPESCRIPT = """import { fail, WardianError } from "@wardian/sdk";
import * as plugins from "@wardian/sdk/plugins";

export function greet(name: string): string {
  if (name === "") throw fail("nobody is there");
  return `TypeScript greets ${name}`;
}

export function passOn(to: string, called: string, name: string): string {
  try {
    return plugins.call(to, called, { name }, "^1") as string;
  } catch (error) {
    if (error instanceof plugins.CallFailed) {
      throw fail(`${error.called} failed: ${String(error.payload)}`);
    }
    if (error instanceof WardianError) throw fail(`${error.name}: ${error.message}`);
    throw error;
  }
}
"""

SOURCES = {Language.PYTHON: PYTHON, Language.TYPESCRIPT: TYPESCRIPT}

ASKING = """
capabilities = ["{name}"]

[[permissions]]
permission = "plugins:call:*"
reason = "Passes on."
"""


def built(language: Language, folder: Path) -> bytes:
    made = scaffold(language.value, language, folder)
    (made / "wit/world.wit").write_text(WORLD, encoding="utf-8")
    (source,) = (made / "src").glob("plugin.*")
    source.write_text(SOURCES[language], encoding="utf-8")
    return build(made, progress=print).read_bytes()


@pytest.fixture(scope="module")
def components(tmp_path_factory: pytest.TempPathFactory) -> dict[Language, bytes]:
    if not os.environ.get("CI"):
        pytest.importorskip("componentize_py", reason="wardian[python] is not installed")
        if shutil.which("node") is None:
            pytest.skip("Node is not installed")
    return {each: built(each, tmp_path_factory.mktemp(each.value)) for each in SOURCES}


async def passed_on(host: PluginHost, first: Language, **arguments: Any) -> Any:
    return (await host.call(first.value, "pass-on", arguments)).result


async def test_each_calls_the_other_and_hears_its_errors(
    tmp_path: Path, components: dict[Language, bytes]
) -> None:
    greeted = {
        Language.PYTHON: "TypeScript greets Ada",
        Language.TYPESCRIPT: "Python greets Ada",
    }
    async with open_host(Settings(data_dir=tmp_path / "data", workers_max=1)) as host:
        for language, wasm in components.items():
            lines = ASKING.format(name=language.value)
            await host.install(package(language.value, wasm, lines), grants="all")

        for first, second in (tuple(components), tuple(components)[::-1]):
            to = {"to": second.value, "function": "greet"}
            assert await passed_on(host, first, **to, name="Ada") == greeted[first]

            with pytest.raises(GuestError) as failed:
                await passed_on(host, first, **to, name="")
            assert failed.value.payload == "greet failed: nobody is there"

            with pytest.raises(GuestError) as refused:
                await passed_on(host, first, to="nobody", function="greet", name="Ada")
            assert refused.value.payload.startswith("NotFound: No plugin here offers 'nobody'")

            await host.set_grants(first.value, [])
            with pytest.raises(GuestError) as denied:
                await passed_on(host, first, **to, name="Ada")
            assert denied.value.payload.startswith(f"Denied: plugins:call:{second.value}")
            await host.set_grants(first.value, ["plugins:call:*"])
