"""What several curves leave for the next run."""

import math

import pytest

from physics.errors import ParameterError
from tools.experiments import find
from tools.optimisation.past import left_by
from tools.optimise import optimise_run

ROWS = [
    {"name": "velocity", "value": 2.0, "std": 0.02, "unit": "cm/h"},
    {"name": "dispersion[a.csv]", "parameter": "dispersion", "value": 0.16, "std": 0.008, "unit": "cm**2/h"},
    {"name": "dispersion[b.csv]", "parameter": "dispersion", "value": 0.12, "std": 0.006, "unit": "cm**2/h"},
    {"name": "baseline[a.csv]", "parameter": "baseline", "value": -0.01, "std": 0.01, "unit": ""},
]
RESULT = {
    "parameters": ROWS,
    "correlation": [[float(i == j) for j in range(4)] for i in range(4)],
    "n": 40,
    "sets": [
        {"noise": 0.02, "settings": {"length": "11 cm", "outlet": "semi-infinite"}},
        {"noise": 0.02, "settings": {"length": "17 cm", "outlet": "semi-infinite"}},
    ],
}


def test_parameters_of_each_curve_become_their_mean_within_their_scatter() -> None:
    past = left_by(find("column"), RESULT, {}, [])
    assert past.belief.names == ("velocity", "dispersion")
    assert past.belief.median["dispersion"] == pytest.approx(math.sqrt(0.16 * 0.12) / 3.6e7)
    between = abs(math.log(0.16 / 0.12)) / math.sqrt(2)
    assert past.belief.deviation["dispersion"] == pytest.approx(math.sqrt(2 * 0.05**2 / 4 + between**2))
    assert past.settings == {"outlet": "semi-infinite"}
    assert past.limits == ("length=11 cm, 17 cm",)
    assert past.nuisance == ("baseline",)
    assert float(past.noise or 0) == pytest.approx(0.02)


def test_what_curves_contradict_each_other_about_keeps_what_lies_between_them() -> None:
    apart = {"agree": False, "sse_apart": 0.0036, "apart": [{"name": "velocity", "values": {"a": 2.0, "b": 2.1}}]}
    past = left_by(find("column"), {**RESULT, "agreement": apart}, {"length": "20 cm"}, [])
    assert past.belief.deviation["velocity"] == pytest.approx(math.hypot(0.01, math.log(1.05) / math.sqrt(2)))
    assert float(past.noise or 0) == pytest.approx(0.01)
    assert past.limits == ()
    assert any("contradict" in note for note in past.notes)


def test_a_parameter_that_was_left_open_is_refused() -> None:
    with pytest.raises(ParameterError, match="leaves velocity open"):
        left_by(find("column"), {**RESULT, "parameters": [{**ROWS[0], "std": None}], "correlation": []}, {}, [])


def test_the_next_run_is_designed_after_several_curves() -> None:
    told = optimise_run("column", {}, ["duration<=10 h", "samples<=10"], {"dispersion": "10%"}, after=RESULT).data
    names = {row["name"]: row["value"] for row in told["settings"]}
    assert names["length"] in (11.0, 17.0)
    assert names["velocity"] == pytest.approx(2.0)
    assert any("as the calibration found" in note for note in told["assumptions"])
