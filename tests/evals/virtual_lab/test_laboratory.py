"""The defaults cost what they may, ours no more, and rules that are broken are named."""

from dataclasses import replace

import pytest
import torch

from evals.virtual_lab import column, flash
from evals.virtual_lab.laboratory import Plan, Rules, broken

RULES = Rules(
    duration=10.0,
    samples=3,
    interval=2.0,
    first=1.0,
    ranges={"speed": (1.0, 2.0)},
    options={"mode": ("a", "b")},
    used=lambda settings, duration: settings["speed"] * duration,
    budget=15.0,
    within={"heat": (lambda settings: settings["speed"] ** 2, 3.0)},
)
SHIFT = torch.zeros(1, dtype=torch.float64)


def plan(speed=1.5, mode="a", times=(1.0, 5.0, 10.0)):
    return Plan({"speed": speed, "mode": mode}, SHIFT, torch.tensor(times, dtype=torch.float64))


def test_a_plan_within_its_rules_breaks_none():
    assert broken(RULES, plan()) == []


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (plan(times=(1, 3, 5, 7)), "4 samples"),
        (plan(times=()), "0 samples"),
        (plan(times=(1, 2.5, 5)), "1.5 s apart"),
        (plan(times=(5, 3)), "-2 s apart"),
        (plan(times=(0.5, 4)), "from 0.5 to 4 s"),
        (plan(times=(4, 10.1)), "to 10.1 s"),
        (plan(speed=1.7), "used up"),
        (plan(speed=2.1, times=(1, 3)), "speed = 2.1"),
        (plan(mode="c"), "mode = c"),
        (plan(speed=1.9, times=(1, 3)), "heat = 3.61"),
    ],
)
def test_every_rule_is_watched(made, words):
    assert any(words in said for said in broken(RULES, made)), broken(RULES, made)


@pytest.mark.parametrize("room", [column, flash])
def test_defaults_use_up_what_they_may_and_break_no_rule(room):
    for laboratory in room.laboratories(4, 3):
        medians = {name: median for name, (median, _) in laboratory.believed.items()}
        for chosen, times in (laboratory.protocol, laboratory.informed):
            made = Plan({**medians, **laboratory.settings, **chosen}, SHIFT, times)
            assert broken(laboratory.rules, made) == []
            assert len(times) == laboratory.rules.samples
        end = float(laboratory.protocol[1][-1])
        assert end == pytest.approx(laboratory.rules.duration)
        used = laboratory.rules.used({**laboratory.settings, **laboratory.protocol[0]}, end)
        assert used == pytest.approx(laboratory.rules.budget)


def test_a_burst_is_readings_as_fast_as_the_instrument_can():
    laboratory = flash.laboratories(1, 0)[0]
    laboratory = replace(laboratory, rules=replace(laboratory.rules, samples=60), burst=20)
    made = laboratory.retimed()
    assert len(made.times) == 60
    assert broken(laboratory.rules, made) == []
    gaps = torch.diff(made.times).reshape(-1)
    assert float(gaps[:19].max()) == pytest.approx(laboratory.rules.interval)
