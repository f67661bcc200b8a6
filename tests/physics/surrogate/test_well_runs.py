"""Runs in files of The Well: windows are the numbers of the files, and what cannot be read is told."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from physics.errors import DataError
from physics.surrogate import well_runs
from physics.surrogate.fields.training.windows import FileWindows, windows_of
from physics.surrogate.well_files import headers
from physics.surrogate.well_regime import regime_of
from physics.surrogate.well_runs import WellRuns
from tests.physics.surrogate.the_well import FRAMES, RUNS, write

CPU = torch.device("cpu")


@pytest.fixture
def written(tmp_path: Path) -> list[dict[str, np.ndarray]]:
    return [write(tmp_path / f"data/train/{name}.hdf5", scale=scale) for name, scale in (("a", 1.0), ("b", 2.0))]


def opened(folder: Path, points: tuple[int, ...] | None = None, split: str = "train") -> WellRuns:
    return WellRuns(regime_of(headers(folder, "train"), 8, points), folder, split)


@pytest.mark.parametrize("points", [None, (8, 16)])
@pytest.mark.parametrize("most", [64, 1])
def test_a_window_is_what_the_file_holds(written, tmp_path, monkeypatch, points, most):
    monkeypatch.setattr(well_runs, "_OPEN", most)
    runs = opened(tmp_path, points)
    assert len(runs) == 2 * RUNS
    assert runs.settings["Rayleigh"].tolist() == [1.0, 1.0, 2.0, 2.0]
    step = 1 if points is None else 2
    for run in (3, 0, 2):
        file, own = written[run // RUNS], run % RUNS
        part = np.s_[own, 4:9, :16:step, :16]
        stress = file["stress"].reshape(RUNS, FRAMES, *file["map"].shape, 4)
        expected = [
            file["density"][part][..., None],
            np.broadcast_to(file["map"][:16:step, :16], (5, 16 // step, 16))[..., None],
        ]
        expected += [file["velocity"][part], stress[part]]
        window = runs.window(run, 4, 5)
        assert window.dtype == torch.float32
        np.testing.assert_array_equal(window.numpy(), np.moveaxis(np.concatenate(expected, -1), -1, 1))


def test_windows_are_drawn_from_all_runs_and_times(written, tmp_path):
    runs = opened(tmp_path)
    windows = windows_of(runs.regime, runs, 8 * 256, CPU)
    assert isinstance(windows, FileWindows)
    assert windows.batch == 8
    asked = []
    inner = runs.window
    runs.window = lambda run, first, length: asked.append((run, first)) or inner(run, first, length)
    generator = torch.Generator().manual_seed(0)
    for _ in range(25):
        window = windows.draw(9, generator)
        assert window.frames.shape == (8, 9, 8, 16, 16)
    assert {run for run, _ in asked} == set(range(2 * RUNS))
    assert {first for _, first in asked} == set(range(FRAMES - 9 + 1))
    run, first = asked[-1]
    assert torch.equal(window.frames[-1], inner(run, first, 9))
    assert float(window.settings["Rayleigh"][-1]) == (1.0 if run < RUNS else 2.0)
    assert float(window.scaled[-1, 0]) == (-1.0 if run < RUNS else 1.0)


def test_what_stays_as_it_is_gets_no_noise(written, tmp_path):
    runs = opened(tmp_path)
    windows = windows_of(runs.regime, runs, 2048, CPU)
    seen = runs.window(0, 0, 4)[None]
    moved = windows.disturbed(seen, 0.1, torch.Generator().manual_seed(0)) - seen
    changed = moved.abs().amax((0, 1, 3, 4)) > 0
    assert changed.tolist() == [k != 1 for k in range(8)]


def test_a_sample_spreads_over_runs_and_is_no_larger_than_its_room(written, tmp_path, monkeypatch):
    runs = opened(tmp_path)
    frames = runs.sample(4, 6)
    assert frames.values.shape == (4, 6, 8, 16, 16)
    assert frames.settings["Rayleigh"].tolist() == [1.0, 1.0, 2.0, 2.0]
    monkeypatch.setattr(well_runs, "_MOST", 3 * 6 * 8 * 256)
    assert len(runs.sample(4, 6)) == 3
    assert runs.sample(2, 99).values.shape[1] == FRAMES


def test_damage_within_a_file_is_told(written, tmp_path):
    path = tmp_path / "data/train/b.hdf5"
    with h5py.File(path, "a") as file:
        file["t0_fields/density"][1, 5, 3, 3] = np.nan
    runs = opened(tmp_path)
    assert bool(runs.window(3, 6, 3).isfinite().all())
    with pytest.raises(DataError, match=r"b.hdf5: run 1 has numbers that are not finite in frames 4 to 6"):
        runs.window(3, 4, 3)
    runs = opened(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"b.hdf5: run 1 cannot be read"):
        runs.window(3, 6, 3)


def test_a_split_of_another_set_is_told(written, tmp_path):
    write(tmp_path / "data/test/a.hdf5", axes=("x",), kinds=("OPEN",))
    with pytest.raises(DataError, match="other fields or another grid than the training files"):
        opened(tmp_path, split="test")
    write(tmp_path / "data/test/a.hdf5", scalar="Prandtl")
    with pytest.raises(DataError, match="scalar Rayleigh of the training files is missing"):
        opened(tmp_path, split="test")


def test_a_digest_tells_files_apart(written, tmp_path):
    one = opened(tmp_path).digest()
    assert opened(tmp_path).digest() == one
    assert opened(tmp_path, (8, 8)).digest() != one
    write(tmp_path / "data/train/c.hdf5")
    assert opened(tmp_path).digest() != one
