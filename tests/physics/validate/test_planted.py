"""The laws of every experiment that has a file: spoilt outputs are caught, sound ones pass.

How outputs are spoilt, and by how much, stands in `evals.planted`; `evals.tasks.violations` asks more of each.
"""

from functools import cache
from typing import Any

import pytest

from evals.tasks.violations import score, summary
from physics.experiments import all_experiments, get

NAMES = [experiment.name for experiment in all_experiments()]
BATCH = {"column": (45, 270), "flash": (90, 810), "convection": (2, 8), "gray_scott": (4, 16)}  # and sound runs


@cache
def rows(name: str) -> list[dict[str, Any]]:
    batch, count = BATCH.get(name, (32, 32))
    return score(get(name), seed=1, count=count, batch=batch, seconds=600.0)


@pytest.mark.parametrize("name", NAMES)
def test_the_laws_of_each_experiment(name: str) -> None:
    told = summary(rows(name))
    assert told["sound"] > 0, "no run of the example converges"
    assert told["caught"] >= 0.97, told["missed"]
    assert told["refused"] <= 0.02, rows(name)[0]["laws"]


def test_of_all_spoilt_outputs_99_in_100_are_caught_and_1_in_100_sound_ones_refused() -> None:
    told = summary([row for name in NAMES for row in rows(name)])
    assert told["spoilt"] >= 1000
    assert told["sound"] >= 1000
    assert told["caught"] >= 0.99, told["missed"]
    assert told["refused"] <= 0.01
