"""Rust: wit-bindgen and Cargo build a core module, wasm-tools makes a component of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from wardian.cli.authoring.errors import BuildFailed, ToolchainMissing
from wardian.cli.authoring.project import Project

TARGET = "wasm32-unknown-unknown"

_NO_TARGET = f"""\
Rust plugins are built for {TARGET}, which this Rust has no standard library for.
With rustup: rustup target add {TARGET}
On Debian: apt install rustc-web cargo-web rust-web-src lld"""


def build(project: Project) -> Path:
    """Build the component and return its path."""
    if project.options.wasi:
        raise BuildFailed(f"A Rust plugin is built for {TARGET}, where there is no WASI.")
    tools = require_tools()
    # Where the plugin's source tells wit-bindgen to look; staged, so that it is complete.
    shutil.rmtree(project.scratch / "wit", ignore_errors=True)
    shutil.copytree(project.wit, project.scratch / "wit")
    output = project.scratch / "target"
    release = output / TARGET / "release"
    for stale in release.glob("*.wasm"):
        stale.unlink()
    project.steps.run(
        "building with Cargo",
        [*tools.build, "--release", f"--target={TARGET}", f"--target-dir={output}"],
        cwd=project.directory,
        environment=tools.environment,
    )
    modules = list(release.glob("*.wasm"))
    if len(modules) != 1:
        raise BuildFailed('Cargo.toml must have one library with crate-type = ["cdylib"].')
    project.steps.run(
        "making the component",
        [tools.wasm_tools, "component", "new", str(modules[0]), "--output", str(project.component)],
    )
    return project.component


class Tools(NamedTuple):
    """What Rust plugins are built with: wasm-tools, and Cargo's command and environment."""

    wasm_tools: str
    build: list[str]
    environment: dict[str, str]


def require_tools() -> Tools:
    """Find what Rust plugins are built with. Raises ``ToolchainMissing``."""
    wasm_tools = _wasm_tools()
    cargo = os.environ.get("CARGO", "cargo")
    if shutil.which(cargo) is None:
        raise ToolchainMissing("Rust plugins are built with Cargo; `cargo` was not found.")
    arguments, environment = _standard_library()
    return Tools(wasm_tools, [cargo, "build", *arguments], environment)


def _wasm_tools() -> str:
    beside = Path(sys.executable).with_name("wasm-tools")
    found = str(beside) if beside.is_file() else shutil.which("wasm-tools")
    if found is None:
        raise ToolchainMissing(
            "Rust plugins need wasm-tools. Install it with: pip install 'wardian[build]'"
        )
    return found


def _standard_library() -> tuple[list[str], dict[str, str]]:
    """Return Cargo's further arguments and environment: none, or what builds ``std`` too."""
    if any(Path(_ask_rustc("target-libdir", f"--target={TARGET}")).glob("libstd-*.rlib")):
        return [], {}
    sources = Path(_ask_rustc("sysroot")) / "lib/rustlib/src/rust/library/Cargo.lock"
    linker = shutil.which("wasm-ld")
    if not sources.is_file() or linker is None:
        raise ToolchainMissing(_NO_TARGET)
    # Debian ships the sources of the standard library instead of a build for this target.
    # Building them is an unstable option of Cargo, which this variable lets a stable one take.
    return ["-Zbuild-std=std,panic_abort"], {
        "RUSTC_BOOTSTRAP": "1",
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER": linker,
    }


def _ask_rustc(what: str, *arguments: str) -> str:
    rustc = os.environ.get("RUSTC", "rustc")
    try:
        answer = subprocess.run(
            [rustc, "--print", what, *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise ToolchainMissing(f"Rust plugins need `{rustc}`, which was not found.") from error
    return answer.stdout.strip()
