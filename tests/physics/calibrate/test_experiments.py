"""Every experiment is calibrated from two data sets that share a parameter."""

import pytest
import torch

from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.levenberg import FitStatus
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.solve import solve
from physics.device import one_thread
from physics.experiments import all_experiments, get
from tests.physics.calibrate.decay import inside

TOLERANCE = 1e-2  # the same curves are fitted that were simulated
SHARED = {  # what is shared, what each set has of its own, how the settings of the sets differ, and the last time
    "column": ("dispersion", "velocity", ({}, {"length": "20 cm"}), None),
    "flash": ("diffusivity", "amplitude", ({}, {"thickness": "2.5 mm"}), None),
    "convection": ("rayleigh", None, ({"perturbation": "0.2"}, {"perturbation": "0.3"}), 0.03),
    "gray_scott": ("feed", "kill", ({"cells": "16"}, {"cells": "16", "kill": "0.06"}), 4.0),
}


def times_of(experiment, settings, last):
    times = experiment.default_times(settings, 13)[1:]
    return times if last is None else times * last / float(times[-1])


@pytest.mark.parametrize("name", [experiment.name for experiment in all_experiments()])
def test_two_sets_share_a_parameter(name):
    experiment = get(name)
    shared, separate, changes, last = SHARED[name]
    names = [shared] if separate is None else [shared, separate]
    sets, truth = [], {}
    with one_thread():
        for k, change in enumerate(changes):
            settings = experiment.read({**experiment.example, **change})
            times = times_of(experiment, settings, last)
            # Where only free parameters differ the sets share a model, and are one batch.
            shares = k > 0 and set(change) <= {*names, *changes[0]}
            model = sets[0].model if shares else model_of(experiment, settings, times, TOLERANCE)
            whole = fixed_of(experiment, settings, ())
            truth = {key: float(settings.get(key, 1.0)) for key in names}
            fixed = {key: value for key, value in whole.items() if key not in names}
            at = {key: torch.tensor([value], dtype=torch.float64) for key, value in {**fixed, **truth}.items()}
            with torch.no_grad():
                curve = model(at, times)[0]
            generator = torch.Generator().manual_seed(k)
            noise = 0.01 * float(curve.max() - curve.min())
            values = curve + noise * torch.randn(curve.shape, generator=generator, dtype=torch.float64)
            sets.append(DataSet(f"set {k + 1}", times, values, model, fixed))
        free = [Free(key, 1.05 * truth[key], separate=key == separate) for key in names]
        solved = solve(Problem(tuple(sets), tuple(free)), level=0.99)
    assert solved.fit.status is FitStatus.CONVERGED
    assert len(solved.fit.parameters) == 1 + 2 * (separate is not None)
    assert inside(solved.fit.parameters[shared], truth[shared])
    assert solved.fit.parameters[shared].std < 0.2 * truth[shared]
    assert not solved.contradiction.contradicts
    told = [0.01 * float(one.values.max() - one.values.min()) for one in sets]
    assert all(0.5 * min(told) < found < 1.5 * max(told) for found in solved.deviation.values())
