"""The run of every experiment is a file that The Well's package reads, and that we read again."""

from pathlib import Path

import h5py
import pytest
import torch

from physics import well
from physics.experiments import all_experiments
from tools.errors import Retry
from tools.experiments import find
from tools.simulate import simulate
from tools.write_hdf5 import check_place

NAMES = [experiment.name for experiment in all_experiments()]


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_each_experiment(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run.h5"
    settings = dict(find(name).example)
    evidence = simulate(name, settings, run="r1", out=path)
    read = well.read(path)
    rows = {row["name"]: row for row in evidence.data["outputs"]}
    assert (read.name, read.count) == (name, 1)
    for label, array in read.fields.items():
        if label in rows and rows[label].get("kind") == "field":
            assert list(array.values.shape[1:]) == rows[label]["shape"]
            assert float(array.values.amax()) == rows[label]["max"]
    for label, array in read.scalars.items():
        row = rows.get(label)
        if row is not None and "values" in row:
            assert array.values[0].tolist() == row["values"]
        elif row is not None and not isinstance(row["value"], str):
            assert float(array.values) == row["value"]
    with h5py.File(path) as file:
        known = {*read.fields, *read.scalars, *file.get("others", {})}
        assert set(rows) <= known
        assert dict(file["settings"].attrs) == settings
        assert file["run"].attrs["run"] == "r1"
        assert {each["name"] for each in evidence.data["balances"]} == set(file["balances"])
    data = pytest.importorskip("the_well.data", reason="the package the-well is not installed")
    theirs = data.WellDataset(path=str(tmp_path), n_steps_input=1, n_steps_output=1)
    sample = theirs[len(theirs) - 1]
    names = [each for order in theirs.metadata.field_names.values() for each in order]
    for k, label in enumerate(names):
        field, _, component = label.rpartition("_") if label not in read.fields else (label, "", "")
        values = read.fields[field].values[0, -1]
        expected = values[..., list(read.coordinates).index(component)] if component else values
        assert torch.equal(sample["output_fields"][0, ..., k], expected)
    for k, label in enumerate(theirs.metadata.scalar_names):
        assert float(sample["output_scalars"][0, k]) == float(read.scalars[label].values[0, -1])


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(Retry, match="is a directory"):
        check_place(tmp_path)
    with pytest.raises(Retry, match="no directory"):
        check_place(tmp_path / "none" / "run.h5")
    assert check_place(tmp_path / "run.h5") is None
