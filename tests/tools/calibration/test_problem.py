"""What is asked of the data before they are fitted, and from where the search begins."""

from pathlib import Path

import pytest

from physics.errors import DataError
from physics.experiments import get
from tools.calibration import problem
from tools.calibration.options import Options
from tools.calibration.problem import BEGIN, SEVERAL, read_task, settle, starts
from tools.read_data import read_data

COLUMN = get("column")
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


@pytest.mark.parametrize(
    ("names", "expected"), [(("dispersion", "mobile_fraction", "exchange"), SEVERAL), (("dispersion",), None)]
)
def test_an_exchange_is_searched_from_several_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], expected: int | None
) -> None:
    class Asked(Exception):
        pass

    def asked(*_: object, **given: object) -> None:
        raise Asked(given.get("starts"))

    monkeypatch.setattr(problem, "solve", asked)
    with pytest.raises(Asked) as caught:
        settle(task(tmp_path, RISE, "velocity", *names), 0.9)
    assert caught.value.args == (expected,)
