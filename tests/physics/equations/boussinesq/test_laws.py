"""Sound cells keep every law; cells that lost heat, turned a flux, or leak do not."""

import dataclasses

import pytest
import torch

from physics.experiments.convection import EXPERIMENT, default_times, simulate
from physics.solution import Solution
from physics.validate.law import validate

F64 = torch.float64
CELLS = {
    "rolls": {"rayleigh": torch.tensor([1500.0, 3000.0, 1e4], dtype=F64), "prandtl": torch.tensor([0.7, 7.0, 20.0])},
    "free": {"rayleigh": 2000.0, "prandtl": 2.0, "plates": "free-free", "aspect": 2.8},
    "mixed": {"rayleigh": 5000.0, "prandtl": 5.0, "plates": "rigid-free", "aspect": 1.5, "sides": "walls"},
    "two rolls": {"rayleigh": 5000.0, "prandtl": 1.0, "aspect": 2.0, "sides": "walls"},
    "cavity": {"rayleigh": torch.tensor([2e3, 3e4], dtype=F64), "prandtl": 0.71, "heating": "side"},
    "oil": {"fluid": "silicone-oil-5", "depth": 0.006, "temperature_difference": 2.0},
}  # fmt: skip


@pytest.fixture(scope="module", params=CELLS, ids=lambda name: name)
def cell(request: pytest.FixtureRequest) -> tuple[dict, Solution]:
    settings = EXPERIMENT.complete(dict(CELLS[request.param]))
    return settings, simulate(settings, default_times(settings, 41)).require()


def broken(settings: dict, solution: Solution, changed: dict[str, torch.Tensor]) -> list[str]:
    outputs = {
        name: dataclasses.replace(output, values=changed.get(name, output.values))
        for name, output in solution.outputs.items()
    }
    verdicts = validate(EXPERIMENT.laws, settings, outputs, tolerance=solution.tolerance)
    return [verdict.name for verdict in verdicts if not verdict.ok]


def test_sound_cells_keep_every_law(cell: tuple[dict, Solution]) -> None:
    assert broken(*cell, {}) == []


def test_planted_violations_are_caught(cell: tuple[dict, Solution]) -> None:
    settings, solution = cell
    at = {name: output.values for name, output in solution.outputs.items()}
    T, v = at["temperature"], at["velocity"]
    leak = v.clone()
    leak[..., 0] += 0.02 * v.abs().amax() * torch.sin(torch.linspace(0, 6, v.shape[2], dtype=F64))[:, None]
    lopsided = T.clone()
    lopsided[:, -1, 2:5, 3:6] += 0.03
    planted = {
        "heat lost on the way": {"heat_out": 0.98 * at["heat_out"]},
        "flux turned": {"heat_in": -at["heat_in"]},
        "one Nusselt number off": {"nusselt_top": 1.01 * at["nusselt_top"]},
        "curve off": {"nusselt": 1.03 * at["nusselt"]},
        "plate flux off": {"flux_bottom": 1.02 * at["flux_bottom"]},
        "leak": {"velocity": leak},
        "velocity of another height": {"velocity": v * torch.tensor([1.05, 1.0], dtype=F64)},
        "lopsided": {"temperature": lopsided},
        "overshoot": {"temperature": 0.5 + 1.1 * (T - 0.5)},
        "not a number": {"temperature": torch.where(T.mean() < T, T, torch.nan)},
    }
    still = bool((v.abs().amax() < 1e-9) | (at["nusselt_bottom"].max() < 1.0 + 1e-3))
    for name, changed in planted.items():
        if not (still and "velocity" in changed):
            assert broken(settings, solution, changed), name
