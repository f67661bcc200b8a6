"""The table of the study: means over seeds, ratios over common data sets, numbers rounded to what they support."""

import pytest

from evals.surrogate.records import Row
from evals.surrogate.table import ablations, against_peers, count, spread, three


def row(dataset, model, vrmse, seed=0, horizon="rollout", parameters=1_043_210, minutes=12.0):
    return Row(
        dataset=dataset, horizon=horizon, model=model, seed=seed, vrmse=vrmse, parameters=parameters,
        cpu_minutes=minutes,
    )  # fmt: skip


ROWS = [
    *(row("burgers", "ours", value, seed) for seed, value in enumerate((0.09, 0.10, 0.11))),
    row("burgers", "fno", 0.2),
    row("convection", "ours", 0.3),
    row("convection", "fno", 0.5, parameters=1_100_000, minutes=11.0),
    row("convection", "coarse", 0.6, parameters=0, minutes=0.0),
    row("burgers", "without_waves", 0.15),
    row("burgers", "fno", 0.05, horizon="step"),
]


def test_ours_stands_beside_each_baseline_with_both_ratios():
    table = against_peers(ROWS, "rollout")
    assert list(table.models) == ["ours", "fno", "coarse"]
    burgers, convection = table.lines
    assert burgers.cells == ("0.100 ± 0.010", "0.200", "-")
    assert convection.cells == ("0.300", "0.500", "0.600")
    assert burgers.best == {0}
    told = {line.name: line.cells for line in table.means}
    assert told["mean"] == ("0.200", "0.350", "-")
    assert told["ours over it, ratio of means"] == ("1", "0.571", "0.500")
    assert told["ours over it, geometric mean"] == ("1", "0.548", "0.500")
    assert told["parameters"] == ("1.04\u202fM", "1.04\u202fM to 1.1\u202fM", "-")
    assert told["CPU minutes"] == ("12.0", "11.0 to 12.0", "-")


def test_a_part_left_out_is_an_ablation_and_no_baseline():
    assert list(ablations(ROWS, "rollout").models.values()) == ["Labwright", "without waves"]
    assert ablations(ROWS, "step") is None
    assert ablations(ROWS[:5], "rollout") is None


def test_without_rows_there_is_no_table():
    assert against_peers([], "step") is None
    assert against_peers([row("burgers", "ours", None)], "rollout") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.049, "0.0490"), (12.3456, "12.3"), (123.4, "123"), (99.96, "100"), (2.34e-5, "2.3·10⁻⁵"),
     (54321.0, "54\u202f321"), (1.23e7, "1.2·10⁷"), (None, "-"), (float("inf"), "-"), (-0.5, "-0.500")],
)  # fmt: skip
def test_numbers_have_three_digits(value, text):
    assert three(value) == text


def test_counts_are_short():
    assert [count(value) for value in (0, 12, 999, 1000, 43_210, 999_900, 1_250_000)] == [
        "0", "12", "999", "1\u202fk", "43.2\u202fk", "1\u202fM", "1.25\u202fM",
    ]  # fmt: skip


def test_a_spread_sets_the_digits():
    assert spread([0.5, 0.5]) == "0.500"
    assert spread([]) == "-"
    assert spread([1.0, 1.2, 1.4]) == "1.20 ± 0.20"
