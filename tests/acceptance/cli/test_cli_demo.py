import asyncio
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from commands import CommandLine
from wardian.bootstrap import COMPILED, open_host
from wardian.cli.authoring import ToolchainMissing
from wardian.settings import Settings

REPOSITORY = Path(__file__).parents[3]

pytestmark = pytest.mark.toolchain

AGENTS = ("summarize-lead", "summarize-rank", "detect-language", "chat")


@pytest.fixture(scope="module")
def samples(built_samples: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples' directory with the one sample that has to be there."""
    if "csv-insights" not in built_samples:
        pytest.skip("the toolchain of csv-insights is not installed")
    folder = tmp_path_factory.mktemp("samples")
    # `copytree` keeps times, so a sample that is built already is not built again.
    shutil.copytree(built_samples["csv-insights"], folder / "csv-insights")
    return folder


@pytest.fixture
def data(samples: Path, with_code: Callable[..., None], tmp_path: Path) -> Path:
    """A data directory whose host has compiled that sample before."""
    with_code(tmp_path / "state" / COMPILED, "csv-insights")
    return tmp_path / "state"


def installed_at(data: Path) -> datetime:
    async def look() -> datetime:
        async with open_host(Settings(data_dir=data)) as host:
            return (await host.plugin("csv-insights")).installed_at

    return asyncio.run(look())


def test_the_demonstration_ends_with_the_csv_s_statistics_and_can_be_repeated(
    wardian: CommandLine, samples: Path, data: Path
) -> None:
    arguments = ("demo", "--samples", samples, "--data-dir", data, "--port", 0, "--once")
    found = wardian.json(*arguments)
    assert found["call"]["result"]["rows"] == 8
    assert found["installed"] == ["csv-insights"]
    assert found["bootstrap_key"].startswith("wdn_")
    first = installed_at(data)
    shown = wardian(*arguments)
    assert shown.code == 0
    assert "planet" in shown.out
    assert installed_at(data) == first


def test_a_sample_that_asks_a_service_asks_the_stand_in_each_time_anew(
    wardian: CommandLine, samples: Path, data: Path, tmp_path: Path
) -> None:
    folder, triage = tmp_path / "samples", REPOSITORY / "sample-plugins/issue-triage"
    shutil.copytree(samples, folder)
    shutil.copytree(triage, folder / "issue-triage")
    shutil.copy2(REPOSITORY / "sample-plugins/stand_in.py", folder)
    arguments = ("demo", "--samples", folder, "--data-dir", data, "--once")

    for _ in range(2):
        found = wardian.json(*arguments)
        report = found["calls"]["issue-triage"]["result"]
        assert [each["number"] for each in report["outcomes"]] == [5, 3, 2, 1]
        assert (found["webhook"]["status"], found["webhook"]["answer"]) == (200, "#7: `bug`")
        assert "issue-triage/functions/run" in found["curls"]["issue-triage"]
        assert found["stand_in"].startswith("http://127.0.0.1:")
    manifest = (folder / "issue-triage/plugin.toml").read_text()
    assert manifest == (triage / "plugin.toml").read_text()


def test_the_agents_among_the_samples_are_asked_and_one_of_them_is_judged(
    wardian: CommandLine,
    built_samples: dict[str, Path],
    with_code: Callable[..., None],
    data: Path,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "samples"
    for name in ("csv-insights", *AGENTS):
        if name not in built_samples:
            pytest.skip(f"the toolchain of {name} is not installed")
        shutil.copytree(built_samples[name], folder / name)
    shutil.copy2(REPOSITORY / "sample-plugins/stand_in.py", folder)
    with_code(data / COMPILED, *AGENTS)

    arguments = ("demo", "--samples", folder, "--data-dir", data, "--once")
    printed = wardian.json(*arguments)
    found = printed["agents"]

    assert "/api/v1/agents/ask" in printed["curls"]["summarize"]
    assert set(found) <= set(printed["curls"])
    summarized = found["summarize"]
    candidates = summarized["explained"]["candidates"]
    assert {each["agent"] for each in candidates} == {"summarize-lead", "summarize-rank"}
    assert summarized["answer"]["agent"] == summarized["explained"]["chosen"]
    assert summarized["feedback"]["quality"] > summarized["feedback"]["quality_before"]
    assert found["detect-language"]["answer"]["output"]["language"] == "de"
    assert "stand-in" in found["chat"]["answer"]["output"]["message"]["content"]


def test_a_stand_in_that_does_not_start_is_told(
    wardian: CommandLine, samples: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "samples"
    shutil.copytree(samples, folder)
    (folder / "stand_in.py").write_text("raise SystemExit(1)\n")

    error = wardian.error("demo", "--samples", folder, "--once")

    assert error["type"] == "host-unusable"
    assert "stand_in.py" in error["detail"]


def test_a_sample_whose_toolchain_is_missing_is_skipped_and_named(
    wardian: CommandLine,
    samples: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "samples"
    shutil.copytree(samples, folder)
    other = folder / "other"
    (other / "src").mkdir(parents=True)
    (other / "plugin.toml").write_text('name = "other"\nversion = "1.0.0"\n')

    def missing(directory: Path, **_: object) -> Path:
        raise ToolchainMissing(f"{directory.name} needs a toolchain.")

    monkeypatch.setattr("wardian.cli.authoring.build", missing)
    found = wardian.json("demo", "--samples", folder, "--data-dir", data, "--once")
    assert list(found["skipped"]) == ["other"]
    assert found["installed"] == ["csv-insights"]


def test_the_printed_curl_line_works_while_the_demonstration_serves(
    samples: Path, data: Path
) -> None:
    command = [sys.executable, "-W", "error", "-m", "wardian", "demo", "--json", "--port", "0"]
    arguments = ["--samples", str(samples), "--data-dir", str(data)]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = httpx.Response(200, content=process.stdout.readline()).json()
        words = shlex.split(found["curl"])
        header = dict([words[words.index("-H") + 1].split(": ", 1)])
        content = words[words.index("-d") + 1]
        answer = httpx.post(words[2], content=content, headers=header, trust_env=False)
        process.terminate()
        assert process.wait(30) == 0
    assert words[:2] == ["curl", "-s"]
    assert answer.json()["result"]["rows"] == 3


def test_a_directory_without_the_sample_is_refused(wardian: CommandLine, tmp_path: Path) -> None:
    assert wardian.error("demo", "--samples", tmp_path, "--once")["type"] == "not-found"
