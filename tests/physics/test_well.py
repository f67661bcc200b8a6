"""Our files are read by The Well's own package, and files as its specification has them are read by us."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from physics import well
from physics.errors import DataError
from physics.trajectory import Array, Boundary, Trajectory

RUNS, TIMES, NX, NZ = 3, 5, 8, 6


def random(*shape):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape) + shape[-1]))


def sound() -> Trajectory:
    """Give a trajectory with something of everything that the layout knows."""
    edge = torch.zeros(NX, dtype=torch.bool)
    edge[0] = edge[-1] = True
    bottom = torch.zeros(NZ, dtype=torch.bool)
    bottom[0] = True
    stress = random(RUNS, TIMES, NX, NZ, 2, 2)
    return Trajectory(
        name="cell",
        time=torch.arange(TIMES, dtype=torch.float64) * 0.5,
        coordinates={"x": torch.linspace(0, 2, NX, dtype=torch.float64), "z": torch.linspace(0, 1, NZ).double()},
        fields={
            "temperature": Array(random(RUNS, TIMES, NX, NZ), "K"),
            "porosity": Array(random(1, 1, NX, 1)),
            "depth": Array(random(RUNS, 1, 1, NZ), "m"),
            "velocity": Array(random(RUNS, TIMES, NX, NZ, 2), "m/s", 1),
            "stress": Array(stress + stress.transpose(-1, -2), "Pa", 2),
        },
        scalars={
            "nusselt": Array(random(RUNS, TIMES)),
            "rayleigh": Array(random(RUNS, 1)),
            "prandtl": Array(torch.full((1, 1), 0.71, dtype=torch.float64)),
            "clock": Array(random(1, TIMES), "s"),
        },
        boundaries=(
            Boundary("x_periodic", "periodic", ("x",), edge),
            Boundary("z_wall", "wall", ("z",), bottom, ("temperature",), torch.ones(1, dtype=torch.float64)),
        ),
        parameters={"prandtl": 0.71},
        attributes={"plates": "rigid-rigid"},
        count=RUNS,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    well.write(tmp_path / "cell.h5", sound())
    return tmp_path / "cell.h5"


def same(a: Trajectory, b: Trajectory) -> None:
    assert (a.name, a.grid, a.count, a.shape, a.times) == (b.name, b.grid, b.count, b.shape, b.times)
    assert torch.equal(a.time, b.time)
    assert list(a.coordinates) == list(b.coordinates)
    assert all(torch.equal(points, b.coordinates[axis]) for axis, points in a.coordinates.items())
    for ours, theirs in ((a.fields, b.fields), (a.scalars, b.scalars)):
        assert set(ours) == set(theirs)
        for name, array in ours.items():
            assert torch.equal(*torch.broadcast_tensors(array.values, theirs[name].values)), name
            assert (array.unit, array.order) == (theirs[name].unit, theirs[name].order)
    assert [(e.name, e.kind, e.axes, e.fields) for e in a.boundaries] == [
        (e.name, e.kind, e.axes, e.fields) for e in b.boundaries
    ]
    assert all(torch.equal(e.mask, f.mask) for e, f in zip(a.boundaries, b.boundaries, strict=True))
    assert a.parameters == b.parameters
    assert dict(a.attributes) == dict(b.attributes)


def test_what_is_written_is_read_again(path: Path) -> None:
    same(sound(), well.read(path))


def test_a_part_is_read_alone(path: Path) -> None:
    part = well.read(path, fields=["velocity", "depth"], trajectories=slice(1, 3), times=slice(0, None, 2))
    whole = sound()
    assert (part.count, part.times, set(part.fields)) == (2, 3, {"velocity", "depth"})
    assert torch.equal(part.fields["velocity"].values, whole.fields["velocity"].values[1:3, ::2])
    assert torch.equal(part.fields["depth"].values, whole.whole("depth")[1:3, :1])
    assert torch.equal(part.scalars["nusselt"].values, whole.scalars["nusselt"].values[1:3, ::2])
    assert part.whole("depth").shape == (2, 3, NX, NZ)


def test_the_wells_package_reads_ours(path: Path) -> None:
    data = pytest.importorskip("the_well.data", reason="the package the-well is not installed")
    read = data.WellDataset(path=str(path.parent), n_steps_input=2, n_steps_output=1)
    given, meta = sound(), read.metadata
    assert (meta.dataset_name, meta.n_spatial_dims, meta.spatial_resolution) == ("cell", 2, (NX, NZ))
    assert meta.field_names == {
        0: ["temperature"],
        1: ["velocity_x", "velocity_z"],
        2: ["stress_xx", "stress_xz", "stress_zx", "stress_zz"],
    }
    assert meta.constant_field_names == {0: ["porosity", "depth"], 1: [], 2: []}
    assert (meta.scalar_names, meta.constant_scalar_names) == (["nusselt", "clock"], ["rayleigh", "prandtl"])
    assert len(read) == RUNS * (TIMES - 2)
    for index in range(len(read)):
        run, first = divmod(index, TIMES - 2)
        sample = read[index]
        fields = torch.cat([sample["input_fields"], sample["output_fields"]])
        times = slice(first, first + 3)
        assert torch.equal(fields[..., 0], given.fields["temperature"].values[run, times])
        assert torch.equal(fields[..., 1:3], given.fields["velocity"].values[run, times])
        assert torch.equal(fields[..., 3:].reshape(3, NX, NZ, 2, 2), given.fields["stress"].values[run, times])
        assert torch.equal(sample["constant_fields"][..., 0], given.whole("porosity")[run, 0])
        assert torch.equal(sample["constant_fields"][..., 1], given.whole("depth")[run, 0])
        assert torch.equal(sample["input_scalars"][:, 0], given.scalars["nusselt"].values[run, times][:2])
        assert sample["constant_scalars"].tolist() == [float(given.scalars["rayleigh"].values[run, 0]), 0.71]
        assert sample["boundary_conditions"].tolist() == [[2, 2], [0, 1]]  # periodic; a wall below, open above
        assert torch.equal(sample["space_grid"][:, 0, 0], given.coordinates["x"])


def test_the_wells_own_example_is_read(tmp_path: Path) -> None:
    dummy = pytest.importorskip("the_well.utils.dummy_data", reason="the package the-well is not installed")
    dummy.write_dummy_data(str(tmp_path / "dummy.h5"))
    read = well.read(tmp_path / "dummy.h5")
    assert (read.name, read.count, read.times, read.shape) == ("dummy_dataset", 2, 10, (32, 32))
    assert read.fields["field"].values.shape == (2, 10, 32, 32, 2)
    assert read.fields["constant_field"].values.shape == (2, 1, 32, 32)
    assert read.scalars["time_varying_scalar"].values.shape == (1, 10)
    assert read.parameters == {"a": 0.25, "b": 0.75}
    assert [(each.kind, each.axes) for each in read.boundaries] == [("periodic", ("x",)), ("periodic", ("y",))]


def specified(path: Path) -> None:
    """Write by hand what the specification shows: single precision, flat tensors, scalars of one number, own times."""
    with h5py.File(path, "w") as file:
        file.attrs.update(
            dataset_name="example", grid_type="cartesian", n_spatial_dims=2, n_trajectories=2, ParamA=1.0,
            simulation_parameters=["ParamA"],
        )  # fmt: skip
        dimensions = file.create_group("dimensions")
        dimensions.attrs["spatial_dims"] = ["x", "y"]
        dimensions["time"] = np.arange(8, dtype=np.float32).reshape(2, 4)
        dimensions["x"], dimensions["y"] = np.arange(3, dtype=np.float32), np.arange(5, dtype=np.float32)
        for name, own in (("time", True), ("x", False), ("y", False)):
            dimensions[name].attrs.update(sample_varying=own, time_varying=False)
        edge = file.create_group("boundary_conditions/X_boundary")
        edge.attrs.update(
            associated_dims=["x"], associated_fields=["FieldA"], bc_type="wall", sample_varying=False,
            time_varying=False,
        )  # fmt: skip
        edge["mask"], edge["values"] = np.array([True, False, True]), np.array([1.0, 2.0], dtype=np.float32)
        scalars = file.create_group("scalars")
        scalars.attrs["field_names"] = ["ParamA", "Other"]
        scalars["ParamA"], scalars["Other"] = np.ones(1, dtype=np.float32), np.arange(4, dtype=np.float32)
        scalars["ParamA"].attrs.update(sample_varying=False, time_varying=False)
        scalars["Other"].attrs.update(sample_varying=False, time_varying=True)
        for order, name, shape, flags in (
            (0, "FieldA", (2, 4, 3, 5), (True, True, [True, True])),
            (0, "FieldC", (2, 4, 3), (True, True, [True, False])),
            (0, "Map", (3, 5), (False, False, [True, True])),
            (1, "VFieldA", (2, 4, 3, 5, 2), (True, True, [True, True])),
            (2, "TFieldA", (2, 4, 3, 5, 4), (True, True, [True, True])),
        ):
            group = file.require_group(f"t{order}_fields")
            group.attrs["field_names"] = [*group.attrs.get("field_names", []), name]
            group[name] = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
            group[name].attrs.update(sample_varying=flags[0], time_varying=flags[1], dim_varying=flags[2])


def test_a_file_as_the_specification_has_it_is_read(tmp_path: Path) -> None:
    specified(tmp_path / "example.hdf5")
    read = well.read(tmp_path / "example.hdf5")
    assert read.time.shape == (2, 4)
    assert read.fields["FieldC"].values.shape == (2, 4, 3, 1)
    assert read.whole("FieldC").shape == (2, 4, 3, 5)
    assert read.fields["Map"].values.shape == (1, 1, 3, 5)
    assert read.whole("TFieldA").shape == (2, 4, 3, 5, 2, 2)
    assert read.whole("TFieldA")[0, 0, 0, 1].tolist() == [[4.0, 5.0], [6.0, 7.0]]
    assert read.scalars["ParamA"].values.tolist() == [[1.0]]
    assert read.scalars["Other"].values.shape == (1, 4)
    (edge,) = read.boundaries
    assert (edge.kind, edge.fields, edge.values.tolist()) == ("wall", ("FieldA",), [1.0, 2.0])
    well.write(tmp_path / "again.h5", read)
    same(read, well.read(tmp_path / "again.h5"))


def without(item: str, name: str):
    def change(file: h5py.File) -> None:
        place = file[item]
        if name in place.attrs:
            del place.attrs[name]
        else:
            del place[name]

    return change


def misshapen(file: h5py.File) -> None:
    flags = dict(file["t0_fields/FieldA"].attrs)
    del file["t0_fields/FieldA"]
    file["t0_fields/FieldA"] = np.zeros((2, 4, 3))
    file["t0_fields/FieldA"].attrs.update(flags)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without("/", "dataset_name"), "dataset_name"),
        (without("/", "n_trajectories"), "n_trajectories"),
        (without("/", "dimensions"), "dimensions"),
        (without("dimensions", "x"), "dimensions/x"),
        (without("dimensions", "spatial_dims"), "spatial_dims"),
        (without("t0_fields", "FieldA"), "t0_fields/FieldA"),
        (without("t1_fields/VFieldA", "dim_varying"), "dim_varying"),
        (without("boundary_conditions/X_boundary", "mask"), "mask"),
        (misshapen, r"\(2, 4, 3\)"),
    ],
)
def test_a_file_of_another_layout_ends_in_one_line(tmp_path: Path, change, told: str) -> None:
    path = tmp_path / "bad.h5"
    specified(path)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(DataError) as caught:
        well.read(path)
    assert re.search(told, str(caught.value))
    assert "bad.h5" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_places_that_are_no_files(tmp_path: Path, path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    for place in (tmp_path, tmp_path / "none.h5", tmp_path / "text.h5"):
        with pytest.raises(DataError, match="cannot be read"):
            well.read(place)
    with pytest.raises(DataError, match="no field heat"):
        well.read(path, fields=["heat"])
    with pytest.raises(DataError, match="cannot be written"):
        well.write(tmp_path / "none" / "x.h5", sound())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(TypeError):
        well.write(path, sound(), groups={"balances": {"heat": object()}})
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_single_precision_halves_the_numbers(path: Path) -> None:
    well.write(path.with_name("small.h5"), sound(), single=True)
    with h5py.File(path.with_name("small.h5")) as file:
        assert file["t0_fields/temperature"].dtype == np.float32
    assert torch.allclose(
        well.read(path.with_name("small.h5")).fields["temperature"].values,
        sound().fields["temperature"].values,
        atol=1e-7,
    )


def test_others_may_read_what_is_written_and_a_mode_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    well.write(path, sound())
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    well.write(path, sound())
    assert path.stat().st_mode & 0o777 == 0o600
