"""What is written is read again, whole and in part, by us and by The Well's package."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from physics.errors import DataError
from physics.surrogate import frames as files
from physics.surrogate.frames import Frames
from physics.surrogate.regime import Axis, Channel, Range
from physics.surrogate.regimes.burgers import BurgersRegime

RUNS, TIMES, NX, NY = 5, 4, 6, 8


class Toy(BurgersRegime):
    """A plane with a vector, a scalar and two settings; never solved."""

    name = "toy"
    axes = (Axis("x", NX, 2.0, "periodic", "cm"), Axis("y", NY, 1.0, "wall", "cm"))
    channels = (Channel("velocity_x", "cm/s"), Channel("heat", "K"), Channel("velocity_y", "cm/s"))
    ranges = (Range("reynolds", 1.0, 2.0, (0.5, 3.0)), Range("depth", 1.0, 2.0, (1.0, 2.0), "cm"))
    interval = 0.5
    time_unit = "s"
    invariants = ()


def drawn() -> Frames:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(RUNS, TIMES, 3, NX, NY, generator=generator)
    settings = {name: torch.rand(RUNS, generator=generator, dtype=torch.float64) for name in ("reynolds", "depth")}
    return Frames("toy", values, settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files.write(tmp_path, "train", drawn(), Toy())
    return tmp_path


@pytest.mark.parametrize("runs", [slice(None), slice(1, 3), slice(0, 5, 2), slice(2, 2)])
def test_what_is_written_is_read_again(folder: Path, runs: slice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_AT_ONCE", 2)
    whole, read = drawn(), files.read(folder, Toy(), "train", runs)
    assert read.values.dtype == torch.float32
    assert torch.equal(read.values, whole.values[runs])
    assert all(torch.equal(read.settings[name], value[runs]) for name, value in whole.settings.items())


def test_the_wells_package_reads_a_split(folder: Path) -> None:
    data = pytest.importorskip("the_well.data", reason="the package the-well is not installed")
    read = data.WellDataset(path=str(folder / "toy"), well_split_name="train", n_steps_input=2, n_steps_output=1)
    assert read.metadata.field_names == {0: ["heat"], 1: ["velocity_x", "velocity_y"], 2: []}
    assert read.metadata.constant_scalar_names == ["reynolds", "depth"]
    sample, given = read[TIMES - 2], drawn()
    fields = torch.cat([sample["input_fields"], sample["output_fields"]])
    assert torch.equal(fields[..., [1, 0, 2]], given.values[1, :3].movedim(1, -1))
    assert sample["constant_scalars"].tolist() == pytest.approx([float(v[1]) for v in given.settings.values()])
    assert sample["boundary_conditions"].tolist() == [[2, 2], [0, 0]]
    assert sample["space_grid"][0, :, 1].tolist() == pytest.approx([(j + 0.5) / NY for j in range(NY)])


def test_a_file_that_does_not_fit_ends_in_one_line(folder: Path) -> None:
    class Wider(Toy):
        axes = (Axis("x", 2 * NX, 2.0, "periodic"), Toy.axes[1])

    with pytest.raises(DataError, match="not on the grid of toy"):
        files.read(folder, Wider(), "train")
    with pytest.raises(DataError, match="no such file; generate it"):
        files.read(folder, Toy(), "valid")
    path = files.path_of(folder, "toy", "train")
    with h5py.File(path, "a") as file:
        del file["settings/depth"]
    with pytest.raises(DataError, match="the setting depth is missing"):
        files.read(folder, Toy(), "train")
    with h5py.File(path, "a") as file:
        file.attrs["dataset_name"] = "other"
    with pytest.raises(DataError, match="it holds other, not toy"):
        files.read(folder, Toy(), "train")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="cannot be read"):
        files.read(folder, Toy(), "train")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "toy").write_text("a file")
    with pytest.raises(DataError, match="cannot be made"):
        files.write(tmp_path, "train", drawn(), Toy())


def test_fields_are_in_single_precision(folder: Path) -> None:
    with h5py.File(files.path_of(folder, "toy", "train")) as file:
        assert file["t1_fields/velocity"].dtype == np.float32
        assert file["settings/depth"].dtype == np.float64
        assert file["t0_fields/heat"].attrs["unit"] == "K"
