"""Figures of a calibration: labels, units, one panel of residuals a file."""

from typing import Any

import pytest

from agent.report import calibration
from agent.report.document import write
from agent.runs import RunRecord
from tests.agent.report.test_figures import words

CURVE: dict[str, Any] = {
    "time": [0.0, 1.0], "time_unit": "h", "measured": [0.1, 0.9], "fitted": [0.0, 1.0], "label": "rise (K)"
}  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"name": "velocity", "value": 2.5, "std": 0.1, "lower": 2.3, "upper": 2.7, "level": 0.95, "unit": "cm/h"},
    {"name": "dispersion[a.csv]", "value": 0.2, "std": 0.1, "lower": None, "upper": 0.4, "level": 0.95,
     "unit": "cm**2/h"},
]  # fmt: skip
DRAWS = {"velocity": [2.4, 2.5, 2.6], "dispersion[a.csv]": [0.1, 0.2, 0.3]}
PREDICTION: dict[str, Any] = {
    "time": [0.0, 1.0], "time_unit": "h", "median": [0.1, 0.9], "lower": [0.0, 0.8], "upper": [0.2, 1.0], "level": 0.9,
    "label": "relative concentration", "settings": {"position": "23 cm"},
    "measured": {"name": "third.csv", "time": [0.5], "values": [0.5]},
    "coverage": {"words": "third.csv: 1 of 1 readings lie in the interval."},
}  # fmt: skip


def test_a_fit_is_labelled_as_its_curve() -> None:
    told = words(calibration.fits([CURVE]))
    assert {"Rise (K)", "residual", "time (h)", "measured", "fitted"} <= set(told)


def test_files_in_other_units_of_time_share_an_axis() -> None:
    other = {**CURVE, "name": "b.csv", "time": [0.0, 60.0], "time_unit": "min"}
    told = words(calibration.fits([{**CURVE, "name": "a.csv"}, other]))
    assert {"a.csv", "b.csv", "residuals of a.csv", "residuals of b.csv", "time (h)"} <= set(told)
    assert not [text for text in told if text in ("20", "40", "60")]  # minutes were converted


@pytest.mark.parametrize("count", [1, 2])
def test_a_posterior_names_parameters_with_their_units(count: int) -> None:
    told = words(calibration.posterior(ROWS[:count], DRAWS))
    assert "velocity (cm/h)" in told
    assert any("cm²/h" in text for text in told) == (count == 2)
    assert "95 % interval dashed" in told
    assert calibration.posterior(ROWS, {}) == ""


def test_a_prediction_tells_for_what_and_at_which_level() -> None:
    told = words(calibration.prediction(PREDICTION))
    assert {"Prediction for position = 23 cm", "90 % interval of a reading", "third.csv", "time (h)"} <= set(told)


def test_the_page_of_a_calibration() -> None:
    sets = [
        {"name": name, "n": 2, "sse": 0.02, "rmse": 0.1, "noise": 0.1, "settings": {"position": "11 cm"}}
        for name in ("a.csv", "<b>.csv")
    ]
    comparison = {
        "models": [{"name": "equilibrium", "parameters": ["velocity"], "sse": 0.1, "aicc": -5.0, "bic": -4.0}],
        "verdict": "The richer model is not needed.",
    }
    result = {
        "status": "converged", "message": "The fit converged.", "parameters": ROWS, "sets": sets, "curve": CURVE,
        "curves": [{**CURVE, "name": "a.csv"}, {**CURVE, "name": "<b>.csv"}], "prediction": PREDICTION,
        "posterior": {"method": "laplace", "words": "as they should be", "draws": DRAWS}, "comparison": comparison,
        "warnings": ["a.csv holds <nothing>"], "checks": [], "balances": [],
    }  # fmt: skip
    record = RunRecord(id="r1", kind="calibrate", inputs={"experiment": "column", "settings": {}}, result=result)
    page = write(record, "html")
    assert page.count("<svg") == 3
    for title in ("Files", "Posterior", "Prediction", "Models compared"):
        assert f"<h2>{title}</h2>" in page
    for text in ("position = 11 cm", "1 of 1 readings", "as they should be.", "is not needed.", "&lt;nothing&gt;"):
        assert text in page
    assert "<b>" not in page
    plain = write(record, "md")
    assert "| a.csv | 2 | 0.02 | 0.1 |" in plain
    assert "| equilibrium | velocity |" in plain
    assert "- a.csv holds <nothing>" in plain


def test_the_page_of_a_plan_after_data_shows_their_fit() -> None:
    rows = [
        {"file": f"/home/lab/{name}", "used": used, "n": 2, "rmse": 0.1, "parameters": ROWS, "curve": CURVE,
         "warnings": ["the residuals are <systematic>"]}
        for name, used in (("a.csv", False), ("b.csv", True))
    ]  # fmt: skip
    result = {
        "status": "recommended", "experiment": "column", "checks": [],
        "settings": [{"name": "velocity", "value": 2.5, "unit": "cm/h"}],
        "calibration": {"files": rows, "disagree": True, "level": 0.95},
    }  # fmt: skip
    page = write(RunRecord(id="r1", kind="plan", inputs={"request": "what next?"}, result=result), "html")
    assert page.index("<h2>What the data say</h2>") < page.index("<h2>The next run</h2>")
    drawn = words(page[page.index("<svg") : page.index("</svg>") + len("</svg>")])
    assert {"a.csv", "b.csv", "residuals of a.csv", "residuals of b.csv"} <= set(drawn)
    for text in ("a.csv (not used: it disagrees)", "2.3 to 2.7", "95 % interval", "cm²/h"):
        assert text in page
    assert page.count("&lt;systematic&gt;") == 1
    assert "/home/lab" not in page
    assert "| b.csv | velocity | 2.5 | 2.3 to 2.7 | cm/h |" in write(
        RunRecord(id="r1", kind="plan", inputs={}, result=result), "md"
    )
