"""What is asked of the data before they are fitted, and from where the search begins."""

from pathlib import Path

import pytest

from physics.errors import DataError
from physics.experiments import get
from tools.calibration import problem
from tools.calibration.options import Options
from tools.calibration.problem import AT_REST, BEGIN, read_task, settle, starts
from tools.read_data import read_data

COLUMN = get("column")
SAND = Path(__file__).parents[4] / "shared" / "data" / "column" / "sand_step_11cm.csv"
SETTINGS = {"length": "11 cm", "outlet": "semi-infinite"}
RISE = [(2, 0.0), (3, 0.03), (3.5, 0.13), (4, 0.32), (4.5, 0.54), (5, 0.74), (5.5, 0.87), (6, 0.94), (7, 0.99)]


def task(folder: Path, rows: list[tuple[float, float]], *names: str, files: int = 1, **options: object) -> problem.Task:
    paths = [folder / f"{k}.csv" for k in range(files)]
    for k, path in enumerate(paths):
        lines = "\n".join(f"{t},{v * (1 - 0.01 * k)}" for t, v in rows)
        path.write_text(f"time_h,relative_concentration\n{lines}\n")
    read = read_data(COLUMN, paths, SETTINGS, free=names)
    return read_task(COLUMN, read, names, Options(**options), SETTINGS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "names", "options", "told"),
    [
        (1, ("velocity", "dispersion"), {}, "0.csv: 1 point for 2 unknowns (velocity, dispersion); measure more"),
        (2, ("velocity", "dispersion", "decay"), {}, "2 points for 3 unknowns"),
        (2, ("velocity", "dispersion"), {"nuisance": ("baseline",)}, "(velocity, dispersion, baseline)"),
        (
            1,
            ("velocity", "dispersion"),
            {"files": 2, "separate": ("velocity",)},
            "the 2 files: 2 points for 3 unknowns",
        ),
    ],
)
def test_fewer_points_than_unknowns_stop(
    tmp_path: Path, count: int, names: tuple[str, ...], options: dict[str, object], told: str
) -> None:
    with pytest.raises(DataError) as caught:
        task(tmp_path, RISE[3 : 3 + count], *names, **options)  # type: ignore[arg-type]
    assert told in str(caught.value)


def test_a_prior_counts_as_a_point(tmp_path: Path) -> None:
    known = ("dispersion=0.15 cm**2/h +- 20 %",)
    assert task(tmp_path, RISE[3:4], "velocity", "dispersion", priors=known).free == ("velocity", "dispersion")


def test_what_is_seen_beside_others_only_has_a_start(tmp_path: Path) -> None:
    (begun,) = starts(task(tmp_path, RISE, "velocity", "mobile_fraction", "exchange"))
    assert {name: begun[name] for name in ("mobile_fraction", "exchange")} == {
        name: BEGIN[name] for name in ("mobile_fraction", "exchange")
    }


def test_repeated_runs_are_one_batch_and_others_are_not(tmp_path: Path) -> None:
    asked = task(tmp_path, RISE, "velocity", "dispersion", files=2)
    begun = starts(asked)
    same = [begun[0], dict(begun[0])]
    one, two = problem._problem(asked, same, 1e-7, same).sets
    assert one.model is two.model
    apart = [begun[0], {**begun[0], "length": 0.2}]
    one, two = problem._problem(asked, apart, 1e-7, apart).sets
    assert one.model is not two.model


def test_water_at_rest_is_looked_for_from_several_starts(tmp_path: Path) -> None:
    begun = [{"mobile_fraction": 0.7, "exchange": 2.0, "velocity": 1e-5}]
    asked = task(tmp_path, RISE, "velocity", "mobile_fraction", "exchange")
    found = list(problem._with_water_at_rest(asked, begun))
    assert found[0] == begun
    assert [(one[0]["mobile_fraction"], one[0]["exchange"]) for one in found[1:]] == list(AT_REST)
    assert all(one[0]["velocity"] == 1e-5 for one in found)
    rates = list(problem._with_water_at_rest(task(tmp_path, RISE, "velocity", "exchange"), begun))
    assert {one[0]["mobile_fraction"] for one in rates} == {0.7}
    assert [one[0]["exchange"] for one in rates] == [2.0, 0.3, 1.0, 3.0]
    assert list(problem._with_water_at_rest(task(tmp_path, RISE, "velocity", "dispersion"), begun)) == [begun]


@pytest.mark.skipif(not SAND.exists(), reason="the measured curve is not here")
def test_the_minimum_is_found_that_starts_far_and_wide_find() -> None:
    """Twenty starts leave 1.739e-4; there is another minimum at 9.98e-4 with hardly any mobile water."""
    names, settings = ("velocity", "dispersion", "mobile_fraction", "exchange"), {"length": "11 cm"}
    read = read_data(COLUMN, [SAND], settings, free=names)
    found = settle(read_task(COLUMN, read, names, Options(), settings), 0.9)
    assert found.solved.fit.sse == pytest.approx(1.739e-4, rel=1e-2)
    assert found.solved.fit.parameters["mobile_fraction"].value == pytest.approx(0.947, abs=0.01)
