"""A search for the onset of convection, against the formulas of the theory."""

import math
from itertools import pairwise
from typing import Any

import pytest

from physics.equations.boussinesq_fluids import FLUIDS
from tools.design import design
from tools.errors import Retry
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
