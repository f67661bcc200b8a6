"""Outputs are spoilt as the table says, and members that lose nothing do not count."""

from dataclasses import replace

import pytest
import torch

from evals.planted import LEAST, draw, spoil
from evals.tasks.violations import run, score, summary
from physics.solution import Output
from tests.toy import cup

TIME = torch.linspace(0, 1, 40, dtype=torch.float64)
AXES = {"x": torch.arange(12.0), "z": torch.arange(10.0)}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def outputs():
    curve = (1 - torch.exp(-5 * TIME)).expand(20, -1)
    hill = torch.rand(20, 40, 12, 10, dtype=torch.float64, generator=generator())
    flow = torch.rand(20, 40, 12, 10, 2, dtype=torch.float64, generator=generator())
    return {
        "temperature": Output("temperature", "K", curve, TIME),
        "lost_front": Output("lost_front", "J", curve, TIME),
        "lost_rear": Output("lost_rear", "J", curve, TIME),
        "nothing": Output("nothing", "J", 1e-16 * curve, TIME),
        "field": Output("field", "K", hill, TIME, coordinates=AXES),
        "velocity": Output("velocity", "m/s", flow, TIME, coordinates=AXES, components=("x", "z")),
        "pattern": Output("pattern", "", torch.zeros(20, 40, dtype=torch.float64), TIME, labels=("spots",)),
        "number": Output("number", "", torch.ones(20, dtype=torch.float64)),
    }


def spoilt():
    return {(each.way, each.output): each for each in spoil(cup(), outputs(), generator())}


def test_each_way_applies_to_what_it_can_spoil():
    curves = ["temperature", "lost_front", "lost_rear", "nothing"]
    expected = {(way, name) for way in ("mass", "overshoot") for name in [*curves, "field"]}
    expected |= {("overshoot", "velocity")} | {("flux", name) for name in curves[1:]} | {("divergence", "velocity")}
    expected |= {("symmetry", "field"), ("symmetry", "velocity"), ("symmetry", "lost_front to lost_rear")}
    assert set(spoilt()) == expected


@pytest.mark.parametrize("way", ["mass", "overshoot", "divergence", "symmetry"])
def test_the_changes_are_as_large_as_the_table_says(way):
    sound = outputs()
    for (kind, name), each in spoilt().items():
        if kind != way or name == "nothing" or " to " in name:
            continue
        before, after = sound[name].values, each.outputs[name].values
        share = (after - before).abs().flatten(1).amax(1) / before.abs().flatten(1).amax(1)
        assert 0.005 < float(share.min()) <= float(share.max()) < 0.051, name
        assert each.changed.all()
        assert all(torch.equal(each.outputs[k].values, sound[k].values) for k in sound if k != name)


def test_where_nothing_is_nothing_is_spoilt():
    found = spoilt()
    assert not found["mass", "nothing"].changed.any()
    assert not found["flux", "nothing"].changed.any()
    assert found["flux", "lost_rear"].changed.all()
    assert LEAST < 0.01


def test_what_moves_in_a_pair_is_not_lost():
    moved = spoilt()["symmetry", "lost_front to lost_rear"].outputs
    total = moved["lost_front"].values + moved["lost_rear"].values
    assert torch.allclose(total, 2 * outputs()["lost_front"].values)
    assert not torch.allclose(moved["lost_front"].values, moved["lost_rear"].values)


def test_settings_are_drawn_within_range_and_limits_and_by_the_seed():
    runs = draw(cup(), 30, generator(3), {})
    assert runs.count == 30
    assert len(set(runs.settings["rate"].tolist())) == 30
    excess = runs.settings["start"] - 293.15
    assert float(excess.min()) >= 0
    assert float(excess.max()) <= 80
    assert torch.equal(draw(cup(), 30, generator(3), {}).settings["rate"], runs.settings["rate"])


def test_the_suite_counts_what_the_laws_catch():
    told = run(experiments=[cup()], count=60, batch=30)["summary"]
    assert told["caught"] > 0.99
    assert (told["sound"] >= 60, told["refused"]) == (True, 0.0)
    lawless = replace(cup(), laws=())
    assert summary(score(lawless, 0, 30, 30, 60.0))["caught"] == 0.0
    strict = replace(cup(), laws=tuple(replace(law, limit=lambda sample: -1.0) for law in cup().laws))
    assert summary(score(strict, 0, 30, 30, 60.0))["refused"] == 1.0
