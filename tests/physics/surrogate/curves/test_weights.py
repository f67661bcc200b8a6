"""Weights come back as they were written; anything else is told in one sentence and not used."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from physics.errors import DataError
from physics.surrogate.curves.families import get
from physics.surrogate.curves.surrogate import Surrogate
from physics.surrogate.curves.weights import read, write


@pytest.fixture
def folder(small: Surrogate, tmp_path: Path) -> Path:
    write(small.family, small.emulators, small.card, tmp_path)
    return tmp_path


def test_they_predict_the_same_after_reading(small: Surrogate, folder: Path) -> None:
    back, card = read(small.family, folder)
    x = 2.0 * torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2)) - 1.0
    for then, now in zip(small.emulators["concentration"].predict(x), back["concentration"].predict(x), strict=True):
        assert torch.allclose(then, now, atol=1e-6)
    assert card["inside"]["concentration"]["runs"] == 600
    assert card["family"] == "column"
    assert (folder / "column.safetensors").stat().st_size < 300_000


def test_missing_weights_are_told(small: Surrogate, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no surrogate of column stands at"):
        read(small.family, tmp_path)


@pytest.mark.parametrize("keep", [0, 5, 40, 5000])
def test_a_file_cut_short_is_told(small: Surrogate, folder: Path, keep: int) -> None:
    file = folder / "column.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataError, match="cannot be read") as told:
        read(small.family, folder)
    assert "\n" not in str(told.value)


def test_a_card_that_is_no_json_is_told(small: Surrogate, folder: Path) -> None:
    (folder / "column.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        read(small.family, folder)


def test_weights_of_another_family_are_told(folder: Path) -> None:
    for end in ("safetensors", "json"):
        (folder / f"column.{end}").rename(folder / f"two_region.{end}")
    with pytest.raises(DataError, match="is a surrogate of column, not of two_region"):
        read(get("two_region"), folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fingerprint": "0" * 16}, "other ranges or targets"),
        ({"version": "0"}, "has the format 0"),
    ],
    ids=["ranges", "format"],
)
def test_weights_of_another_time_are_told(small: Surrogate, folder: Path, change: dict[str, str], told: str) -> None:
    file = folder / "column.safetensors"
    card = json.loads((folder / "column.json").read_text())
    own = {name: card[name] for name in ("family", "version", "fingerprint")}
    save_file(load_file(file), file, {"labwright": json.dumps(own | change)})
    with pytest.raises(DataError, match=told):
        read(small.family, folder)


@pytest.mark.parametrize("part", ["modes", "weights", "scores", "local_points"])
def test_tensors_that_are_missing_or_do_not_fit_are_told(small: Surrogate, folder: Path, part: str) -> None:
    file = folder / "column.safetensors"
    card = json.loads((folder / "column.json").read_text())
    own = {name: card[name] for name in ("family", "version", "fingerprint")}
    tensors = load_file(file)
    whole = tensors.pop(f"concentration/{part}")
    save_file(tensors, file, {"labwright": json.dumps(own)})
    with pytest.raises(DataError, match="lacks"):
        read(small.family, folder)
    if part != "scores":
        cut = {f"concentration/{part}": whole[:-1].contiguous()}
        save_file(tensors | cut, file, {"labwright": json.dumps(own)})
        with pytest.raises(DataError, match="do not fit together"):
            read(small.family, folder)
