"""Python: componentize-py turns the sources and a CPython into one component."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from wardian.cli.authoring.contract import sdk_directory, wit_directory
from wardian.cli.authoring.errors import BuildFailed, BuildHalted, ToolchainMissing
from wardian.cli.authoring.language import Language
from wardian.cli.authoring.project import Project

# The CPython inside componentize-py, which the author's requirements must fit.
GUEST_PYTHON = "3.14"

# What componentize-py starts from. The plugin's classes must be found in it by their names. It
# runs once, inside the guest's Python: what is missing is found there, after everything that the
# plugin's modules do to their classes, and said in one block of the output.
_ENTRY_MODULE = "wardian_entry"
_FAULTS_BEGIN, _FAULTS_END = "[[wardian:faults", "wardian:faults]]"
_ENTRY = f"""\
import wardian_sdk._preload
CLOCKS
import plugin
from wardian_sdk import _exports

try:
    globals().update(_exports.checked(plugin, DECLARED))
except _exports.Incomplete as faults:
    raise SystemExit("{_FAULTS_BEGIN}\\n" + str(faults) + "\\n{_FAULTS_END}") from None
STOPPED
"""

# Without WASI there is no clock in a call, though there is one while the plugin is built.
_CLOCKS, _STOPPED = "from wardian_sdk import _clocks", "_clocks.stop()"

# It has no `__main__`, its console script may not be on the PATH of whoever runs Wardian, and
# its failures are assertions, whose text is all that concerns an author.
_COMPONENTIZE = """\
import sys
from componentize_py import script
try:
    sys.exit(script())
except AssertionError as failure:
    sys.exit(str(failure))
"""

# Where in componentize-py itself an error arose tells an author nothing, and would hide the rest.
_QUIET = {"RUST_BACKTRACE": "0", "RUST_LIB_BACKTRACE": "0"}

# What the linker inside componentize-py says where two things have one name.
_SAME_NAME = "duplicate items detected when collecting"

_BYTECODE = shutil.ignore_patterns("__pycache__")


def build(project: Project) -> Path:
    """Build the component and return its path."""
    require_tools()
    sdk = sdk_directory(Language.PYTHON)
    _write_bindings(project, sdk)
    search = [*_copies(project, sdk), _entry(project), *_requirements(project)]
    command = [*_tool(project), "componentize", _ENTRY_MODULE, "--output", str(project.component)]
    for folder in search:
        command += ["--python-path", str(folder)]
    if not project.options.wasi:
        command.append("--stub-wasi")
    environment = {**_QUIET, "VIRTUAL_ENV": str(_empty_environment(project))}
    try:
        project.steps.run(
            "building the component with componentize-py", command, environment=environment
        )
    except BuildHalted:
        raise
    except BuildFailed as failed:
        raise _explained(failed.output) or _with_paths(failed, project) from failed
    return project.component


def require_tools() -> None:
    """Raise ``ToolchainMissing`` unless there is what Python plugins are built with."""
    if importlib.util.find_spec("componentize_py") is None:
        raise ToolchainMissing(
            "Python plugins are built with componentize-py, which is not installed. "
            "Install it with: pip install 'wardian[python]'"
        )


def _explained(output: str) -> BuildFailed | None:
    """Say why the build failed in the author's terms, if it is known."""
    if _SAME_NAME in output:
        return BuildFailed(
            "A function that the world exports has the name of one in the C library, such as "
            "`sleep` or `read`. Call it something else, or export it in an interface.",
            output=output,
        )
    _, begun, rest = output.partition(_FAULTS_BEGIN)
    faults, ended, _ = rest.partition(_FAULTS_END)
    if not begun or not ended:
        return None
    return BuildFailed(
        f"src/plugin.py is not what wit/ promises:\n{faults.strip()}\n"
        "A function of the world, or of an interface that it exports, is a method of this class, "
        "with the function's name in snake_case.",
        output=output,
    )


def _with_paths(failed: BuildFailed, project: Project) -> BuildFailed:
    """Name the author's files as the author does: the guest's Python has its own root for them."""
    mounted, sources = 'File "/0/', f'File "{project.directory / "src"}/'
    return BuildFailed(
        failed.message.replace(mounted, sources), output=failed.output.replace(mounted, sources)
    )


def _tool(project: Project) -> list[str]:
    command = [sys.executable, "-c", _COMPONENTIZE]
    command += ["--wit-path", str(project.wit), "--world", project.world]
    for interface in sorted(path.stem for path in wit_directory().glob("*.wit")):
        # The SDK imports the bindings under these names, also in a plugin whose world has
        # another interface called `http` or `config`. `types` is left to the author.
        if interface not in ("types", "world"):
            name = interface.replace("-", "_")
            command += ["--import-interface-name", f"wardian:plugin/{interface}={name}"]
    return command


def _copies(project: Project, sdk: Path) -> list[Path]:
    # The guest's Python leaves its bytecode beside what it imports: not in the author's sources,
    # and not in the installed SDK, which others share and which may not be writable.
    sources, package = project.staging / "src", project.staging / "sdk"
    shutil.copytree(project.directory / "src", sources, ignore=_BYTECODE)
    shutil.copytree(sdk / "wardian_sdk", package / "wardian_sdk", ignore=_BYTECODE)
    return [sources, package]


def _entry(project: Project) -> Path:
    folder = project.staging / "entry"
    folder.mkdir()
    declared = repr({name: list(kinds) for name, kinds in project.declared.items()})
    has_clocks = project.options.wasi
    text = _ENTRY.replace("DECLARED", declared)
    text = text.replace("CLOCKS", "" if has_clocks else _CLOCKS)
    text = text.replace("STOPPED", "" if has_clocks else _STOPPED)
    (folder / f"{_ENTRY_MODULE}.py").write_text(text, encoding="utf-8")
    return folder


def _write_bindings(project: Project, sdk: Path) -> None:
    # For the author's editor only; the component gets its own.
    for name in ("wit_world", "wardian_sdk"):
        shutil.rmtree(project.scratch / name, ignore_errors=True)
    project.steps.run(
        "reading wit/ and writing bindings for your editor",
        [*_tool(project), "bindings", str(project.scratch)],
        environment=_QUIET,
    )
    shutil.copytree(sdk / "wardian_sdk", project.scratch / "wardian_sdk", ignore=_BYTECODE)


def _requirements(project: Project) -> list[Path]:
    """Install the author's requirements, if any, and return the folder they are in."""
    listed = project.directory / "requirements.txt"
    if not listed.is_file() or not _names_anything(listed):
        return []
    if importlib.util.find_spec("pip") is None:
        raise ToolchainMissing(
            "requirements.txt is installed with pip, which this Python lacks. "
            "Install it with: python -m ensurepip"
        )
    vendored = project.staging / "requirements"
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    # Pure Python only: wheels with machine code cannot run inside the component, and building
    # from source would run a stranger's code outside of any sandbox.
    command += ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"]
    command += [f"--python-version={GUEST_PYTHON}", "--target", str(vendored)]
    project.steps.run(
        "installing requirements.txt (pure-Python wheels only)",
        [*command, "--requirement", str(listed)],
    )
    return [vendored]


def _names_anything(listed: Path) -> bool:
    lines = listed.read_text(encoding="utf-8").splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _empty_environment(project: Project) -> Path:
    # componentize-py adds the site-packages of whatever environment it finds. A plugin sees its
    # own requirements and nothing that happens to be installed beside Wardian.
    environment = project.staging / "environment"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (environment / "lib" / version / "site-packages").mkdir(parents=True)
    return environment
