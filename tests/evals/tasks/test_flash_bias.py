"""The fit stays unbiased where the half-rise time alone does not."""

from evals.tasks.flash_bias import run


def test_one_row_of_the_table():
    result = run(0, biots=(0.05,), draws=12)
    row = result["rows"][0]
    assert abs(row["fit"]) < 4 * row["fit_se"]
    assert row["fit_se"] < 0.1
    assert row["parker"] > 3
    assert row["five_exact"] > 2.5
    assert result["summary"]["largest_error_percent"]["fit"] == row["fit"]
