"""A screen spares the solver without changing what is proposed, and loses its trust when it errs."""

from dataclasses import replace

import pytest
import torch

from physics import experiments
from physics.design.belief import from_prior
from physics.design.candidate import Limits, Unknown
from physics.design.habits import transfer_of
from physics.design.information import Noise
from physics.design.optimise import optimise
from physics.design.responses import Responses, case_of, respond
from physics.design.screen import BUDGET, MARGIN, Screen
from physics.design.study import Options, Range, Study, Target

HOUR, CM = 3600.0, 0.01
VELOCITY = 10 * CM / HOUR


class Scaled(Screen):
    """Forecasts that are the solver's own, with slopes times a factor that may depend on the case."""

    factor = staticmethod(lambda case: 1.0)

    def _forecast(self, study, case, scenarios):
        (found,) = respond(study, [case], scenarios)
        return Responses(found.times, found.curve, found.slope * self.factor(case))


def study(**changes):
    asked = {
        "experiment": experiments.get("column"),
        "settings": {"length": 0.3, "input": "pulse"},
        "controls": {"pulse_duration": Range(0.1 * HOUR, 8 * HOUR, HOUR)},
        "belief": from_prior({"velocity": Unknown(VELOCITY, 0.05), "dispersion": Unknown(3e-4 / HOUR, 0.15)}),
        "noise": Noise(0.01),
        "limits": Limits(24 * HOUR, 12, interval=600.0),
        "target": Target({"dispersion": 0.05}),
        "transfer": transfer_of("column"),
        "tolerance": 1e-3,
        "slots": 60,
    }
    return Study(**{**asked, **changes})


FREUNDLICH = {
    "length": 0.3, "isotherm": "freundlich", "porosity": 0.4, "bulk_density": 1600.0, "feed_concentration": 0.01,
    "freundlich_exponent": 0.7, "freundlich_coefficient": 2e-4,
}  # fmt: skip


@pytest.mark.parametrize("target", [Target({"dispersion": 0.05}), Target({}, "information")])
def test_what_is_proposed_is_the_same_and_fewer_are_solved(target):
    asked, screen = study(target=target), Scaled()
    alone, aided = optimise(asked, effort=12, scenarios=2), optimise(asked, effort=12, scenarios=2, screen=screen)
    assert aided.best.case.chosen == alone.best.case.chosen
    assert torch.equal(aided.best.times, alone.best.times)
    assert not aided.best.foretold
    assert screen.trusted
    assert screen.foretold > 0
    assert screen.foretold + screen.solved == len(aided.runs)
    assert all(run.score > aided.best.score for run in aided.runs if run.foretold)
    assert screen.summary()["saved"] >= 0


def test_a_forecast_that_errs_is_noticed_and_everything_solved():
    asked, screen = study(), Scaled()
    screen.factor = lambda case: 1.0 + 2 * MARGIN
    alone, aided = optimise(asked, effort=12, scenarios=2), optimise(asked, effort=12, scenarios=2, screen=screen)
    assert not screen.trusted
    assert "forecast" in screen.summary()["doubts"]
    assert screen.foretold == 0
    assert not any(run.foretold for run in aided.runs)
    assert aided.best.case.chosen == alone.best.case.chosen


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "speed"),
        ({"settings": {"length": 0.3, "input": "pulse", "outlet": "semi-infinite"}}, "setting"),
        ({"settings": {**FREUNDLICH, "input": "pulse"}}, "setting"),
    ],
    ids=["speed", "outlet", "pulse"],
)
def test_what_the_surrogate_cannot_answer_is_solved_and_the_reason_kept(changes, kind):
    asked, screen = study(**changes), Screen()
    case = case_of(asked, {"pulse_duration": HOUR}, asked.limits.duration)
    assert screen.forecasts(asked, [case], asked.belief.scenarios(2)) == [None]
    assert list(screen.doubts) == [kind]
    assert screen.told[kind] == screen.summary()["reason"]


def test_missing_weights_are_a_reason(tmp_path):
    asked = study(settings={**FREUNDLICH, "input": "step"}, controls={"position": Options((0.3,))})
    screen = Screen(tmp_path)
    case = case_of(asked, {"position": 0.3}, asked.limits.duration)
    assert screen.forecasts(asked, [case], asked.belief.scenarios(2)) == [None]
    assert list(screen.doubts) == ["weights"]


def test_the_surrogate_foretells_a_freundlich_column_as_it_is_solved():
    controls = {"velocity": Options((VELOCITY,))}
    asked = study(settings={**FREUNDLICH, "input": "step"}, controls=controls, tolerance=1e-2)
    screen, draws = Screen(), asked.belief.scenarios(2)
    case = case_of(asked, {"velocity": VELOCITY}, asked.limits.duration)
    (forecast,) = screen.forecasts(asked, [case], draws)
    (solved,) = respond(asked, [case], draws)
    assert forecast is not None, screen.told
    assert forecast.curve.shape == solved.curve.shape
    assert forecast.slope.shape == solved.slope.shape
    assert float((forecast.curve - solved.curve).abs().max()) < BUDGET
    assert float((forecast.slope - solved.slope).norm() / solved.slope.norm()) < MARGIN
    assert screen.family == "freundlich"


def test_convection_is_foretold_up_to_the_end_of_a_run():
    asked = Study(
        experiments.get("convection"), {"prandtl": 5.0, "duration": 2.0}, {"rayleigh": Options((5000.0, 9000.0))},
        from_prior({"rayleigh": Unknown(6000.0, 0.1), "prandtl": Unknown(5.0, 0.2)}), Noise(0.01), Limits(2.0, 12),
        Target({"prandtl": 0.1}), slots=40, tolerance=1e-2,
    )  # fmt: skip
    screen = Screen()
    cases = [case_of(asked, {"rayleigh": rayleigh}, 2.0) for rayleigh in (5000.0, 9000.0)]
    found = screen.forecasts(asked, cases, asked.belief.scenarios(1))
    assert all(response is not None for response in found), screen.told
    assert all(float(response.times[-1]) <= 2.0 and bool((response.curve > 0.9).all()) for response in found)
    late = [replace(case, settings={**case.settings, "aspect": 3.0}) for case in cases[:1]]
    assert screen.forecasts(asked, late, asked.belief.scenarios(1)) == [None]
