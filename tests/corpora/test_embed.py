from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from corpora.embed import DIMENSION, FILES, Embedder, _carrier
from corpora.errors import EmbedError

TEXTS = [
    "How long should the tracer pulse be?",
    "Bromide hardly sorbs to quartz sand [key], so it moves at 2.5 cm/h.",
    "µ ≤ 5 % — naïve",
    "x",
    "a word and another " * 200,
]


@pytest.fixture(scope="module")
def both() -> tuple[np.ndarray, np.ndarray]:
    batch, single = Embedder(), Embedder()
    return batch.embed(TEXTS), np.stack([single.embed_question(text) for text in TEXTS])


def test_the_light_pass_is_that_of_sentence_transformers(both: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_allclose(both[0], both[1], atol=2e-6)


def test_vectors_are_normalised(both: tuple[np.ndarray, np.ndarray]) -> None:
    assert both[0].shape == (len(TEXTS), DIMENSION)
    np.testing.assert_allclose(np.linalg.norm(both[0], axis=1), 1, atol=1e-5)


def test_meaning_counts() -> None:
    embedder = Embedder()
    ask = embedder.embed_question("Which salt should mark the water?")
    near = embedder.embed_question("Bromide is a good tracer because it does not sorb.")
    far = embedder.embed_question("The invoice is due on Friday.")
    assert ask @ near > ask @ far + 0.1


def test_nothing_to_embed_is_nothing() -> None:
    assert Embedder().embed([]).shape == (0, DIMENSION)


AGAIN = """
import sys
from pathlib import Path
from corpora.embed import Embedder
embedder = Embedder(Path(sys.argv[1]))
vector = embedder.embed_question("seen before?")
embedder.embed(["seen before?"] * 2)
heavy = {"torch", "transformers", "sentence_transformers", "tokenizers", "corpora.minilm"}
print(sorted(heavy & set(sys.modules)), vector.sum())
"""


def test_a_text_seen_before_loads_no_model(tmp_path: Path) -> None:
    cache = tmp_path / "vectors.sqlite"
    first = Embedder(cache)
    expected = first.embed_question("seen before?")
    first.close()
    out = subprocess.run([sys.executable, "-c", AGAIN, cache], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["[]", str(expected.sum())]


def test_a_changed_model_file_is_refused(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes((_carrier() / name).read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    with pytest.raises(EmbedError, match="not the publisher's file"):
        Embedder(folder=tmp_path).embed_question("anything")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbedError, match="missing from the embedding model"):
        Embedder(folder=tmp_path).embed(["anything"])
