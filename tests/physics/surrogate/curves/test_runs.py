"""Solved runs are kept and read back; a file that is cut short or of another family is solved again."""

from pathlib import Path

import pytest
import torch

from physics.surrogate.curves import runs
from physics.surrogate.curves.families import get
from physics.surrogate.curves.runs import runs_of


def test_runs_are_solved_once(tmp_path: Path) -> None:
    family, calls = get("column"), []
    first = runs_of(family, "coverage", 12, 5, tmp_path, calls.append)
    again = runs_of(family, "coverage", 12, 5, tmp_path, calls.append)
    assert len(first) == len(again) == again.drawn == 12
    assert all(torch.equal(first.targets[name], again.targets[name]) for name in first.targets)
    (file,) = (tmp_path / "column").iterdir()
    before = file.stat().st_mtime_ns
    file.write_bytes(file.read_bytes()[:500])
    third = runs_of(family, "coverage", 12, 5, tmp_path)
    assert torch.equal(third.targets["concentration"], first.targets["concentration"])
    assert file.stat().st_mtime_ns != before
    assert len(list((tmp_path / "column").iterdir())) == 1


def test_a_split_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_PART", 5)
    family, solved = get("column"), []
    whole = runs_of(family, "coverage", 12, 5)
    solve = family.solve

    def stop(share: float) -> None:
        if share > 0.8:
            raise KeyboardInterrupt

    def counted(numbers, *given):
        solved.append(len(numbers["peclet"]))
        return solve(numbers, *given)

    with pytest.raises(KeyboardInterrupt):
        runs_of(family, "coverage", 12, 5, tmp_path, stop)
    assert len(list((tmp_path / "column").iterdir())) == 2
    monkeypatch.setattr(family, "solve", counted)
    found = runs_of(family, "coverage", 12, 5, tmp_path)
    assert solved == [2]
    assert found.drawn == 12
    assert all(torch.equal(found.targets[name], whole.targets[name]) for name in whole.targets)
    assert len(list((tmp_path / "column").iterdir())) == 1


def test_runs_of_another_family_are_not_read(tmp_path: Path) -> None:
    runs_of(get("column"), "coverage", 12, 5, tmp_path)
    (tmp_path / "column").rename(tmp_path / "flash")
    found = runs_of(get("flash"), "coverage", 12, 5, tmp_path)
    assert set(found.targets) == {"rear_temperature", "half_time", "maximum"}
