"""The laws of Gray-Scott: sound runs keep them, corrupted outputs break them."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from physics.equations.gray_scott.laws import LAWS
from physics.experiments.gray_scott import EXPERIMENT, simulate
from physics.solution import Output
from physics.validate.law import Sample, find

F64 = torch.float64
Outputs = dict[str, Output]


@pytest.fixture(scope="module")
def sound() -> Sample:
    """Twenty squares of rates between all regimes, from spots and from holes."""
    share = torch.linspace(0.02, 0.98, 20, dtype=F64)
    feed = 0.012 + 0.09 * share
    kill = 0.5 * feed.sqrt() / (0.75 + 0.4 * ((7 * share) % 1)).sqrt() - feed
    settings = EXPERIMENT.complete({"feed": feed, "kill": kill, "size": 0.5, "cells": 32.0, "duration": 600.0})
    run = simulate(settings, torch.linspace(0, 600, 61, dtype=F64), tolerance=1e-5)
    return Sample(settings, run.outputs, 1e-5)


def broken(sample: Sample, outputs: Outputs) -> torch.Tensor:
    """Say which members some law refuses, shape (batch,)."""
    found = [find(law, replace(sample, outputs=outputs)) for law in LAWS]
    return torch.stack([~finding.kept for finding in found if finding is not None]).any(0)


def test_sound_runs_are_kept(sound: Sample) -> None:
    refused = {
        law.name: int((~finding.kept).sum())
        for law in LAWS
        if (finding := find(law, sound)) is not None and not bool(finding.kept.all())
    }
    assert refused == {}


def scaled(*names: str, by: float) -> Callable[[Outputs], Outputs]:
    return lambda given: {k: replace(o, values=o.values * by) if k in names else o for k, o in given.items()}


def flipped(name: str) -> Callable[[Outputs], Outputs]:
    return scaled(name, by=-1.0)


def lost(name: str, share: float) -> Callable[[Outputs], Outputs]:
    """A share is lost from the middle of the run on."""

    def change(given: Outputs) -> Outputs:
        values = given[name].values.clone()
        values[:, values.shape[1] // 2 :] *= 1.0 - share
        return given | {name: replace(given[name], values=values)}

    return change


def overshoot(name: str, by: float) -> Callable[[Outputs], Outputs]:
    """The extremes of the last frame are driven outside the bounds, the mean kept."""

    def change(given: Outputs) -> Outputs:
        values = given[name].values.clone()
        last = values[:, -1].flatten(1)
        edge = 1.0 + by if name == "a" else -by
        place = (last.argmax(1) if name == "a" else last.argmin(1))[:, None]
        moved = edge - last.gather(1, place)
        last = last - moved / (last.shape[1] - 1)
        values[:, -1] = last.scatter(1, place, edge).reshape(values[:, -1].shape)
        return given | {name: replace(given[name], values=values)}

    return change


@pytest.mark.parametrize(
    "corrupt",
    [
        lost("mean_b", 0.02),
        lost("mean_a", 0.02),
        lost("b", 0.02),
        lost("a", 0.02),
        flipped("fed"),
        flipped("reacted"),
        flipped("drained"),
        scaled("fed", "reacted", by=1.02),
        scaled("reacted", "drained", by=0.98),
        overshoot("a", 0.02),
        overshoot("b", 0.02),
        lost("change", 0.02),
    ],
    ids=[
        "B lost",
        "A lost",
        "field B lost",
        "field A lost",
        "feed flipped",
        "reaction flipped",
        "drain flipped",
        "feed and reaction",
        "reaction and drain",
        "A above the feed's",
        "B below none",
        "change lost",
    ],
)
def test_corrupted_outputs_are_caught(sound: Sample, corrupt: Callable[[Outputs], Outputs]) -> None:
    caught = broken(sound, corrupt(dict(sound.outputs)))
    living = sound.values("mean_b")[:, -1] > 1e-6  # where B is gone there is nothing left to lose
    assert bool((caught | ~living).all())


def test_the_balance_needs_no_time_zero(sound: Sample) -> None:
    late = {
        name: replace(output, values=output.values[:, 30:], time=output.time[30:])
        if output.time is not None
        else output
        for name, output in sound.outputs.items()
        if output.values.dim() < 3
    }
    laws = [law for law in LAWS if law.name in ("balance of A", "balance of B")]
    for law in laws:
        assert bool(find(law, replace(sound, outputs=late)).kept.all())
    for name, concerned in (("fed", [0]), ("reacted", [0, 1]), ("drained", [1])):
        corrupted = replace(sound, outputs=lost(name, 0.03)(late))
        assert all(not bool(find(laws[k], corrupted).kept.any()) for k in concerned)


def test_a_surrogate_of_fields_alone_is_judged(sound: Sample) -> None:
    fields = {name: sound.outputs[name] for name in ("a", "b")}
    assert not bool(broken(sound, fields).any())
    living = sound.values("mean_b")[:, -1] > 0.01
    assert bool((broken(sound, lost("b", 0.1)(fields)) | ~living).all())


def test_a_single_spot_stays_symmetric() -> None:
    settings = {"feed": 0.03, "kill": 0.06, "size": 0.5, "cells": 32.0, "spots": 1.0}
    settings = EXPERIMENT.complete(settings)
    run = simulate(settings, torch.linspace(0, 200, 11, dtype=F64), tolerance=1e-5)
    sample = Sample(settings, run.outputs, 1e-5)
    assert not bool(broken(sample, dict(run.outputs)).any())
    wave = 1.0 + 0.02 * torch.sin(2 * torch.pi * torch.arange(32, dtype=F64) / 32)
    tilted = replace(run.outputs["b"], values=run.outputs["b"].values * wave)
    found = [find(law, replace(sample, outputs={**run.outputs, "b": tilted})) for law in LAWS]
    names = [finding.law.name for finding in found if finding is not None and not bool(finding.kept.all())]
    assert "symmetry of B about its spot" in names
