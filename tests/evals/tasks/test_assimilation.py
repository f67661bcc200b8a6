import numpy as np
import pytest

from evals.tasks import assimilation
from physics.assimilation.convection import cell
from physics.assimilation.prior import LogNormal

PLACES = np.array([(x, z) for x in (0.2, 0.9, 1.3) for z in (0.2, 0.6)])


@pytest.fixture
def hidden(monkeypatch):
    monkeypatch.setattr(assimilation, "ROWS", 16)
    return assimilation.Hidden(np.random.default_rng(0))


def test_a_hidden_run_shows_its_sensors_what_its_fields_say(hidden):
    shown = cell(PLACES, [0.0, 0.01], LogNormal(1e5, 0.3), rows=16)
    seen = hidden.seen(PLACES, 0.01)
    told = hidden.on(shown)["temperature"] + (1.0 - shown.axes["z"])[:, None]
    for (x, z), value in zip(PLACES, seen, strict=True):
        j, i = np.abs(shown.axes["z"] - z).argmin(), np.abs(shown.axes["x"] - x).argmin()
        steepest = np.abs(np.diff(told, axis=0)).max() + np.abs(np.diff(told, axis=1)).max()
        assert abs(told[j, i] - value) <= steepest
    assert hidden.now == 0.01
    assert np.abs(hidden.on(shown)["velocity"]).max() > 1.0


def test_the_summary_tells_bias_and_coverage():
    def row(error, covered):
        return {
            "method": "4D-Var", "rayleigh_error": error, "rayleigh_deviation": 0.01, "covered": covered,
            "temperature end": 0.02, "velocity end": 0.05, "seconds": 3.0, "agree": covered,
        }  # fmt: skip

    told = assimilation.summary([row(0.01, True), row(0.05, False)])
    mine = told["methods"]["4D-Var"]
    assert mine["within_3_percent"] == 0.5
    assert mine["covered"] == 0.5
    assert mine["score_mean"] == pytest.approx((np.log(1.01) + np.log(1.05)) / 0.02)
    assert mine["field_worst"] == 0.05
    assert told["agree"] == 0.5
