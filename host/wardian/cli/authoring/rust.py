"""Rust: wit-bindgen and Cargo build a core module, wasm-tools makes it a component."""

from __future__ import annotations

from pathlib import Path

from wardian.cli.authoring.errors import ToolchainMissing
from wardian.cli.authoring.project import Project


def build(project: Project) -> Path:
    raise ToolchainMissing(str(project.directory))
