"""Every family leads from settings to numbers and back, draws within its ranges, and solves what the solver solves."""

from typing import Any

import pytest
import torch

from physics import experiments
from physics.surrogate.curves.families import all_families, get
from physics.surrogate.curves.family import Family

QUICK = [name for name in all_families() if name != "convection"]


@pytest.fixture(params=sorted(all_families()))
def family(request: pytest.FixtureRequest) -> Family:
    return get(request.param)


def complete(family: Family, numbers: dict[str, torch.Tensor]) -> dict[str, Any]:
    return experiments.get(family.experiment).complete(dict(family.settings(numbers)))


def test_settings_have_the_numbers_that_they_were_made_of(family: Family) -> None:
    numbers = family.draw("calibration", 20, 4)
    settings = complete(family, numbers)
    assert family.unknown(settings) == ""
    back = family.numbers(settings)
    for each in family.ranges:
        assert torch.allclose(back[each.name], numbers[each.name], rtol=1e-9, atol=1e-9)


def test_draws_lie_in_the_ranges_repeat_and_differ_by_split(family: Family) -> None:
    for split in ("train", "calibration", "coverage"):
        numbers = family.draw(split, 64, 0)
        assert bool((family.scaled(numbers).abs() <= 1.0 + 1e-9).all())
        again = family.draw(split, 64, 0)
        assert all(torch.equal(numbers[name], again[name]) for name in numbers)
    first = family.ranges[0].name
    assert not torch.equal(family.draw("calibration", 64, 0)[first], family.draw("coverage", 64, 0)[first])
    assert not torch.equal(family.draw("calibration", 64, 0)[first], family.draw("calibration", 64, 1)[first])
    beyond = family.scaled(family.draw("beyond", 64, 0))
    assert bool((beyond.abs() > 1.0).any(1).all())


def test_edges_have_groups_of_their_own(family: Family) -> None:
    numbers = family.draw("coverage", 900, 0)
    groups = family.groups(numbers)
    assert len(groups.unique()) == family.grouped[1] * 2 ** len(family.edges)
    for name in family.edges:
        low = next(each for each in family.ranges if each.name == name).low
        assert 0.25 < float((numbers[name] == low).double().mean()) < 0.42


def test_places_and_times_are_each_others_inverse(family: Family) -> None:
    numbers = family.draw("coverage", 12, 0)
    places = torch.linspace(0.0, 1.0, 33, dtype=torch.float64)
    times = family.times(numbers, places)
    assert bool((times.diff(dim=1) > 0).all())
    assert torch.allclose(family.places(numbers, times), places.expand(12, -1), atol=1e-10)


@pytest.mark.parametrize("name", QUICK)
def test_targets_are_what_the_experiment_simulates(name: str) -> None:
    family = get(name)
    numbers = {key: value[:3] for key, value in family.draw("calibration", 3, 9).items()}
    target = family.targets[0]
    solved = family.solve(numbers, family.tolerance)
    assert {key: tuple(value.shape) for key, value in solved.items()} == {
        each.name: (3, each.nodes) for each in family.targets
    }
    places = torch.linspace(0.0, 1.0, target.nodes, dtype=torch.float64)
    for k in range(3):
        one = {key: value[k : k + 1] for key, value in numbers.items()}
        if not bool(torch.isfinite(solved[target.name][k]).all()):
            continue
        settings = complete(family, one)
        times = family.times(one, places)[0] * family.clock(settings)
        run = experiments.get(family.experiment).simulate(settings, times, tolerance=max(family.tolerance, 1e-6))
        truth = run.outputs[target.name].values[0]
        assert float((solved[target.name][k] - truth).abs().max()) < max(3.0 * family.tolerance, 2e-6)


def test_convection_is_solved_as_a_run_by_its_numbers_is() -> None:
    family = get("convection")
    numbers = {"rayleigh": torch.tensor([4000.0]).double(), "prandtl": torch.tensor([2.0]).double()}
    solved = family.solve(numbers, 1e-3)
    settings = complete(family, numbers)
    places = torch.linspace(0.0, 1.0, 241, dtype=torch.float64)
    run = experiments.get("convection").simulate(settings, family.times(numbers, places)[0][::24])
    for name in ("nusselt_bottom", "velocity_max"):
        assert float(solved[name][0, 0]) == pytest.approx(float(run.outputs[name].values[0]), rel=2e-3)
    assert torch.allclose(solved["nusselt"][0, ::24], run.outputs["nusselt"].values[0], atol=5e-3)
    assert float(solved["growth_rate"][0, 0]) == pytest.approx(1.0, abs=2e-3)  # over that of linear theory


COLUMN = {"length": 0.3, "velocity": 1e-5, "dispersion": 1e-7}
DISC = {"thickness": 2e-3, "diffusivity": 4e-6}
CELL = {"rayleigh": 5000.0, "prandtl": 7.0}


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("column", COLUMN | {"outlet": "semi-infinite"}, "outlet = semi-infinite"),
        ("column", COLUMN | {"position": (0.1, 0.2)}, "several sensors"),
        ("column", COLUMN | {"input": "leach", "decay": 1e-6}, "leaching with decay"),
        ("two_region", COLUMN, "not a column with two regions"),
        ("freundlich", COLUMN, "not a Freundlich isotherm"),
        ("flash", DISC | {"pulse": "triangular", "pulse_width": 1e-4}, "pulse = triangular"),
        ("flash", DISC | {"biot": 0.1, "biot_rear": 0.2}, "a rear that loses heat unlike the front"),
        ("convection", CELL | {"sides": "walls"}, "sides = walls"),
        ("convection", CELL | {"heating": "side"}, "heating = side"),
        ("convection", CELL | {"plates": "free-free"}, "plates = free-free"),
        ("convection", CELL | {"aspect": 3.0}, "depths were not learned"),
        ("convection", CELL | {"duration": 0.1}, "a duration"),
        ("convection", CELL | {"perturbation": 0.02}, "perturbation is not the one"),
    ],
    ids=str,
)  # fmt: skip
def test_what_was_not_learned_is_named(name: str, settings: dict[str, Any], told: str) -> None:
    family = get(name)
    given = experiments.get(family.experiment).complete(dict(settings))
    assert told in family.unknown(given)


def test_wider_cells_with_more_rolls_are_the_same_cell() -> None:
    family = get("convection")
    given = experiments.get("convection").complete(CELL | {"aspect": 6.0})
    assert family.unknown(given) == ""


def test_a_cell_of_a_fluid_has_its_numbers_and_its_clock() -> None:
    family, declared = get("convection"), experiments.get("convection")
    given = declared.read({"fluid": "water", "depth": "5 mm", "temperature_difference": "2 K"})
    found = family.numbers(given)
    assert 1e3 < float(found["rayleigh"]) < 1e5
    assert 4.0 < float(found["prandtl"]) < 8.0
    assert float(family.clock(given)) == pytest.approx(0.005**2 / 1.46e-7, rel=0.05)
