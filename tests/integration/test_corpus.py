"""Component test scripts run as written, in process and through workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpus import __main__ as corpus

OWN = Path(corpus.__file__).parent / "own"

WRONG = """
(component
  (core module $m
    (func (export "one") (result i32) (i32.const 1))
    (func (export "fail") unreachable))
  (core instance $i (instantiate $m))
  (func (export "one") (result u32) (canon lift (core func $i "one")))
  (func (export "fail") (canon lift (core func $i "fail"))))
(assert_return (invoke "one") (u32.const 2))
(assert_trap (invoke "one") "")
(assert_return (invoke "fail"))
(assert_invalid (component) "")
(assert_return (invoke "one") (u32.const 1))
"""


@pytest.mark.parametrize("workers", [False, True], ids=["in process", "through workers"])
@pytest.mark.parametrize("file", sorted(OWN.glob("*.wast")), ids=lambda file: file.stem)
def test_every_command_passes(file: Path, workers: bool) -> None:
    verdicts = corpus.run_file(file, workers=workers)
    assert len(verdicts) > 1
    assert [each for each in verdicts if each["verdict"] != "passed"] == []


def test_a_wrong_expectation_fails(tmp_path: Path) -> None:
    file = tmp_path / "wrong.wast"
    file.write_text(WRONG)
    verdicts = [each["verdict"] for each in corpus.run_file(file, workers=False)]
    assert verdicts == ["passed", *["failed"] * 4, "passed"]
    assert corpus.main([str(file)]) == 1


def test_nothing_to_run_is_a_failure(tmp_path: Path) -> None:
    assert corpus.main([str(tmp_path)]) == 1
