"""Files, cards and statistics of a folder of data; what is there is kept, and nothing is left half done."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import pytest
import torch
from filelock import FileLock

from physics.errors import SolverError
from physics.surrogate.frames import path_of, read
from physics.surrogate.generate import generate
from physics.surrogate.regimes import get
from tools.errors import Failed, Retry
from tools.surrogate import data
from tools.surrogate.data import duration, make_data

COLUMN = get("advection_dispersion")
COUNTS = {"train": 3, "valid": 2, "test": 1, "beyond": 2}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    make_data([COLUMN.name], tmp_path, seed=4, counts=COUNTS)
    return tmp_path


def stamp(folder: Path) -> dict[str, int]:
    return {split: path_of(folder, COLUMN.name, split).stat().st_mtime_ns for split in COUNTS}


def test_the_files_hold_the_runs_of_the_seed(made: Path) -> None:
    for split, count in COUNTS.items():
        found, wanted = read(made, COLUMN, split), generate(COLUMN, split, count, 4, split == "beyond")
        assert torch.equal(found.values, wanted.values)
        assert all(torch.equal(found.settings[name], value) for name, value in wanted.settings.items())


def test_the_card_says_what_the_data_are(made: Path) -> None:
    card = json.loads((made / COLUMN.name / "card.json").read_text())
    assert (card["equation"], card["interval"], card["frames"], card["seed"]) == (COLUMN.equation, 0.03, 28, 4)
    assert card["axes"] == [{"name": "x", "points": 128, "length": 1.0, "boundary": "open", "unit": ""}]
    assert [row["name"] for row in card["settings"]] == [each.name for each in COLUMN.ranges]
    assert {name: (told["runs"], told["beyond"]) for name, told in card["splits"].items()} == {
        name: (count, name == "beyond") for name, count in COUNTS.items()
    }
    assert all(told["seconds"] > 0 and told["bytes"] > 0 for told in card["splits"].values())
    assert {"python", "torch", "numba"} <= set(card["versions"])
    told = (made / COLUMN.name / "README.md").read_text()
    assert COLUMN.equation in told
    assert "| peclet | 1 | 20 to 400 | its logarithm | 10 to 600 |" in told


def test_the_wells_loader_scales_by_the_statistics(made: Path) -> None:
    well = pytest.importorskip("the_well.data", reason="the package the-well is not installed")
    from the_well.data.normalization import ZScoreNormalization

    read_by = well.WellDataset(
        path=str(made / COLUMN.name), well_split_name="train", use_normalization=True,
        normalization_type=ZScoreNormalization, n_steps_input=1, n_steps_output=1,
    )  # fmt: skip
    values = read(made, COLUMN, "train").values.double()
    assert float(read_by.norm.means["concentration"]) == pytest.approx(float(values.mean()), abs=1e-6)
    assert float(read_by.norm.stds["concentration"]) == pytest.approx(float(values.std(correction=0)), abs=1e-6)
    change = values.diff(dim=1)
    assert float(read_by.norm.stds_delta["concentration"]) == pytest.approx(float(change.std(correction=0)), abs=1e-6)
    expected = (values[0, 0, 0] - values.mean()) / values.std(correction=0)
    assert torch.allclose(read_by[0]["input_fields"][0, :, 0].double(), expected, atol=1e-5)


def test_what_is_there_is_kept_and_what_differs_is_made(made: Path) -> None:
    before = stamp(made)
    again = make_data([COLUMN.name], made, seed=4, counts=COUNTS)
    assert stamp(made) == before
    assert again["regimes"][0]["kept"] == list(COUNTS)
    assert all("seconds" in told for told in again["regimes"][0]["card"]["splits"].values())
    more = make_data([COLUMN.name], made, seed=4, counts=COUNTS | {"valid": 3})
    assert more["regimes"][0]["kept"] == ["train", "test", "beyond"]
    assert len(read(made, COLUMN, "valid")) == 3
    path_of(made, COLUMN.name, "test").write_bytes(b"cut off")
    mended = make_data([COLUMN.name], made, seed=4, counts=COUNTS | {"valid": 3})
    assert mended["regimes"][0]["kept"] == ["train", "valid", "beyond"]
    with h5py.File(path_of(made, COLUMN.name, "train"), "a") as file:
        file["t0_fields/concentration"][0, 1] += 0.01  # as another solver would have it
    mended = make_data([COLUMN.name], made, seed=4, counts=COUNTS | {"valid": 3})
    assert mended["regimes"][0]["kept"] == ["valid", "test", "beyond"]
    other = make_data([COLUMN.name], made, seed=5, counts=COUNTS)
    assert other["regimes"][0]["kept"] == []
    assert make_data([COLUMN.name], made, seed=5, counts={"test": 1}, again=True)["regimes"][0]["kept"] == []


def test_a_command_that_is_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(trajectory: object, *more: object, **others: object) -> Path:
        if "valid" in more:
            raise KeyboardInterrupt
        return write(trajectory, *more, **others)

    write = data.write
    monkeypatch.setattr(data, "write", stopped)
    with pytest.raises(KeyboardInterrupt):
        make_data([COLUMN.name], tmp_path, counts=COUNTS)
    assert [file.name for file in tmp_path.rglob("*") if file.is_file() and file.name != ".lock"] == [
        f"{COLUMN.name}.hdf5"
    ]
    left = path_of(tmp_path, COLUMN.name, "train").with_name(f".{COLUMN.name}.hdf5.cut")
    left.write_bytes(b"half of a file")
    monkeypatch.setattr(data, "write", write)
    told = make_data([COLUMN.name], tmp_path, counts=COUNTS)["regimes"][0]
    assert told["kept"] == ["train"]
    assert set(told["card"]["splits"]) == set(COUNTS)
    assert (tmp_path / COLUMN.name / "stats.yaml").is_file()
    assert not left.exists()


def test_two_commands_do_not_write_the_same_folder(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(Retry, match="another command is making data there"):
        make_data([COLUMN.name], tmp_path, counts=COUNTS)


def test_the_time_left_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    make_data([COLUMN.name], tmp_path, counts={"train": 2}, progress=said.append)
    assert said[0] == f"{COLUMN.name}, train: 0 of 2 runs"
    assert said[-1] == f"{COLUMN.name}, train: 2 of 2 runs, 0 s left in all"
    assert [duration(s) for s in (12.4, 600.0, 7200.0)] == ["12 s", "10 min", "2.0 h"]


@pytest.mark.parametrize(
    ("names", "more", "told"),
    [
        (["colum"], {}, "no regime 'colum'"),
        ([], {"counts": {"train": -1}}, "train = -1 runs"),
        ([], {"counts": {"train": 0}}, "no split has any runs"),
        ([], {"counts": {"trial": 1}}, "no split 'trial'"),
        ([], {"seed": -1}, "seed = -1"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, names: list[str], more: dict, told: str) -> None:
    with pytest.raises(Retry, match=told):
        make_data(names, tmp_path / "new", **more)
    assert not (tmp_path / "new").exists()


def test_a_place_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Retry, match="is a file"):
        make_data([COLUMN.name], tmp_path / "file", counts={"test": 1})
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    with pytest.raises(Retry, match="GB are needed and"):
        make_data([COLUMN.name], tmp_path, counts={"test": 1})


def test_a_run_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: object, **more: object) -> None:
        raise SolverError("advection_dispersion: run 0 is not finite")

    monkeypatch.setattr(type(COLUMN), "solve", fails)
    with pytest.raises(Failed, match="test: advection_dispersion: run 0"):
        make_data([COLUMN.name], tmp_path, counts={"test": 1})
    assert not list(tmp_path.rglob("*.hdf5"))


class FakeRay:
    """A cluster of one processor that works when it is asked for the result."""

    exceptions = SimpleNamespace(RayTaskError=KeyError, RayError=LookupError)

    def __init__(self) -> None:
        self.open: list[str] = []

    def init(self, address: str, **more: object) -> None:
        if address == "auto":
            raise ConnectionError("no answer")
        self.open.append(address)

    def shutdown(self) -> None:
        self.open.append("closed")

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 1.0}

    def remote(self, **options: object):
        return lambda work: SimpleNamespace(remote=lambda *given: lambda: work(*given))

    def get(self, reference, **more: object):
        return reference()


def test_batches_go_to_a_cluster_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setattr("physics.surrogate.generate.BATCH", 2)
    make_data([COLUMN.name], tmp_path, seed=4, counts={"train": 3}, ray="local")
    assert fake.open == ["local", "closed"]
    assert torch.equal(read(tmp_path, COLUMN, "train").values, generate(COLUMN, "train", 3, 4).values)
    for address in ("auto", "127.0.0.1:1"):
        with pytest.raises(Retry, match=f"no Ray cluster at '{address}'"):
            make_data([COLUMN.name], tmp_path, counts={"train": 4}, ray=address)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Retry, match="not installed"):
        make_data([COLUMN.name], tmp_path, counts={"train": 3}, ray="local")


def test_a_file_says_what_it_is(made: Path) -> None:
    with h5py.File(path_of(made, COLUMN.name, "beyond")) as file:
        assert (file.attrs["split"], file.attrs["equation"], file.attrs["seed"]) == ("beyond", COLUMN.equation, 4)
