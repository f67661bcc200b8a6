import pytest
import torch

from physics.calibrate.fit import fit, fit_batch
from physics.equations.advection_dispersion.scaling import Scheme
from physics.experiments.column import EXPERIMENT

TRUTH = {"velocity": 7e-6, "dispersion": 5e-10, "retardation": 1.2, "decay": 1e-6, "length": 0.11}
KNOWN = {"length": 0.11, "pulse_duration": 9e3, "position": 0.1}
TIMES = torch.linspace(5e3, 4e4, 41, dtype=torch.float64)


def made(settings, free):
    """A model, what is known of it besides, and curves with noise."""
    model = EXPERIMENT.model(EXPERIMENT.complete({**TRUTH, **settings}), TIMES)
    known = {name: value for name, value in {**TRUTH, **KNOWN}.items() if name not in free}
    if settings.get("outlet") != "closed" or "length" in free:
        known.pop("position", None)
    exact = model(
        {name: torch.tensor([value], dtype=torch.float64) for name, value in {**TRUTH, **known}.items()}, TIMES
    )
    noise = torch.randn(5, len(TIMES), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return model, known, exact + 2e-3 * noise


@pytest.mark.parametrize("outlet", ["closed", "semi-infinite"])
@pytest.mark.parametrize("feed", ["step", "pulse", "leach"])
@pytest.mark.parametrize("free", [("velocity", "dispersion"), ("dispersion", "length", "decay"), ("retardation",)])
def test_the_descent_as_a_whole_is_the_one_step_by_step(outlet, feed, free):
    pulse = {"pulse_duration": 9e3} if feed == "pulse" else {}
    model, known, values = made({"outlet": outlet, "input": feed, "position": 0.1} | pulse, free)
    start = {name: 1.15 * TRUTH[name] for name in free}
    weights = torch.rand(5, len(TIMES), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    bounds = {"decay": (-1e-5, 1e-5)} if "decay" in free else {}

    def stepped(parameters, times):
        return model(parameters, times)

    at_once, steps = (
        fit_batch(each, TIMES, values, start, bounds=bounds, fixed=known, weights=weights) for each in (model, stepped)
    )
    for a, b in zip(at_once, steps, strict=True):
        assert a.status is b.status
        assert a.sse == pytest.approx(b.sse, rel=1e-9)
        for name in free:
            assert a.parameters[name].value == pytest.approx(b.parameters[name].value, rel=1e-6, abs=1e-13)
            assert a.parameters[name].upper == pytest.approx(b.parameters[name].upper, rel=1e-5, abs=1e-13)


def test_bounds_hold_and_are_told():
    model, known, values = made({}, ("velocity", "dispersion"))
    found = fit(
        model, TIMES, values[0], {"velocity": 7e-6, "dispersion": 4e-10}, bounds={"dispersion": (0.0, 4.2e-10)},
        fixed=known,
    )  # fmt: skip
    assert found.parameters["dispersion"].value == pytest.approx(4.2e-10, rel=1e-12)
    assert found.parameters["dispersion"].at_bound
    assert any("upper bound" in sentence for sentence in found.warnings)


def test_what_has_no_closed_form_is_left_to_steps():
    model = made({}, ("velocity", "dispersion"))[0]
    assert model.scheme == Scheme()
    regions = {"mobile_fraction": torch.full((1,), 0.6), "exchange": torch.full((1,), 0.5)}
    none = torch.zeros(1, 2).numpy()
    box = none[0] == 0, none[0], none[0]
    assert model.descend(regions, ("velocity", "dispersion"), TIMES, none, none, none, box, 5, 1e-7) is None
