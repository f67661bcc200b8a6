"""Why the solver computes what a plan shows."""

import pytest

from physics.surrogate.curves import weights
from tools.plans.sweeps import CONFIRMED, asked

COLUMN = {"length": "30 cm", "velocity": "10 cm/h", "dispersion": "3 cm**2/h"}
LAYER = {"fluid": "water", "depth": "6 mm", "temperature_difference": "2 K"}
PATTERN = {"feed": "0.03", "kill": "0.062", "size": "0.2", "cells": "16", "duration": "4"}


@pytest.mark.parametrize(
    ("experiment", "settings", "family", "kind", "told"),
    [
        ("column", COLUMN, "column", "speed", "less than 100"),
        ("column", COLUMN | {"outlet": "semi-infinite"}, "", "setting", "outlet = semi-infinite"),
        ("convection", LAYER, "convection", *CONFIRMED),
        ("convection", LAYER | {"temperature_difference": "0.1 K"}, "convection", "range", "rayleigh = "),
        ("convection", LAYER | {"depth": "6 s"}, "", "setting", "depth"),
        ("gray_scott", PATTERN, "", "setting", "no surrogate of gray_scott"),
    ],
    ids=["fast", "setting", "known", "range", "unit", "none"],
)
def test_the_reason_comes_with_its_kind(experiment, settings, family, kind, told):
    found, (why, sentence) = asked(experiment, settings)
    assert (found, why) == (family, kind)
    assert told in sentence


def test_weights_that_are_missing_are_told(tmp_path):
    assert asked("convection", LAYER, tmp_path)[1][0] == "weights"
    assert weights.FOLDER.is_dir()
