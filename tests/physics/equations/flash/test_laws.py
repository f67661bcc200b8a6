"""Sound flashes keep the laws; corrupted ones break them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from physics.equations.flash.laws import LAWS
from physics.experiments.flash import EXPERIMENT, simulate
from physics.solution import Output
from physics.validate.law import broken

COUNT = 120
Outputs = dict[str, Output]


def _settings(kind: str, kelvin: bool) -> dict:
    make = torch.Generator().manual_seed(len(kind) + kelvin)

    def spread(low: float, high: float) -> torch.Tensor:
        return low * (high / low) ** torch.rand(COUNT, generator=make, dtype=torch.float64)

    thickness = spread(1e-3, 4e-3)
    time = spread(0.7, 1.4)
    found: dict = {"thickness": thickness, "diffusivity": thickness**2 / time, "biot": spread(3e-3, 1.0), "pulse": kind}
    if kind != "instant":
        found["pulse_width"] = spread(1e-3, 0.02) * time
    if kelvin:
        found |= {"density": spread(2e3, 9e3), "heat_capacity": spread(300, 900), "pulse_energy": spread(0.2, 5)}
        found |= {"spot_diameter": spread(5e-3, 2e-2), "amplitude": spread(0.3, 3)}
    return EXPERIMENT.complete(found)


CASES = [("instant", False), ("square", True), ("triangular", False)]


@pytest.fixture(scope="module", params=CASES, ids=[f"{kind}" for kind, _ in CASES])
def sound(request: pytest.FixtureRequest) -> tuple[dict, Outputs, float]:
    settings = _settings(*request.param)
    run = simulate(settings, torch.linspace(0, 1.5, 121, dtype=torch.float64)).require()
    return settings, run.outputs, run.tolerance


def _caught(settings: dict, outputs: Outputs, tolerance: float) -> torch.Tensor:
    return torch.stack(list(broken(LAWS, settings, outputs, tolerance=tolerance).values())).any(0)


def test_sound_runs_are_kept(sound: tuple[dict, Outputs, float]) -> None:
    assert int(_caught(*sound).sum()) <= 1


def _scaled(name: str, factor: float) -> Callable[[Outputs], Outputs]:
    return lambda outputs: {**outputs, name: replace(outputs[name], values=factor * outputs[name].values)}


def _all_energies_lost(outputs: Outputs) -> Outputs:
    """Two per cent of the heat vanish from every book at once."""
    names = [name for name in outputs if name.startswith("energy")]
    return {**outputs, **{name: replace(outputs[name], values=0.98 * outputs[name].values) for name in names}}


def _moved(outputs: Outputs) -> Outputs:
    """The front loses what the rear did, so that the sum is right."""
    extra = 0.02 * outputs["energy_lost_rear"].values
    found = dict(outputs)
    for name, sign in (("energy_lost_rear", -1), ("energy_lost_front", 1)):
        found[name] = replace(found[name], values=found[name].values + sign * extra)
    return found


def _overshoot(outputs: Outputs) -> Outputs:
    """A ripple of one per cent on the rising flank of the rear curve."""
    output = outputs["rear_temperature"]
    ripple = torch.zeros_like(output.values)
    ripple[:, 20:60:5] = 0.01 * output.values.amax(-1, keepdim=True)
    return {**outputs, "rear_temperature": replace(output, values=output.values + ripple)}


def _exchanged(outputs: Outputs) -> Outputs:
    one, other = outputs["front_temperature"], outputs["rear_temperature"]
    return {**outputs, one.name: replace(one, values=other.values), other.name: replace(other, values=one.values)}


CORRUPTIONS = {
    **{f"{name} x 0.98": _scaled(name, 0.98) for name in (item.name for item in EXPERIMENT.observables)},
    **{f"{name} x -1": _scaled(name, -1.0) for name in ("energy_lost_front", "energy_lost_rear", "rear_temperature")},
    "heat vanishes": _all_energies_lost,
    "loss on the wrong face": _moved,
    "ripple": _overshoot,
    "faces exchanged": _exchanged,
}


@pytest.mark.parametrize("name", list(CORRUPTIONS))
def test_corrupted_outputs_are_caught(name: str, sound: tuple[dict, Outputs, float]) -> None:
    settings, outputs, tolerance = sound
    assert float(_caught(settings, CORRUPTIONS[name](outputs), tolerance).double().mean()) >= 0.99


def test_a_rear_curve_alone_is_judged(sound: tuple[dict, Outputs, float]) -> None:
    """What a surrogate gives that knows only the rear."""
    settings, outputs, tolerance = sound
    alone = {"rear_temperature": outputs["rear_temperature"]}
    assert int(_caught(settings, alone, tolerance).sum()) == 0
    assert float(_caught(settings, _scaled("rear_temperature", 0.98)(alone), tolerance).double().mean()) >= 0.99


def test_unequal_losses_are_not_asked_to_part_evenly() -> None:
    settings = EXPERIMENT.complete({"thickness": 1e-3, "diffusivity": 1e-6, "biot": 0.1, "biot_rear": 0.5})
    run = simulate(settings).require()
    found = broken(LAWS, settings, run.outputs, tolerance=run.tolerance)
    assert "losses part evenly" not in found
    assert not any(bool(each.any()) for each in found.values())
