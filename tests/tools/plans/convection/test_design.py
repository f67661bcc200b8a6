"""A search for the onset of convection, against the formulas of the theory."""

import math
from itertools import pairwise
from typing import Any

import pytest

from agent.brief import read_brief
from agent.nodes.compute import request_for
from physics.equations.boussinesq.fluids import FLUIDS
from tests.agent import doubles
from tools.design import design
from tools.errors import Retry, ToolError
from tools.plans import planning
from tools.plans.convection.search import Search

REQUEST = (
    "At which temperature difference does a 10 mm layer of 10 cSt silicone oil start to convect, and how long must I "
    "wait at each step to find the onset within 2 %?"
)


@pytest.fixture(scope="module")
def plan(designed: Any) -> Any:
    return designed("convection", REQUEST)


def test_the_onset_is_that_of_the_critical_rayleigh_number(plan: Any) -> None:
    oil = FLUIDS["silicone-oil-10"].at(298.15)
    expected = 1707.7618 * oil.viscosity * oil.diffusivity / (9.80665 * oil.expansion * 0.01**3)
    assert plan["onset_difference"].unit == "mK"
    assert plan["onset_difference"].value == pytest.approx(1e3 * expected, rel=1e-6)
    low, high = plan["onset_difference"].lower, plan["onset_difference"].upper
    assert low < plan["onset_difference"].value < high


def test_the_steps_bracket_the_onset_and_resolve_it(plan: Any) -> None:
    steps = [plan[key].value for key in plan.evidence.data["schedule"]]
    assert steps[0] <= plan["onset_difference"].lower
    assert steps[-1] >= plan["onset_difference"].upper
    assert all(math.isclose(b - a, plan["step"].value, rel_tol=1e-6) for a, b in pairwise(steps))
    assert plan["precision_onset"].value <= 2.0


def test_a_step_is_held_until_a_disturbance_has_grown(plan: Any) -> None:
    """Near onset sigma = eps / tau0, tau0 = 0.0509 (1 + 0.5117 / Pr) diffusion times (Cross and Hohenberg 1993)."""
    oil = FLUIDS["silicone-oil-10"].at(298.15)
    prandtl = oil.viscosity / oil.diffusivity
    tau = (1 + 0.5117 / prandtl) / 19.65 * 0.01**2 / oil.diffusivity
    grown = math.log(100) * tau / 0.02 + 0.5 * 0.01**2 / oil.diffusivity
    assert plan["waiting_time"].unit == "h"
    assert 3600 * plan["waiting_time"].value == pytest.approx(grown, rel=0.04)


def test_nothing_of_the_plan_is_refused(plan: Any) -> None:
    assert plan.question is None
    assert plan.failed() == []
    assert plan.evidence.data["need"] == ""


def search(**changed: Any) -> Search:
    given = {"depth": 0.01, "mean_temperature": 298.15, "precision": 0.02, "growth": 100.0, "error": 0.1, **changed}
    return Search(fluid=FLUIDS["water"], **given)


def test_a_shallower_layer_starts_later_and_is_waited_for_less() -> None:
    assert search(depth=0.005).onset == pytest.approx(8 * search().onset)
    assert search(depth=0.005).hold == pytest.approx(search().hold / 4)
    assert search(precision=0.01).hold > 1.9 * search().hold


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        ({"name": "duration", "lower": None, "upper": 8.0, "unit": "h", "source": "request"}, "more than the 8 h"),
        (
            {"name": "stability_needed", "lower": 10.0, "upper": None, "unit": "mK", "source": "request"},
            "finer than the 10 mK",
        ),
    ],
)
def test_what_cannot_be_held_or_waited_for_says_what_would_help(plan: Any, bound: dict[str, Any], words: str) -> None:
    from tools.plans.convection.design import _need, _search

    request = {
        "experiment": "convection",
        "settings": plan.brief.settings,
        "choices": plan.brief.choices,
        "precision": 2.0,
        "bounds": [bound],
    }
    said = _need(request, _search(request))
    assert words in said
    assert "5 mm" in said


def test_an_oil_that_is_not_known_is_named_with_those_that_are() -> None:
    request = {
        "experiment": "convection",
        "settings": {
            "depth": "10 mm",
            "viscosity": "7 cSt",
            "mean_temperature": "25 degC",
            "growth": "100",
            "property_error": "10 percent",
            "depth_error": "50 um",
        },
        "choices": {"fluid": "silicone oil"},
        "precision": 2.0,
        "target": "onset",
        "bounds": [],
    }
    with pytest.raises(Retry, match=r"silicone oil of 7 cSt.*10"):
        design(request)


def refusal(words: str) -> str:
    brief = read_brief(words, [], planning("convection"), doubles.context())[0]
    with pytest.raises(ToolError) as caught:
        design(request_for(brief, 0))
    return str(caught.value)


def test_what_cannot_be_searched_is_refused_before_anything_is_run() -> None:
    hot = refusal("Onset of convection in 50 cSt silicone oil, 1 cm deep, mean temperature 60 degC, to 3 percent.")
    assert "from 15 to 35 degC" in hot
    weak = refusal("The onset of convection in 1 mm of water, a difference of up to 15 K between the plates.")
    assert "starts at 88.4 K only" in weak
    assert "deeper than 1.9 mm" in weak  # (88.4 / 15)^(1/3) mm
    fine = refusal("Onset in 10 mm of water within 0.001 %.")
    assert "more than the 720 h there are" in fine


def test_a_fluid_that_changes_too_much_from_plate_to_plate_is_told_a_depth_that_does() -> None:
    told = refusal("How long do I wait in 8 mm of glycerol for the onset of convection?")
    assert "viscosity change is 4.36, over 0.2" in told
    assert "above freezing is -19.3, under 0 K" in told
    depth = float(told.partition("a layer of ")[2].split()[0])
    assert 8 * (4.36 / 0.2) ** (1 / 3) <= depth <= 1.15 * 8 * (4.36 / 0.2) ** (1 / 3)


def test_the_fluids_and_grades_that_the_questions_name_are_those_that_are_known() -> None:
    fluid, grade = planning("convection").needs[1:]
    assert all(name in fluid.question for name, found in FLUIDS.items() if not found.oil)
    assert set(planning("convection").choices["fluid"]) - {"silicone oil"} == {
        n for n, f in FLUIDS.items() if not f.oil
    }
    assert all(f" {name.rpartition('-')[2]} cSt" in grade.question for name, found in FLUIDS.items() if found.oil)
