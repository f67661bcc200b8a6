from collections.abc import Callable
from pathlib import Path

import pytest

from agent.cli import experiments
from agent.cli.main import spread
from tests.agent.cli.conftest import Ended

Call = Callable[..., Ended]


def test_our_own_failure_is_kept_and_named(labwright: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(experiments, "names", broken)
    ended = labwright("experiments", "--json")
    assert ended.status == 1
    assert "our own failure" in ended.line
    assert "secret" not in ended.line
    (kept,) = (home / "failures").iterdir()
    assert kept.stem in ended.line
    assert "ZeroDivisionError" in kept.read_text()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--set", "a=1", "b=2", "--json"], ["--set", "a=1", "--set", "b=2", "--json"]),
        (["--fit", "x", "y"], ["--fit", "x", "--fit", "y"]),
        (["--fit", "x,y", "--set", "a=1"], ["--fit", "x", "--fit", "y", "--set", "a=1"]),
        (["--set", "a=1", "data.csv"], ["--set", "a=1", "data.csv"]),
        (["--set", "a=1", "x/b.csv:a=2"], ["--set", "a=1", "--set", "x/b.csv:a=2"]),
        (
            ["--separate", "x", "--nuisance", "gain,drift", "b.csv"],
            ["--separate", "x", "--nuisance", "gain", "--nuisance", "drift", "b.csv"],
        ),
        (["--set", "nonsense"], ["--set", "nonsense"]),
        (["--set"], ["--set"]),
        (["--fit", "--json"], ["--fit", "--json"]),
        (
            ["plan", "--data", "a.csv", "b.csv", "what next?"],
            ["plan", "--data", "a.csv", "--data", "b.csv", "what next?"],
        ),
    ],
)
def test_options_that_take_many_values_are_spread(given: list[str], meant: list[str]) -> None:
    assert spread(given) == meant


def test_experiments_are_described(labwright: Call) -> None:
    assert "column" in [e["name"] for e in labwright("experiments", "--json").object["experiments"]]
    column = labwright("experiments", "column", "--json").object
    assert {"length", "velocity", "dispersion", "retardation"} <= {item["name"] for item in column["parameters"]}
    assert column["balances"] == ["tracer"]
    assert labwright("experiments", "colum").status == 2


def test_a_run_that_does_not_exist_is_named(labwright: Call, tmp_path: Path) -> None:
    ended = labwright("report", "20990101", "-o", str(tmp_path / "x.html"))
    assert ended.status == 2
    assert "20990101" in ended.line
    assert not (tmp_path / "x.html").exists()


def test_a_report_of_a_simulation_and_its_formats(labwright: Call, tmp_path: Path) -> None:
    given = ("length=30 cm", "velocity=10 cm/h", "dispersion=1 cm**2/h")
    run = labwright("simulate", "column", "--set", *given, "--json").object["run"]
    page = tmp_path / "run.html"
    assert labwright("report", run, "-o", str(page)).status == 0
    assert "<svg" in page.read_text()
    assert labwright("report", run, "--format", "md", "-o", str(tmp_path / "run.md")).status == 0
    assert labwright("report", run, "--format", "docx").status == 2
    assert labwright("report", run, "-o", str(tmp_path)).status == 2


def test_a_request_cannot_write_into_the_page(labwright: Call, tmp_path: Path) -> None:
    given = ("length=30 cm", "velocity=10 cm/h", "dispersion=1 cm**2/h")
    run = labwright("simulate", "column", "--set", *given, "--json").object["run"]
    record = next((Path(str(tmp_path)) / "home" / "runs").glob(f"{run}.json"))
    record.write_text(record.read_text().replace('"experiment":"column"', '"experiment":"<script>x</script>"'))
    page = tmp_path / "run.html"
    assert labwright("report", run, "-o", str(page)).status == 0
    assert "<script>" not in page.read_text()
