"""The outputs of a run as a trajectory."""

from dataclasses import replace

import pytest
import torch

from physics import experiments, well
from physics.errors import DataError
from physics.solution import Cost, Output, Solution, Status
from physics.trajectory import others, outputs_of, trajectory_of
from physics.validate import broken
from tests.toy import cup

TIME = torch.linspace(0, 1, 4, dtype=torch.float64)
AXES = {"x": torch.linspace(0, 2, 3, dtype=torch.float64), "z": torch.linspace(0, 1, 5, dtype=torch.float64)}


def solution(*outputs):
    named = {output.name: output for output in outputs}
    return Solution(named, [], Status.CONVERGED, "", Cost(1, 1, 0.0), 1e-6)


def random(*shape):
    return torch.rand(*shape, dtype=torch.float64)


def test_a_curve_is_a_scalar_over_time_in_a_space_of_one_point():
    column = experiments.get("column")
    settings = column.read(column.example) | {"velocity": torch.tensor([2e-5, 3e-5], dtype=torch.float64)}
    run = column.simulate(settings, torch.linspace(0, 2e4, 7))
    found = trajectory_of(column, settings, run)
    assert (found.name, found.count, found.times, found.shape) == ("column", 2, 7, (1,))
    assert torch.equal(found.scalars["concentration"].values, run.outputs["concentration"].values)
    assert torch.equal(found.scalars["velocity"].values[:, 0], settings["velocity"])
    assert found.scalars["length"].unit == "m"
    assert found.parameters["length"] == pytest.approx(0.3)
    assert "velocity" not in found.parameters
    assert found.attributes["inlet"] == "third-type"


def test_fields_keep_their_grid_and_vectors_the_order_of_the_axes():
    temperature = Output("temperature", "K", random(2, 4, 3, 5), TIME, coordinates=AXES)
    velocity = Output("velocity", "m/s", random(2, 4, 3, 5, 2), TIME, coordinates=AXES, components=("z", "x"))
    species = Output("species", "", random(2, 4, 3, 5, 2), TIME, coordinates=AXES, components=("a", "b"))
    number = Output("nusselt", "", random(2))
    curve = Output("mean", "K", random(2, 4), TIME)
    ran = solution(curve, temperature, velocity, species, number)
    declared = replace(experiments.get("column"), boundaries=lambda settings: {"x": "periodic", "z": ("wall", "open")})
    found = trajectory_of(declared, {}, ran)
    assert found.shape == (3, 5)
    assert torch.equal(found.fields["velocity"].values, velocity.values.flip(-1))
    assert found.fields["velocity"].order == 1
    assert torch.equal(found.fields["species_b"].values, species.values[..., 1])
    assert found.scalars["nusselt"].values.shape == (2, 1)
    assert found.scalars["mean"].values.shape == (2, 4)
    kinds = {each.name: (each.axes, each.mask.tolist()) for each in found.boundaries}
    assert kinds == {
        "x_periodic": (("x",), [True, False, True]),
        "z_wall": (("z",), [True, False, False, False, False]),
        "z_open": (("z",), [False, False, False, False, True]),
    }
    assert others(ran) == []


def test_what_has_other_times_or_another_grid_is_named():
    field = Output("T", "K", random(1, 4, 3, 5), TIME, coordinates=AXES)
    fine = Output("mean", "K", random(1, 9), torch.linspace(0, 1, 9))
    profile = Output("profile", "K", random(1, 4, 5), TIME, coordinates={"z": AXES["z"]})
    ran = solution(fine, field, profile)
    assert [output.name for output in others(ran)] == ["mean", "profile"]
    found = trajectory_of(experiments.get("column"), {}, ran)
    assert (set(found.fields), set(found.scalars)) == ({"T"}, set())


def test_a_file_is_judged_as_a_run_is(tmp_path):
    declared = cup()
    settings = declared.read(declared.example) | {"rate": torch.tensor([3e-4, 5e-4], dtype=torch.float64)}
    ran = declared.simulate(settings, torch.linspace(0, 4000, 21, dtype=torch.float64))
    well.write(tmp_path / "cup.h5", trajectory_of(declared, settings, ran))
    outputs = outputs_of(well.read(tmp_path / "cup.h5"))
    assert torch.equal(outputs["temperature"].values, ran.outputs["temperature"].values)
    assert torch.equal(outputs["half_time"].values, ran.outputs["half_time"].values)
    assert not any(bad.any() for bad in broken(declared.laws, settings, outputs, tolerance=1e-6).values())
    lost = outputs["lost"].values.clone()
    lost[1] *= 0.99
    spoilt = outputs | {"lost": replace(outputs["lost"], values=lost)}
    assert broken(declared.laws, settings, spoilt, tolerance=1e-6)["heat is kept"].tolist() == [False, True]


def test_fields_come_back_with_their_axes_and_components():
    temperature = Output("temperature", "K", random(2, 4, 3, 5), TIME, coordinates=AXES)
    velocity = Output("velocity", "m/s", random(2, 4, 3, 5, 2), TIME, coordinates=AXES, components=("x", "z"))
    found = outputs_of(trajectory_of(experiments.get("column"), {}, solution(temperature, velocity)))
    assert torch.equal(found["velocity"].values, velocity.values)
    assert (found["velocity"].components, list(found["velocity"].coordinates)) == (("x", "z"), ["x", "z"])
    own = replace(trajectory_of(experiments.get("column"), {}, solution(temperature)), time=torch.zeros(2, 4))
    with pytest.raises(DataError, match="one run at a time"):
        outputs_of(own)
