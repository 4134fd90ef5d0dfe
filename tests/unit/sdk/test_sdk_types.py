"""The Python SDK is typed, strictly, against the bindings it wraps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wardian.cli.authoring import Language, sdk_directory
from wardian.cli.authoring.python import GUEST_PYTHON

pytestmark = pytest.mark.toolchain

USE = """
from typing import assert_type

from wardian_sdk import config, http

response = http.get("https://h/", params={"page": 1}, timeout=2)
assert_type(response.raise_for_status(), http.Response)
assert_type(response.headers.get("etag"), str | None)
assert_type(config.get("hours", type=int), int)
assert_type(config.get("hours", None, type=int), int | None)
http.post("https://h/", jsom={})  # type: ignore[call-arg]
http.Session(credential=5)  # type: ignore[arg-type]
"""


def test_the_sdk_and_what_uses_it_pass_a_strict_type_check(bindings: Path, tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(USE)
    places = [bindings, sdk_directory(Language.PYTHON), tmp_path]
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", GUEST_PYTHON]
    options = ["--config-file=", "--cache-dir", str(tmp_path / "cache")]
    checked = subprocess.run(
        [*command, *options, "-p", "wardian_sdk", "-m", "use"],
        env={"MYPYPATH": ":".join(map(str, places))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.stdout.startswith("Success"), checked.stdout + checked.stderr
