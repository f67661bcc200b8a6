import math

import pytest
import torch

from physics.design.candidate import Candidate, Limits, Unknown, grid, scenarios
from physics.design.curves import evaluate
from physics.design.information import Noise
from physics.design.propose import propose
from physics.errors import ParameterError

POWERS = {"velocity": -1, "dispersion": -1}


def candidates(velocities=(2.5, 5.0, 10.0), volumes=(1.3, 1.6, 2.0), spread=0.5):
    """Runs of an 11 cm column in cm and hours, D = 0.06 cm v."""
    found = []
    for choice in grid(velocity=velocities, volumes=volumes):
        v = choice["velocity"]
        unknown = {"velocity": Unknown(v, 0.05), "dispersion": Unknown(0.06 * v, spread)}
        own = 11.0 / v
        found.append(Candidate(choice, {"position": 11.0}, unknown, choice["volumes"] * own, own, material_rate=v))
    return found


def limits(**changes):
    raster = (0.005, 0.01, 0.02, 0.05, 0.1)
    return Limits(**{"duration": 8.0, "samples": 20, "interval": 0.05, "raster": raster, **changes})


def plan(model, target=0.1, noise=0.01, limit=None, runs=None, **options):
    targets = {"dispersion": target}
    return propose(
        {"step": model},
        runs or candidates(),
        limit or limits(),
        targets,
        Noise(noise),
        time_powers=POWERS,
        **options,
    )


@pytest.mark.parametrize("robust", ["worst", "mean"])
def test_recommends_the_shortest_run_that_meets(model, robust):
    proposal = plan(model, robust=robust)
    best = proposal.recommended
    assert proposal.met
    assert best.meets
    assert best.half_width["dispersion"] <= 0.1
    assert proposal.need is None
    assert all(run.duration >= best.duration for run in proposal.runs if run.meets)
    assert proposal.fastest.duration <= best.duration
    widths = [run.half_width["dispersion"] for run in proposal.runs]
    assert proposal.most_precise.half_width["dispersion"] == min(widths)


def test_limits_hold_exactly(model):
    limit = limits(samples=12, interval=0.13, first=0.4, duration=3.0, material=22.0)
    for run in plan(model, limit=limit).runs:
        assert run.samples <= 12
        assert float(run.times.diff().min()) >= 0.13 - 1e-12
        assert float(run.times[0]) >= 0.4
        assert float(run.times[-1]) == run.duration <= 3.0
        assert run.material <= 22.0


def test_precision_is_what_simulated_fits_scatter_by(model):
    from physics.calibrate.fit import fit_batch

    run = plan(model).recommended
    truth = {name: prior.median for name, prior in run.candidate.unknown.items()}
    parameters = {k: torch.tensor([v], dtype=torch.float64) for k, v in {**truth, "position": 11.0}.items()}
    noise = 0.01 * torch.randn(500, run.samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fits = fit_batch(model, run.times, model(parameters, run.times) + noise, truth, fixed={"position": 11.0})
    scatter = torch.tensor([math.log(fit.parameters["dispersion"].value) for fit in fits]).std()
    assert 1.96 * float(scatter) == pytest.approx(run.nominal["dispersion"], rel=0.12)


def test_chosen_times_beat_even_ones(model):
    run = plan(model, runs=candidates((5.0,), (2.0,), 0.0)).recommended
    even = torch.linspace(0.1, 2 * 11 / 5, run.samples, dtype=torch.float64)
    curves = evaluate({"step": model}, [run.candidate], POWERS, even / run.candidate.own_time)
    white = curves.slope[0] / 0.01
    half = 1.96 * torch.linalg.inv(white.transpose(-1, -2) @ white)[:, 1, 1].sqrt().max()
    assert run.half_width["dispersion"] < 0.7 * float(half)


def test_says_what_would_be_needed(model):
    proposal = plan(model, target=0.01)
    assert not proposal.met
    assert proposal.recommended is proposal.most_precise
    factor = proposal.need.noise_factor
    assert factor > 1
    assert proposal.need.samples == math.ceil(proposal.recommended.samples * factor**2)
    better = plan(model, target=0.01, noise=0.01 / (1.01 * factor))
    assert better.met


def test_a_longer_run_is_named_where_only_time_is_short(model):
    proposal = plan(model, target=0.12, limit=limits(duration=1.2), runs=candidates((2.5, 10.0), (1.0, 1.6)))
    assert not proposal.met
    assert proposal.need.duration is not None
    assert proposal.need.duration > 1.2


def test_own_time_changes_nothing_but_the_clock(model):
    runs = candidates()
    at = torch.tensor([0.8, 1.0, 1.2], dtype=torch.float64)
    curves = evaluate({"step": model}, runs, POWERS, at)
    for b, run in enumerate(runs):
        for s, case in enumerate(scenarios(run.unknown)):
            p = {k: torch.tensor([v], dtype=torch.float64) for k, v in {**case, "position": 11.0}.items()}
            assert torch.allclose(curves.curve[b, s], model(p, at * run.own_time)[0], atol=1e-9)
            h = 1e-6
            moved = [model({**p, "dispersion": p["dispersion"] * math.exp(x)}, at * run.own_time)[0] for x in (h, -h)]
            assert torch.allclose(curves.slope[b, s, :, 1], (moved[0] - moved[1]) / (2 * h), atol=1e-7)


def test_bad_input_is_named(model):
    with pytest.raises(ParameterError, match="not estimated"):
        propose({"step": model}, candidates(), limits(), {"decay": 0.1}, Noise(0.01), time_powers=POWERS)
    with pytest.raises(ParameterError, match="precision wanted"):
        plan(model, target=0.0)
    with pytest.raises(ParameterError, match="no candidate fits"):
        plan(model, limit=limits(duration=0.01))
    with pytest.raises(ParameterError, match="no candidate settings"):
        propose({"step": model}, [], limits(), {"dispersion": 0.1}, Noise(0.01), time_powers=POWERS)
    with pytest.raises(ParameterError, match="samples"):
        limits(samples=0)
    with pytest.raises(ParameterError, match="no model"):
        propose({}, candidates(), limits(), {"dispersion": 0.1}, Noise(0.01), time_powers=POWERS)
