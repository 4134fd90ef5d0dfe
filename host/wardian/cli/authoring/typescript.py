"""TypeScript: type check, bundle with esbuild, and componentize-js with its JavaScript engine."""

from __future__ import annotations

import json
from pathlib import Path

from wardian.cli.authoring.contract import sdk_directory
from wardian.cli.authoring.errors import BuildFailed
from wardian.cli.authoring.language import Language
from wardian.cli.authoring.project import Project
from wardian.cli.authoring.toolchain import installed_toolchain, require_node


def build(project: Project) -> Path:
    """Build the component and return its path."""
    require_node(project.steps)
    toolchain = installed_toolchain(project.steps)
    _install_dependencies(project)
    script = str(toolchain / "build.mjs")
    request = _request(project)
    project.steps.run(
        "reading wit/ and writing types for your editor", ["node", script, "types", request]
    )
    compiler = toolchain / "node_modules" / "typescript" / "bin" / "tsc"
    project.steps.run(
        "checking types",
        ["node", str(compiler), "--project", str(_tsconfig(project)), "--pretty", "false"],
        cwd=project.directory,
    )
    project.steps.run(
        "bundling and building the component",
        ["node", script, "component", request],
        cwd=project.directory,
    )
    return project.component


def _request(project: Project) -> str:
    return json.dumps(
        {
            "plugin": str(project.directory),
            "wit": str(project.wit),
            "world": project.world,
            "sdk": str(sdk_directory(Language.TYPESCRIPT)),
            "scratch": str(project.scratch),
            "output": str(project.component),
            "wasi": project.options.wasi,
        }
    )


def _tsconfig(project: Project) -> Path:
    own = project.directory / "tsconfig.json"
    return own if own.is_file() else project.scratch / "tsconfig.json"


def _install_dependencies(project: Project) -> None:
    manifest = project.directory / "package.json"
    if not manifest.is_file():
        return
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BuildFailed(f"{manifest} is not valid JSON: {error}") from error
    if not any(content.get(kind) for kind in ("dependencies", "devDependencies")):
        return
    locked = (project.directory / "package-lock.json").is_file()
    # A dependency's install script would run with the author's rights, outside of any sandbox.
    project.steps.run(
        "installing the plugin's dependencies",
        ["npm", "ci" if locked else "install", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=project.directory,
    )
