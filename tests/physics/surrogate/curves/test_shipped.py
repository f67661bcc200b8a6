"""The weights that ship: they load, their cards say what they are worth, and fresh runs lie within their intervals."""

import pytest
import torch

from physics.surrogate.curves import weights
from physics.surrogate.curves.families import all_families, get
from physics.surrogate.curves.surrogate import Surrogate
from physics.surrogate.trust import reasons

SHIPPED = sorted(path.stem for path in weights.FOLDER.glob("*.safetensors"))


def test_every_family_ships() -> None:
    assert sorted(all_families()) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_load_with_a_card_that_covers(name: str) -> None:
    found = Surrogate.load(get(name))
    card = found.card
    assert (weights.FOLDER / f"{name}.safetensors").stat().st_size < 600_000
    for target in found.family.targets:
        judged = card["inside"][target.name]
        sigma = (0.09 / judged["runs"] + 0.09 / card["data"]["calibration"]["solved"]) ** 0.5
        assert abs(judged["coverage"] - 0.9) < max(0.02, 3.0 * sigma)
    assert card["beyond"]["caught"] == 1.0
    assert card["speed"]["ratio"] > 0
    assert {"data", "seed", "training_seconds", "ranges", "inside", "beyond"} <= card.keys()


@pytest.mark.parametrize("name", ["column", "two_region", "flash"])
def test_fresh_runs_lie_within_their_intervals_and_keep_the_laws(name: str) -> None:
    found = Surrogate.load(get(name))
    family, declared = found.family, found.experiment
    numbers = family.draw("test", 24, 0)
    hits = shown = 0
    for k in range(24):
        settings = declared.complete(dict(family.settings({key: value[k : k + 1] for key, value in numbers.items()})))
        times = declared.default_times(settings, 61)
        predicted = found.predict(settings, times, level=0.9)
        assert [told for kind, told in reasons(predicted.doubts) if kind == "law"] == []
        truth = declared.simulate(settings, times, tolerance=1e-6).outputs
        first = predicted.answers[0]
        inside = (truth[first.output.name].values >= first.lower - 1e-6) & (
            truth[first.output.name].values <= first.upper + 1e-6
        )
        hits += bool(inside.all())
        shown += not bool(predicted.abstained()[0])
    assert hits >= 17  # 0.9 of 24; fewer once in ten thousand
    assert shown >= 18


def test_convection_answers_as_the_solver_does() -> None:
    found = Surrogate.load(get("convection"))
    settings = found.experiment.complete({"rayleigh": 6000.0, "prandtl": 5.0})
    times = found.experiment.default_times(settings, 41)
    predicted = found.predict(settings, times, level=0.95)
    assert not bool(predicted.abstained()[0]), reasons(predicted.doubts)
    truth = found.experiment.simulate(settings, times).outputs
    assert {answer.output.name for answer in predicted.answers} <= set(truth)
    for answer in predicted.answers:
        known = truth[answer.output.name]
        assert answer.output.unit == known.unit
        assert answer.output.values.shape == known.values.shape
        slack = 3e-3 * known.values.abs().max() + 1e-9
        assert bool((known.values >= answer.lower - slack).all() & (known.values <= answer.upper + slack).all()), (
            answer.output.name
        )


def test_convection_knows_the_onset_that_its_numbers_have() -> None:
    found = Surrogate.load(get("convection"))
    settings = found.experiment.complete({"rayleigh": torch.tensor([1000.0, 5000.0]), "prandtl": 7.0})
    predicted = found.predict(settings, torch.linspace(0.0, 1.0, 11, dtype=torch.float64), judge=False)
    assert predicted.abstained().tolist()[0]  # below onset nothing turns, and nothing was learned


def test_a_time_after_the_learned_curve_is_doubted() -> None:
    found = Surrogate.load(get("flash"))
    settings = found.experiment.complete({"thickness": 1e-2, "diffusivity": 1e-4, "biot": 0.1})  # L^2 / alpha = 1 s
    for last, late in ((3.9, False), (4.2, True)):
        predicted = found.predict(settings, torch.tensor([0.1, last], dtype=torch.float64), judge=False)
        assert ("time" in [kind for kind, _ in reasons(predicted.doubts)]) == late
