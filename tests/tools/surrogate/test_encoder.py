"""Training of the encoder as a tool, on made-up runs: a file with a card, and what cannot be is told."""

from pathlib import Path

import pytest

from physics.surrogate.embedding import stored
from physics.surrogate.embedding.train import Runs
from tests.physics.surrogate.embedding.toys import toys
from tools.errors import Retry
from tools.surrogate import encoder


def _made(split: str) -> list[Runs]:
    return toys(4, len(split))


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "fields", lambda folder, split, count: [(runs, None) for runs in _made(split)[:1]])
    monkeypatch.setattr(encoder, "records", lambda split, count, seed: _made(split)[1:])


@pytest.mark.usefixtures("toy")
def test_weights_are_written_with_what_they_are_worth(tmp_path: Path) -> None:
    told: list[str] = []
    result = encoder.train_encoder(tmp_path, tmp_path / "made" / "e.safetensors", steps=2, progress=told.append)
    made, card = stored.read(tmp_path / "made" / "e.safetensors")
    assert made.shape.size == card["shape"]["size"]
    assert card["learned_from"] == {"lines": 4, "fronts": 4, "swings": 4}
    assert set(card["same_set_first"]) == {"encoder", "fixed features"}
    assert result["bytes"] < 2_000_000
    assert any("step 0 of 2" in sentence for sentence in told)


@pytest.mark.parametrize(
    ("more", "told"),
    [({"minutes": 0.0}, "above 0"), ({"steps": 0}, "above 0")],
    ids=["minutes", "steps"],
)
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, more: dict[str, float], told: str) -> None:
    with pytest.raises(Retry, match=told):
        encoder.train_encoder(tmp_path, tmp_path / "e", **more)  # type: ignore[arg-type]


def test_missing_data_and_a_folder_as_a_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(Retry, match="surrogate data"):
        encoder.train_encoder(tmp_path, tmp_path / "e.safetensors")
    with pytest.raises(Retry, match="is a directory"):
        encoder.train_encoder(tmp_path, tmp_path)
