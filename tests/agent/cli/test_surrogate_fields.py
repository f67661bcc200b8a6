"""The commands that calibrate and ask the surrogate of fields: the contract's objects, exit statuses, the tally."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from physics.surrogate.fields import stored
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.frames import path_of, write
from physics.surrogate.generate import one
from physics.surrogate.regimes import get
from tests.agent.cli.conftest import Ended

Call = Callable[..., Ended]
REGIME = "advection_dispersion"
SMALL = Shape(latent=8, frame=4, tokens=16, given=12, blocks=1, backbone_layers=1)
FEW = ("--calibration", "40", "--coverage", "10", "--beyond", "5")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that were never trained, training runs, and two starts."""
    folder = tmp_path_factory.mktemp("files")
    torch.manual_seed(0)
    stored.write(folder / "fields.safetensors", Surrogate({REGIME: get(REGIME)}, SMALL), {})
    for split, frames in (("train", 0), ("start", 4)):
        write(
            folder, split, one(get(REGIME), split, range(8 if split == "train" else 2), 0, False, frames), get(REGIME)
        )
    return folder


def test_calibrate_then_predict(labwright: Call, files: Path, home: Path, tmp_path: Path) -> None:
    weights = ("--weights", str(files / "fields.safetensors"))
    ended = labwright("surrogate", "calibrate", "--data", str(files), *weights, *FEW)
    assert ended.status == 0, ended.err
    assert REGIME in ended.out
    assert stored.calibration_path(files / "fields.safetensors").is_file()
    start, out = str(path_of(files, REGIME, "start")), tmp_path / "out.hdf5"
    ended = labwright(
        "surrogate", "predict", REGIME, start, *weights, "--although-slower", "--level", "0.5", "--out", str(out),
        "--set", "feed=0.5", "--json",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    result = ended.object
    assert result["level"] == 0.5
    assert result["source"] in ("surrogate", "solver", "both")
    assert result["file"] == str(out)
    assert out.is_file()
    assert [row["settings"]["feed"] for row in result["runs"]] == [0.5, 0.5]
    lines = [json.loads(line) for line in (home / "predictions.jsonl").read_text().splitlines()]
    assert [line["experiment"] for line in lines] == [REGIME] * 2
    assert {line["run"] for line in lines} == {result["run"]}
    assert [entry["run"] for entry in labwright("runs", "--json").object["runs"]] == [result["run"]]
    shown = labwright("surrogate", "predict", REGIME, start, *weights, "--frames", "2")
    assert shown.status == 0
    assert "solver" in shown.out
    assert "concentration" in shown.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("predict", "tides", "START"), "no regime 'tides'"),
        (("predict", REGIME, "nowhere.hdf5"), "there is no such file"),
        (("predict", REGIME, "START", "--level", "2"), "level = 2 is outside"),
        (("predict", REGIME, "START", "--frames", "0"), "frames = 0 cannot be"),
        (("predict", REGIME, "START", "--set", "mass=1"), "has no setting mass"),
        (("calibrate", "--weights", "nowhere.safetensors"), "there is no such file of weights"),
        (("calibrate", "--weights", "WEIGHTS", "--calibration", "3"), "calibration = 3 is too few"),
    ],
)
def test_bad_input_is_one_line_and_status_two(
    labwright: Call, files: Path, arguments: tuple[str, ...], told: str
) -> None:
    given = {"START": str(path_of(files, REGIME, "start")), "WEIGHTS": str(files / "fields.safetensors")}
    ended = labwright("surrogate", *(given.get(each, each) for each in arguments))
    assert ended.status == 2
    assert told in ended.line
